#include "python/native/paths.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/key_path.hpp"
#include "core/path_query.hpp"
#include "python/native/filters.hpp"
#include "python/native/queries.hpp"
#include "python/native/tables.hpp"
#include "python/native/values.hpp"

namespace hearth::python {

namespace {

std::string bytes_setting(const py::dict& options, const char* name) {
  const auto given = setting(options, name);
  return given.is_none() ? std::string() : py::cast<std::string>(py::cast<py::bytes>(given));
}

std::vector<std::string> segments_from(const py::list& given) {
  std::vector<std::string> segments;
  segments.reserve(given.size());
  for (const auto& segment : given)
    segments.push_back(py::cast<std::string>(py::cast<py::bytes>(segment)));
  return segments;
}

py::bytes encoded_path(const py::list& segments) {
  return encode_path(segments_from(segments));
}

py::list decoded_path(const py::bytes& key) {
  py::list segments;
  for (const auto& segment : unwrap(decode_path(std::string_view(key))))
    segments.append(py::bytes(segment));
  return segments;
}

// ([(name, version, flags)], cursor)
template <class Object>
py::object list_names(const Object& self, const py::dict& options, queue_ptr queue,
                      py::object future) {
  key_scan scan;
  scan.prefix = bytes_setting(options, "prefix");
  scan.cursor = bytes_setting(options, "cursor");
  scan.reverse = py::cast<bool>(setting(options, "reverse"));
  scan.values = false;
  scan.limit = number_setting<std::uint32_t>(options, "limit").value_or(scan.limit);
  scan.delimiter = path_delimiter;
  return perform<key_page>(
      queue, std::move(future),
      [&](completion<key_page> done) { self->scan_keys(std::move(scan), std::move(done)); },
      [](const key_page& page) -> py::object {
        if (page.names.size() != page.entries.size())
          throw native_error(errc::unsupported, "this daemon cannot list the names below a path",
                             "it is older than this client: stop it, so that a new one is started");
        py::list names;
        for (std::size_t i = 0; i < page.entries.size(); ++i)
          names.append(py::make_tuple(py::bytes(std::string(page.entries.key(i))),
                                      page.entries.version(i), page.names[i]));
        return py::make_tuple(names, py::bytes(page.next));
      });
}

// A query under way. One page after the other: the caller waits for each.
struct running_query {
  path_query_run run;
};

std::shared_ptr<running_query> start_query(const py::dict& options) {
  path_query query;
  query.prefix = bytes_setting(options, "prefix");
  const auto select = setting(options, "select");
  if (!select.is_none())
    for (const auto& column : py::cast<py::list>(select))
      query.select.push_back(utf8_of(column, "select"));
  if (const auto conditions = setting(options, "where"); !conditions.is_none()) {
    std::vector<filter> parts;
    for (const auto& condition : py::cast<py::list>(conditions))
      parts.push_back(filter_from(condition));
    query.where = all_of(std::move(parts));
  }
  query.path_column = text_setting(options, "path_column").value_or("");
  query.order_by = text_setting(options, "order_by");
  query.descending = py::cast<bool>(setting(options, "descending"));
  query.offset = number_setting<std::uint64_t>(options, "offset").value_or(0);
  query.limit = number_setting<std::uint64_t>(options, "limit");
  return std::make_shared<running_query>(unwrap(path_query_run::start(std::move(query))));
}

// The next rows of the query: dicts, or how many there are.
template <class Object>
py::object next_rows(const Object& self, const std::shared_ptr<running_query>& query, bool count,
                     queue_ptr queue, py::object future) {
  auto scan = query->run.wanted();
  return perform<key_page>(
      queue, std::move(future),
      [&](completion<key_page> done) { self->scan_keys(std::move(scan), std::move(done)); },
      [query, count](key_page page) -> py::object {
        const auto rows = unwrap(query->run.take(std::move(page)));
        if (count)
          return py::int_(rows.size());
        return list_from(rows);
      });
}

template <class Object>
void bind_calls(py::class_<Object>& bound) {
  const auto queue = py::arg("queue") = py::none();
  const auto future = py::arg("future") = py::none();
  bound.def("list_names", &list_names<Object>, py::arg("options"), queue, future)
      .def("next_rows", &next_rows<Object>, py::arg("query"), py::arg("count"), queue, future);
}

}  // namespace

void bind_path_query(py::module_& module) {
  module.def("encode_path", &encoded_path, py::arg("segments"));
  module.def("decode_path", &decoded_path, py::arg("key"));
  py::class_<running_query, std::shared_ptr<running_query>>(module, "PathQuery",
                                                            "A query under way.")
      .def(py::init(&start_query), py::arg("options"))
      .def_property_readonly("done", [](const running_query& query) { return query.run.done(); });
}

void bind_paths(py::class_<namespace_object>& bound) {
  bind_calls(bound);
}

void bind_paths(py::class_<transaction_object>& bound) {
  bind_calls(bound);
}

}  // namespace hearth::python
