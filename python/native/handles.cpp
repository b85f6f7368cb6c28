#include "python/native/handles.hpp"

#include <pybind11/stl.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/database.hpp"
#include "ipc/client.hpp"
#include "ipc/socket_path.hpp"
#include "python/native/administration.hpp"
#include "python/native/configs.hpp"
#include "python/native/feed.hpp"
#include "python/native/paths.hpp"
#include "python/native/queues.hpp"
#include "python/native/reader_calls.hpp"

namespace hearth::python {

namespace {

// ---- results ------------------------------------------------------------------------------------

py::object store_dict(const store_info& info) {
  py::dict dict;
  dict["path"] = text_of(info.path);
  dict["version"] = text_of(info.version);
  dict["pid"] = info.pid;
  dict["uptime"] = static_cast<double>(info.uptime_ms) / 1000.0;
  dict["namespaces"] = info.namespaces;
  dict["open_namespaces"] = info.open_namespaces;
  dict["sessions"] = info.sessions;
  return dict;
}

// ---- namespace ----------------------------------------------------------------------------------

py::object get_queues(const namespace_object& self, const py::str& name, queue_ptr queue,
                      py::object future) {
  queue_query query{utf8_of(name, "queue")};
  return perform<queue_result>(
      queue, std::move(future),
      [&](completion<queue_result> done) { self->get_queues(std::move(query), std::move(done)); },
      [](const queue_result& found) -> py::object { return queues_list(found); });
}

py::object scan_items(const namespace_object& self, const py::dict& options, queue_ptr queue,
                      py::object future) {
  auto scan = item_scan_from(options);
  return perform<item_page>(
      queue, std::move(future),
      [&](completion<item_page> done) { self->scan_items(std::move(scan), std::move(done)); },
      [](const item_page& page) -> py::object { return items_tuple(page); });
}

py::object namespace_information(const namespace_object& self, queue_ptr queue, py::object future) {
  return perform<namespace_info>(
      queue, std::move(future),
      [&](completion<namespace_info> done) { self->info(std::move(done)); },
      [](const namespace_info& info) { return info_dict(info); });
}

py::object flush(const namespace_object& self, lsn_t lsn, queue_ptr queue, py::object future) {
  return perform<lsn_t>(
      queue, std::move(future), [&](completion<lsn_t> done) { self->flush(lsn, std::move(done)); },
      [](lsn_t durable) -> py::object { return py::int_(durable); });
}

py::object alter(const namespace_object& self, const py::dict& settings, queue_ptr queue,
                 py::object future) {
  auto request = request_from(settings);
  return perform<namespace_config>(
      queue, std::move(future),
      [&](completion<namespace_config> done) { self->alter(std::move(request), std::move(done)); },
      [](const namespace_config& config) -> py::object { return config_dict(config); });
}

// (parameter, value or None, finished, queries, [(value, recall, mean seconds, p95 seconds)])
py::object tuned_tuple(const tune_result& found) {
  py::list tried;
  for (const auto& point : found.tried)
    tried.append(
        py::make_tuple(point.effort, point.recall, point.mean_ms / 1e3, point.p95_ms / 1e3));
  const py::object value = found.effort == 0 ? py::object(py::none()) : py::int_(found.effort);
  return py::make_tuple(searches_lists(found.kind) ? "nprobe" : "ef_search", value, found.finished,
                        found.queries, tried);
}

py::object tune(const namespace_object& self, double recall, std::uint32_t k, std::uint32_t sample,
                std::uint64_t seed, double time_limit, const py::str& vector_name, queue_ptr queue,
                py::object future) {
  tune_request request{.recall = recall, .k = k, .sample = sample, .seed = seed};
  request.vector_name = utf8_of(vector_name, "vector_name");
  request.time_limit_ms =
      static_cast<std::uint32_t>(milliseconds_from(time_limit, "time_limit").count());
  return perform<tune_result>(
      queue, std::move(future),
      [&](completion<tune_result> done) { self->tune(request, std::move(done)); }, tuned_tuple);
}

// (transaction, lsn of its snapshot)
py::object begin(const namespace_object& self, bool read_only, double timeout, queue_ptr queue,
                 py::object future) {
  using begun = std::shared_ptr<transaction_handle>;
  transaction_options options;
  options.read_only = read_only;
  options.timeout_ms = static_cast<std::uint32_t>(milliseconds_from(timeout, "timeout").count());
  return perform<begun>(
      queue, std::move(future),
      [&](completion<begun> done) { self->begin(options, std::move(done)); },
      [](begun handle) -> py::object {
        const auto lsn = handle->snapshot();
        return py::make_tuple(transaction_object(std::move(handle)), lsn);
      });
}

py::object stats(const namespace_object& self, queue_ptr queue, py::object future) {
  return perform<namespace_stats>(
      queue, std::move(future),
      [&](completion<namespace_stats> done) { self->stats(std::move(done)); }, stats_dict);
}

py::object checkpoint(const namespace_object& self, queue_ptr queue, py::object future) {
  return perform<lsn_t>(
      queue, std::move(future), [&](completion<lsn_t> done) { self->checkpoint(std::move(done)); },
      [](lsn_t lsn) -> py::object { return py::int_(lsn); });
}

// (bytes before, bytes after, lsn)
py::object compact(const namespace_object& self, queue_ptr queue, py::object future) {
  return perform<compact_result>(
      queue, std::move(future),
      [&](completion<compact_result> done) { self->compact(std::move(done)); },
      [](const compact_result& done) -> py::object {
        return py::make_tuple(done.bytes_before, done.bytes_after, done.lsn);
      });
}

py::object check(const namespace_object& self, const py::bytes& cursor, queue_ptr queue,
                 py::object future) {
  auto at = std::string(cursor);
  return perform<check_step>(
      queue, std::move(future),
      [&](completion<check_step> done) { self->check(std::move(at), std::move(done)); },
      check_tuple);
}

void bind_namespace(py::module_& module) {
  const auto queue = py::arg("queue") = py::none();
  const auto future = py::arg("future") = py::none();
  py::class_<namespace_object> bound(module, "Namespace", "One open namespace.");
  bind_feed(bound);
  bind_records(bound);
  bind_paths(bound);
  bound.def_property_readonly("name", [](const namespace_object& self) { return self->name(); })
      .def_property_readonly(
          "config", [](const namespace_object& self) { return config_dict(self->config()); })
      .def("begin", &begin, py::arg("read_only"), py::arg("timeout"), queue, future)
      .def("get_queues", &get_queues, py::arg("name"), queue, future)
      .def("scan_items", &scan_items, py::arg("options"), queue, future)
      .def("info", &namespace_information, queue, future)
      .def("flush", &flush, py::arg("lsn"), queue, future)
      .def("alter", &alter, py::arg("settings"), queue, future)
      .def("tune", &tune, py::arg("recall"), py::arg("k"), py::arg("sample"), py::arg("seed"),
           py::arg("time_limit"), py::arg("vector_name"), queue, future)
      .def("stats", &stats, queue, future)
      .def("checkpoint", &checkpoint, queue, future)
      .def("compact", &compact, queue, future)
      .def("check", &check, py::arg("cursor"), queue, future);
}

// ---- store --------------------------------------------------------------------------------------

open_mode mode_from(std::string_view mode) {
  if (mode == "open")
    return open_mode::open;
  if (mode == "create")
    return open_mode::create;
  if (mode == "open_or_create")
    return open_mode::open_or_create;
  throw native_error(errc::invalid_argument, "mode is '" + std::string(mode) + "'",
                     "one of: open, create, open_or_create");
}

py::object open_namespace(const store_object& self, const py::str& name, std::string_view mode,
                          const py::dict& settings, queue_ptr queue, py::object future) {
  using opened = std::shared_ptr<namespace_handle>;
  auto bytes = utf8_of(name, "name");
  auto request = request_from(settings);
  const auto how = mode_from(mode);
  return perform<opened>(
      queue, std::move(future),
      [&](completion<opened> done) {
        self->open_namespace(std::move(bytes), how, std::move(request), std::move(done));
      },
      [](opened handle) { return py::cast(namespace_object(std::move(handle))); });
}

py::object list_namespaces(const store_object& self, queue_ptr queue, py::object future) {
  using names = std::vector<std::string>;
  return perform<names>(
      queue, std::move(future),
      [&](completion<names> done) { self->list_namespaces(std::move(done)); },
      [](const names& listed) -> py::object { return py::cast(listed); });
}

py::object drop_namespace(const store_object& self, const py::str& name, queue_ptr queue,
                          py::object future) {
  auto bytes = utf8_of(name, "name");
  return perform<std::monostate>(
      queue, std::move(future),
      [&](completion<std::monostate> done) {
        self->drop_namespace(std::move(bytes), std::move(done));
      },
      [](std::monostate) -> py::object { return py::none(); });
}

py::object store_information(const store_object& self, queue_ptr queue, py::object future) {
  return perform<store_info>(
      queue, std::move(future), [&](completion<store_info> done) { self->info(std::move(done)); },
      [](const store_info& info) { return store_dict(info); });
}

store_object connect_store(const std::string& path, bool autostart, const std::string& daemon,
                           const std::string& socket, double start_timeout, double call_timeout,
                           bool reconnect) {
  ipc::connect_options options;
  options.autostart = autostart;
  options.daemon = daemon;
  options.socket = socket;
  options.start_timeout = milliseconds_from(start_timeout, "start_timeout");
  options.call_timeout = milliseconds_from(call_timeout, "call_timeout");
  options.reconnect = reconnect;
  auto store = [&] {
    const released_gil unlocked;
    return ipc::connect(path, options);
  }();
  return store_object(unwrap(std::move(store)));
}

void shutdown_daemon(const std::string& path, double timeout) {
  const auto limit = milliseconds_from(timeout, "timeout");
  auto stopped = [&] {
    const released_gil unlocked;
    return ipc::shutdown_daemon(path, limit);
  }();
  unwrap(std::move(stopped));
}

py::bytes socket_path(const std::string& path) {
  return unwrap(ipc::socket_path(path)).string();
}

void bind_store(py::module_& module) {
  const auto queue = py::arg("queue") = py::none();
  const auto future = py::arg("future") = py::none();
  py::class_<store_object>(module, "Store", "One connection to a store.")
      .def("open_namespace", &open_namespace, py::arg("name"), py::arg("mode"), py::arg("settings"),
           queue, future)
      .def("list_namespaces", &list_namespaces, queue, future)
      .def("drop_namespace", &drop_namespace, py::arg("name"), queue, future)
      .def("info", &store_information, queue, future);
  module.def("connect", &connect_store, py::arg("path"), py::arg("autostart"), py::arg("daemon"),
             py::arg("socket"), py::arg("start_timeout"), py::arg("call_timeout"),
             py::arg("reconnect"));
  module.def("shutdown_daemon", &shutdown_daemon, py::arg("path"), py::arg("timeout"));
  module.def("socket_path", &socket_path, py::arg("path"));
}

}  // namespace

void bind_handles(py::module_& module) {
  bind_path_query(module);
  bind_transaction(module);
  bind_namespace(module);
  bind_store(module);
}

}  // namespace hearth::python
