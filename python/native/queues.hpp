#pragma once
// Operations on queues and what they answer, between Python and core.
#include <pybind11/pybind11.h>

#include "core/queue.hpp"

namespace hearth::python {

namespace py = pybind11;

/// Operations as Python says them: dicts of what each takes, with its name as "change".
[[nodiscard]] std::vector<queue_write> queue_writes_from(const py::list& operations);
/// "ready", "delayed", "leased" or "dead".
[[nodiscard]] item_scan item_scan_from(const py::dict& options);

/// [(item, state, changed, due, [item that was leased])].
[[nodiscard]] py::list replies_list(const std::vector<queue_reply>& replies);
/// [(name, ready, delayed, leased, dead, age of the oldest ready one)].
[[nodiscard]] py::list queues_list(const queue_result& found);
/// ([item], cursor).
[[nodiscard]] py::tuple items_tuple(const item_page& page);

}  // namespace hearth::python
