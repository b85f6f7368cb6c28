#pragma once
// Paths of the key-value side: their keys, listings of names, and queries that make rows of them.
#include "python/native/handle_objects.hpp"

namespace hearth::python {

/// Bound before the handles are, whose calls take a query.
void bind_path_query(py::module_& module);

/// What a namespace and a transaction can do alike with paths. `bound`: the class of either.
void bind_paths(py::class_<namespace_object>& bound);
void bind_paths(py::class_<transaction_object>& bound);

}  // namespace hearth::python
