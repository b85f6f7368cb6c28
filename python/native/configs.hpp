#pragma once
// What a namespace is, is asked to be, and how it is doing, as the Python package sees it.
#include <pybind11/pybind11.h>

#include "core/namespace_config.hpp"
#include "core/query.hpp"

namespace hearth::python {

namespace py = pybind11;

[[nodiscard]] py::dict config_dict(const namespace_config& config);
[[nodiscard]] py::object info_dict(const namespace_info& info);
/// Settings by name; what is not there, or None, is not stated.
[[nodiscard]] namespace_request request_from(const py::dict& settings);

}  // namespace hearth::python
