#pragma once
// Metadata, ids and texts between Python objects and C++ values. All functions need the GIL.
#include <pybind11/pybind11.h>

#include <optional>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/record.hpp"

namespace hearth::python {

namespace py = pybind11;

/// A dict as metadata; None is an empty map. Keys are str; values are None, bool, int, float, str,
/// datetime, GeoPoint, list or tuple, dict, or a NumPy scalar of those. `field` starts the key path
/// in errors. Throws TypeError for other types, native_error(invalid_argument) for integers outside
/// int64, NaN, datetimes without a time zone and text that is not Unicode,
/// native_error(limit_exceeded) past
/// `levels` of nesting.
[[nodiscard]] value_map metadata_from(py::handle object, const std::string& field,
                                      std::size_t levels = limits::metadata_depth);

[[nodiscard]] py::object object_from(const value& item);
[[nodiscard]] py::dict dict_from(const value_map& metadata);

/// One id: str, or an integer in 0..2^64-1 (a NumPy integer too, but not bool).
[[nodiscard]] record_id id_from(py::handle object, const std::string& field);

/// A column of ids: a uint64 buffer, or a list of str and int.
[[nodiscard]] std::vector<record_id> ids_from(py::handle column);

/// A uint64 array if every id is a number, otherwise a list of str and int.
[[nodiscard]] py::object column_from(const std::vector<record_id>& ids);

/// One text: str or None.
[[nodiscard]] std::optional<std::string> text_from(py::handle object, const std::string& field);

[[nodiscard]] py::list list_from(const std::vector<value_map>& metadata);
[[nodiscard]] py::list list_from(const std::vector<std::optional<std::string>>& texts);

/// The UTF-8 of a str. `field` names it in the error for lone surrogates.
[[nodiscard]] std::string utf8_of(py::handle text, const std::string& field);

}  // namespace hearth::python
