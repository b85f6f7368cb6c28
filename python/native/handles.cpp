#include "python/native/handles.hpp"

#include <pybind11/stl.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/database.hpp"
#include "ipc/client.hpp"
#include "ipc/socket_path.hpp"
#include "python/native/buffers.hpp"
#include "python/native/calls.hpp"
#include "python/native/configs.hpp"
#include "python/native/queries.hpp"
#include "python/native/values.hpp"
#include "python/native/write_job.hpp"

namespace hearth::python {

namespace {

// Every call ends with these two: see perform().
using queue_ptr = completion_queue*;

// Dropping the last handle may wait for the client's thread, so it happens without the GIL.
template <class Handle>
class shared_handle {
 public:
  explicit shared_handle(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}
  shared_handle(shared_handle&&) noexcept = default;
  shared_handle& operator=(shared_handle&&) = delete;
  ~shared_handle() {
    if (!handle_)
      return;
    const released_gil unlocked;
    handle_.reset();
  }

  [[nodiscard]] Handle& operator*() const { return *handle_; }
  [[nodiscard]] Handle* operator->() const { return handle_.get(); }

 private:
  std::shared_ptr<Handle> handle_;
};

using store_object = shared_handle<store_handle>;
using namespace_object = shared_handle<namespace_handle>;

// Seconds as Python gives them; at least a millisecond, at most some 24 days.
std::chrono::milliseconds milliseconds_from(double seconds, const char* field) {
  constexpr double longest = 2'000'000;
  if (!(seconds > 0) || seconds > longest)
    throw native_error(errc::invalid_argument,
                       std::string(field) + " must be more than 0 and at most 2000000 seconds");
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

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

py::object write(const namespace_object& self, write_job& job, queue_ptr queue, py::object future) {
  auto batch = job.next_batch();
  return perform<write_result>(
      queue, std::move(future),
      [&](completion<write_result> done) { self->write(std::move(batch), std::move(done)); },
      [](const write_result& written) -> py::object {
        const py::object ids =
            written.assigned.empty() ? py::object(py::none()) : column_from(written.assigned);
        return py::make_tuple(written.lsn, written.durable_lsn, written.affected, ids);
      });
}

py::object search(const namespace_object& self, const py::object& vectors, const py::dict& options,
                  const py::object& include, bool many, queue_ptr queue, py::object future) {
  auto query = search_from(vectors, options, include, many);
  const auto fields = query.fields;
  return perform<search_result>(
      queue, std::move(future),
      [&](completion<search_result> done) {
        if (many && query.count() == 0) {  // no queries have no hits; the daemon need not say so
          search_result none;
          none.offsets = {0};
          return done(std::move(none));
        }
        self->search(std::move(query), std::move(done));
      },
      [fields, many](search_result found) { return hits_tuple(std::move(found), fields, many); });
}

py::object count(const namespace_object& self, const py::object& where, queue_ptr queue,
                 py::object future) {
  auto filter = where_from(where);
  return perform<std::uint64_t>(
      queue, std::move(future),
      [&](completion<std::uint64_t> done) { self->count(std::move(filter), std::move(done)); },
      [](std::uint64_t found) -> py::object { return py::int_(found); });
}

// ([(value, count)], records)
py::object facets(const namespace_object& self, const py::str& field, const py::object& where,
                  std::uint32_t limit, queue_ptr queue, py::object future) {
  facet_query query{utf8_of(field, "field"), where_from(where), limit};
  return perform<facet_result>(
      queue, std::move(future),
      [&](completion<facet_result> done) { self->facets(std::move(query), std::move(done)); },
      [](const facet_result& found) -> py::object {
        py::list listed;
        for (const auto& each : found.facets)
          listed.append(py::make_tuple(object_from(each.item), each.count));
        return py::make_tuple(listed, found.records);
      });
}

py::object get(const namespace_object& self, const py::object& ids, const py::object& include,
               queue_ptr queue, py::object future) {
  get_query query;
  query.ids = ids_from(ids);
  query.fields = fields_from(include);
  return perform<get_result>(
      queue, std::move(future),
      [&](completion<get_result> done) { self->get(std::move(query), std::move(done)); },
      [fields = query.fields](get_result answer) -> py::object {
        const auto missing = column_from(answer.missing);
        return py::make_tuple(columns_tuple(std::move(answer.found), fields), missing);
      });
}

py::object scan(const namespace_object& self, const py::bytes& cursor, std::uint32_t limit,
                const py::dict& options, const py::object& include, queue_ptr queue,
                py::object future) {
  scan_query query;
  query.cursor = std::string(cursor);
  query.limit = limit;
  query.where = where_from(setting(options, "where"));
  query.order_by = text_setting(options, "order_by").value_or("");
  query.descending = !setting(options, "descending").is_none();
  query.offset = number_setting<std::uint64_t>(options, "offset").value_or(0);
  query.fields = fields_from(include);
  return perform<scan_page>(
      queue, std::move(future),
      [&](completion<scan_page> done) { self->scan(std::move(query), std::move(done)); },
      [fields = query.fields](scan_page page) -> py::object {
        const py::bytes next(page.next);
        return py::make_tuple(columns_tuple(std::move(page.rows), fields), next);
      });
}

// A change as Python says it: (kind, key, value, amount, version or None).
key_write key_write_from(const py::handle& change) {
  const auto parts = py::cast<py::tuple>(change);
  const auto kind = py::cast<std::string_view>(parts[0]);
  key_write one;
  one.change = kind == "put"   ? key_change::put
               : kind == "add" ? key_change::add
                               : key_change::erase;
  one.key = std::string(py::cast<py::bytes>(parts[1]));
  one.value = std::string(py::cast<py::bytes>(parts[2]));
  one.amount = py::cast<std::int64_t>(parts[3]);
  if (!parts[4].is_none())
    one.expected = py::cast<lsn_t>(parts[4]);
  return one;
}

// (lsn, keys changed, sums)
py::object write_keys(const namespace_object& self, const py::list& changes,
                      std::string_view durable, queue_ptr queue, py::object future) {
  write_batch batch;
  batch.ack = durability_from(durable);
  for (const auto& change : changes)
    batch.keys.push_back(key_write_from(change));
  return perform<write_result>(
      queue, std::move(future),
      [&](completion<write_result> done) { self->write(std::move(batch), std::move(done)); },
      [](const write_result& written) -> py::object {
        return py::make_tuple(written.lsn, written.keys, written.sums);
      });
}

// [(value, version) or None]
py::object get_keys(const namespace_object& self, const py::list& keys, bool values,
                    queue_ptr queue, py::object future) {
  key_query query;
  query.values = values;
  for (const auto& key : keys)
    query.keys.emplace_back(py::cast<py::bytes>(key));
  return perform<key_result>(
      queue, std::move(future),
      [&](completion<key_result> done) { self->get_keys(std::move(query), std::move(done)); },
      [](const key_result& answer) -> py::object {
        py::list found;
        for (const auto& each : answer.found)
          if (each)
            found.append(py::make_tuple(py::bytes(each->value), each->version));
          else
            found.append(py::none());
        return found;
      });
}

// In one pass, since a page has thousands: [(key, value)], or without values [key].
py::list entries_list(const key_columns& entries, bool values) {
  const auto bytes = [](std::string_view from) { return py::bytes(from.data(), from.size()); };
  py::list listed(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto key = bytes(entries.key(i));
    PyObject* const item =
        values ? PyTuple_Pack(2, key.ptr(), bytes(entries.value(i)).ptr()) : key.release().ptr();
    if (item == nullptr)
      throw py::error_already_set();
    PyList_SET_ITEM(listed.ptr(), static_cast<Py_ssize_t>(i), item);
  }
  return listed;
}

// (entries, cursor)
py::object scan_keys(const namespace_object& self, const py::dict& options, queue_ptr queue,
                     py::object future) {
  const auto bytes = [&](const char* name) {
    const auto given = setting(options, name);
    return given.is_none() ? std::nullopt : std::optional(std::string(py::cast<py::bytes>(given)));
  };
  key_scan scan;
  scan.start = bytes("start").value_or("");
  scan.end = bytes("end");
  scan.prefix = bytes("prefix").value_or("");
  scan.cursor = bytes("cursor").value_or("");
  scan.reverse = py::cast<bool>(setting(options, "reverse"));
  const bool values = py::cast<bool>(setting(options, "values"));
  scan.values = values;
  scan.limit = number_setting<std::uint32_t>(options, "limit").value_or(scan.limit);
  return perform<key_page>(
      queue, std::move(future),
      [&](completion<key_page> done) { self->scan_keys(std::move(scan), std::move(done)); },
      [values](const key_page& page) -> py::object {
        return py::make_tuple(entries_list(page.entries, values), py::bytes(page.next));
      });
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

void bind_namespace(py::module_& module) {
  const auto queue = py::arg("queue") = py::none();
  const auto future = py::arg("future") = py::none();
  py::class_<namespace_object>(module, "Namespace", "One open namespace.")
      .def_property_readonly("name", [](const namespace_object& self) { return self->name(); })
      .def_property_readonly(
          "config", [](const namespace_object& self) { return config_dict(self->config()); })
      .def("write", &write, py::arg("job"), queue, future)
      .def("search", &search, py::arg("vectors"), py::arg("options"), py::arg("include"),
           py::arg("many"), queue, future)
      .def("count", &count, py::arg("where"), queue, future)
      .def("facets", &facets, py::arg("field"), py::arg("where"), py::arg("limit"), queue, future)
      .def("get", &get, py::arg("ids"), py::arg("include"), queue, future)
      .def("scan", &scan, py::arg("cursor"), py::arg("limit"), py::arg("options"),
           py::arg("include"), queue, future)
      .def("write_keys", &write_keys, py::arg("changes"), py::arg("durability"), queue, future)
      .def("get_keys", &get_keys, py::arg("keys"), py::arg("values"), queue, future)
      .def("scan_keys", &scan_keys, py::arg("options"), queue, future)
      .def("info", &namespace_information, queue, future)
      .def("flush", &flush, py::arg("lsn"), queue, future)
      .def("alter", &alter, py::arg("settings"), queue, future)
      .def("tune", &tune, py::arg("recall"), py::arg("k"), py::arg("sample"), py::arg("seed"),
           py::arg("time_limit"), py::arg("vector_name"), queue, future);
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
  bind_namespace(module);
  bind_store(module);
}

}  // namespace hearth::python
