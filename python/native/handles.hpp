#pragma once
// Store and Namespace of the native module: one binding per call of core/database.hpp.
#include <pybind11/pybind11.h>

namespace hearth::python {

void bind_handles(pybind11::module_& module);

}  // namespace hearth::python
