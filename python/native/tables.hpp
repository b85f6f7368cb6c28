#pragma once
// Typed values of Python, and tables of them as TOON. All functions need the GIL.
#include <pybind11/pybind11.h>

#include <string>

#include "core/typed_value.hpp"

namespace hearth::python {

namespace py = pybind11;

/// None, bool, int, float, str, bytes, datetime, GeoPoint, list or tuple, dict with str keys, or a
/// NumPy scalar of those. `field` names it in errors. Throws TypeError for other types,
/// native_error(invalid_argument) for integers of more than 64 bits, datetimes without a time zone
/// and text that is not Unicode, native_error(limit_exceeded) past typed_value_depth.
[[nodiscard]] typed_value typed_value_from(py::handle object, const std::string& field);

[[nodiscard]] py::object object_from(const typed_value& item);
[[nodiscard]] py::list list_from(const std::vector<typed_object>& rows);

void bind_tables(py::module_& module);

}  // namespace hearth::python
