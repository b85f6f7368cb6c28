#include "python/native/feed.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "python/native/buffers.hpp"
#include "python/native/queries.hpp"
#include "python/native/values.hpp"

namespace hearth::python {

namespace {

feed_subject subject_from(std::string_view name) {
  if (name == "everything")
    return feed_subject::everything;
  if (name == "records")
    return feed_subject::records;
  if (name == "keys")
    return feed_subject::keys;
  throw native_error(errc::invalid_argument, "what is '" + std::string(name) + "'",
                     "one of: everything, records, keys");
}

// A cursor; None stands for "from now on".
std::optional<feed_position> position_from(const py::object& cursor) {
  if (cursor.is_none())
    return std::nullopt;
  return unwrap(feed_position_from_string(utf8_of(cursor, "cursor")));
}

// (vector, radius, vector name)
near_condition near_from(const py::object& given) {
  const auto parts = py::cast<py::tuple>(given);
  near_condition near;
  near.vector = matrix_from(parts[0], "near", shape_rule::one_vector, ownership::copy);
  near.radius = py::cast<float>(parts[1]);
  near.vector_name = utf8_of(parts[2], "vector_name");
  return near;
}

change_query query_from(const py::object& cursor, const py::dict& options) {
  change_query query;
  query.after = position_from(cursor);
  query.subject = subject_from(py::cast<std::string_view>(setting(options, "what")));
  query.where = where_from(setting(options, "where"));
  if (const auto near = setting(options, "near"); !near.is_none())
    query.near = near_from(near);
  query.prefix = std::string(py::cast<py::bytes>(setting(options, "prefix")));
  query.fields = fields_from(setting(options, "include"));
  query.values = py::cast<bool>(setting(options, "values"));
  query.limit = number_setting<std::uint32_t>(options, "limit").value_or(query.limit);
  query.wait_ms = number_setting<std::uint32_t>(options, "wait_ms").value_or(0);
  return query;
}

// ([(lsn, number, erased, last, key or None, id or None, version, row, value)], columns, cursor,
// newest lsn)
py::object page_tuple(change_page page, const field_set& fields) {
  py::list events;
  for (const auto& event : page.events) {
    const py::object none = py::none();
    const py::object key = event.is_key ? py::object(py::bytes(event.key)) : none;
    py::object id = none;
    if (!event.is_key && event.id.is_number())
      id = py::int_(event.id.number());
    else if (!event.is_key)
      id = text_of(event.id.text());
    events.append(py::make_tuple(event.lsn, event.number, event.erased, event.last, key, id,
                                 event.version, event.row, py::bytes(event.value)));
  }
  const auto next = to_string(page.next);
  return py::make_tuple(events, columns_tuple(std::move(page.records), fields), next, page.newest);
}

py::object changes(const namespace_object& self, const py::object& cursor, const py::dict& options,
                   queue_ptr queue, py::object future) {
  auto query = query_from(cursor, options);
  const auto fields = query.fields;
  return perform<change_page>(
      queue, std::move(future),
      [&](completion<change_page> done) { self->changes(std::move(query), std::move(done)); },
      [fields](change_page page) { return page_tuple(std::move(page), fields); });
}

consumer_action action_from(std::string_view name) {
  return name == "open"          ? consumer_action::open
         : name == "acknowledge" ? consumer_action::acknowledge
                                 : consumer_action::erase;
}

// The cursor that the consumer has from now on.
py::object update_consumer(const namespace_object& self, const py::str& name,
                           std::string_view action, const py::object& cursor, queue_ptr queue,
                           py::object future) {
  consumer_request request{utf8_of(name, "consumer"), action_from(action), position_from(cursor)};
  return perform<feed_position>(
      queue, std::move(future),
      [&](completion<feed_position> done) {
        self->update_consumer(std::move(request), std::move(done));
      },
      [](const feed_position& position) -> py::object { return py::str(to_string(position)); });
}

// [(name, cursor, lsn)]
py::object list_consumers(const namespace_object& self, queue_ptr queue, py::object future) {
  using consumers = std::vector<feed_consumer>;
  return perform<consumers>(
      queue, std::move(future),
      [&](completion<consumers> done) { self->list_consumers(std::move(done)); },
      [](const consumers& all) -> py::object {
        py::list listed;
        for (const auto& each : all)
          listed.append(
              py::make_tuple(text_of(each.name), to_string(each.position), each.position.lsn));
        return listed;
      });
}

}  // namespace

void bind_feed(py::class_<namespace_object>& bound) {
  const auto queue = py::arg("queue") = py::none();
  const auto future = py::arg("future") = py::none();
  bound.def("changes", &changes, py::arg("cursor"), py::arg("options"), queue, future)
      .def("update_consumer", &update_consumer, py::arg("name"), py::arg("action"),
           py::arg("cursor"), queue, future)
      .def("list_consumers", &list_consumers, queue, future);
}

}  // namespace hearth::python
