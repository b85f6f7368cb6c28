#pragma once
// Statistics and steps of checks as Python sees them.
#include <pybind11/pybind11.h>

#include "core/administration.hpp"

namespace hearth::python {

namespace py = pybind11;

[[nodiscard]] py::object stats_dict(const namespace_stats& stats);
/// (next, stage, done, total, [(what, count)], [(where, what, hint)], problem count)
[[nodiscard]] py::object check_tuple(const check_step& step);

}  // namespace hearth::python
