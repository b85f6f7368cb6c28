#pragma once
// What a namespace and a transaction can do alike, bound to Python.
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "python/native/buffers.hpp"
#include "python/native/handle_objects.hpp"
#include "python/native/queries.hpp"
#include "python/native/queues.hpp"
#include "python/native/values.hpp"
#include "python/native/write_job.hpp"

namespace hearth::python {

template <class Object>
py::object write(const Object& self, write_job& job, queue_ptr queue, py::object future) {
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

template <class Object>
py::object search(const Object& self, const py::object& vectors, const py::dict& options,
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

template <class Object>
py::object count(const Object& self, const py::object& where, queue_ptr queue, py::object future) {
  auto filter = where_from(where);
  return perform<std::uint64_t>(
      queue, std::move(future),
      [&](completion<std::uint64_t> done) { self->count(std::move(filter), std::move(done)); },
      [](std::uint64_t found) -> py::object { return py::int_(found); });
}

// ([(value, count)], records)
template <class Object>
py::object facets(const Object& self, const py::str& field, const py::object& where,
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

template <class Object>
py::object get(const Object& self, const py::object& ids, const py::object& include,
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

template <class Object>
py::object scan(const Object& self, const py::bytes& cursor, std::uint32_t limit,
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
inline key_write key_write_from(const py::handle& change) {
  const auto parts = py::cast<py::tuple>(change);
  const auto kind = py::cast<std::string_view>(parts[0]);
  key_write one;
  one.change = kind == "put"             ? key_change::put
               : kind == "add"           ? key_change::add
               : kind == "delete_prefix" ? key_change::erase_prefix
                                         : key_change::erase;
  one.key = std::string(py::cast<py::bytes>(parts[1]));
  one.value = std::string(py::cast<py::bytes>(parts[2]));
  one.amount = py::cast<std::int64_t>(parts[3]);
  if (!parts[4].is_none())
    one.expected = py::cast<lsn_t>(parts[4]);
  return one;
}

// (lsn, keys changed, sums)
template <class Object>
py::object write_keys(const Object& self, const py::list& changes, std::string_view durable,
                      queue_ptr queue, py::object future) {
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
template <class Object>
py::object get_keys(const Object& self, const py::list& keys, bool values, queue_ptr queue,
                    py::object future) {
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
inline py::list entries_list(const key_columns& entries, bool values) {
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
template <class Object>
py::object scan_keys(const Object& self, const py::dict& options, queue_ptr queue,
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

// (lsn, replies)
template <class Object>
py::object write_queue(const Object& self, const py::list& operations, std::string_view durable,
                       queue_ptr queue, py::object future) {
  write_batch batch;
  batch.ack = durability_from(durable);
  batch.queue = queue_writes_from(operations);
  return perform<write_result>(
      queue, std::move(future),
      [&](completion<write_result> done) { self->write(std::move(batch), std::move(done)); },
      [](const write_result& written) -> py::object {
        return py::make_tuple(written.lsn, replies_list(written.queue));
      });
}

/// `bound`: the class of Object.
template <class Object>
void bind_records(py::class_<Object>& bound) {
  const auto queue = py::arg("queue") = py::none();
  const auto future = py::arg("future") = py::none();
  bound.def("write", &write<Object>, py::arg("job"), queue, future)
      .def("search", &search<Object>, py::arg("vectors"), py::arg("options"), py::arg("include"),
           py::arg("many"), queue, future)
      .def("count", &count<Object>, py::arg("where"), queue, future)
      .def("facets", &facets<Object>, py::arg("field"), py::arg("where"), py::arg("limit"), queue,
           future)
      .def("get", &get<Object>, py::arg("ids"), py::arg("include"), queue, future)
      .def("scan", &scan<Object>, py::arg("cursor"), py::arg("limit"), py::arg("options"),
           py::arg("include"), queue, future)
      .def("write_keys", &write_keys<Object>, py::arg("changes"), py::arg("durability"), queue,
           future)
      .def("get_keys", &get_keys<Object>, py::arg("keys"), py::arg("values"), queue, future)
      .def("scan_keys", &scan_keys<Object>, py::arg("options"), queue, future)
      .def("write_queue", &write_queue<Object>, py::arg("operations"), py::arg("durability"), queue,
           future);
}

}  // namespace hearth::python
