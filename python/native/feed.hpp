#pragma once
// The change feed of a namespace, for Python.
#include "python/native/handle_objects.hpp"

namespace hearth::python {

void bind_feed(py::class_<namespace_object>& bound);

}  // namespace hearth::python
