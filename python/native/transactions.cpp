#include "python/native/paths.hpp"
#include "python/native/reader_calls.hpp"

namespace hearth::python {

namespace {

py::object savepoint(const transaction_object& self, queue_ptr queue, py::object future) {
  return perform<std::uint32_t>(
      queue, std::move(future),
      [&](completion<std::uint32_t> done) { self->savepoint(std::move(done)); },
      [](std::uint32_t number) -> py::object { return py::int_(number); });
}

py::object rollback_to(const transaction_object& self, std::uint32_t savepoint, queue_ptr queue,
                       py::object future) {
  return perform<std::monostate>(
      queue, std::move(future),
      [&](completion<std::monostate> done) { self->rollback_to(savepoint, std::move(done)); },
      [](std::monostate) -> py::object { return py::none(); });
}

// (lsn, durable lsn, records, keys, items that were pushed or named)
py::object commit(const transaction_object& self, std::string_view durable, queue_ptr queue,
                  py::object future) {
  const auto ack = durability_from(durable);
  return perform<write_result>(
      queue, std::move(future),
      [&](completion<write_result> done) { self->commit(ack, std::move(done)); },
      [](const write_result& written) -> py::object {
        py::list items;
        for (const auto& reply : written.queue)
          items.append(reply.item);
        return py::make_tuple(written.lsn, written.durable_lsn, written.affected, written.keys,
                              items);
      });
}

py::object abort(const transaction_object& self, queue_ptr queue, py::object future) {
  return perform<std::monostate>(
      queue, std::move(future),
      [&](completion<std::monostate> done) { self->abort(std::move(done)); },
      [](std::monostate) -> py::object { return py::none(); });
}

}  // namespace

void bind_transaction(py::module_& module) {
  const auto queue = py::arg("queue") = py::none();
  const auto future = py::arg("future") = py::none();
  py::class_<transaction_object> bound(module, "Transaction", "One open transaction.");
  bind_records(bound);
  bind_paths(bound);
  bound.def("savepoint", &savepoint, queue, future)
      .def("rollback_to", &rollback_to, py::arg("savepoint"), queue, future)
      .def("commit", &commit, py::arg("durability"), queue, future)
      .def("abort", &abort, queue, future);
}

}  // namespace hearth::python
