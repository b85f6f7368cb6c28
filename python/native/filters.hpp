#pragma once
// Filters from Python: a dict, a str in the text form, or a hearth.Filter. Needs the GIL.
#include <pybind11/pybind11.h>

#include "core/filter/filter.hpp"

namespace hearth::python {

namespace py = pybind11;

/// The validated tree. Throws TypeError for other types, and what metadata_from and parse_filter
/// refuse as native_error.
[[nodiscard]] filter filter_from(py::handle object);

/// filter_text(filter) -> str and filter_matches(filter, metadata) -> bool.
void bind_filters(py::module_& module);

}  // namespace hearth::python
