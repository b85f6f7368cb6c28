#include "python/native/filters.hpp"

#include <vector>

#include "core/filter/compiled_filter.hpp"
#include "core/filter/filter_dict.hpp"
#include "core/filter/filter_text.hpp"
#include "core/limits.hpp"
#include "core/metadata_codec.hpp"
#include "python/native/errors.hpp"
#include "python/native/values.hpp"

namespace hearth::python {

namespace {

// A level of a filter is a dict and, for $and and $or, a list in it; operands add two.
constexpr std::size_t dict_levels = 2 * limits::filter_depth + 2;

py::str filter_text(py::handle object) {
  return text_of(to_string(filter_from(object)));
}

// What the daemon would say of a record with this metadata.
bool filter_matches(py::handle object, py::handle metadata) {
  const auto compiled = unwrap(compiled_filter::compile(filter_from(object)));
  const auto items = metadata_from(metadata, "metadata");
  unwrap(validate_metadata(items, "metadata"));
  std::vector<std::byte> bytes;
  byte_writer out(bytes);
  encode_metadata(items, out);
  return compiled.matches(bytes) == filter_verdict::yes;
}

}  // namespace

filter filter_from(py::handle object) {
  if (PyUnicode_Check(object.ptr()) != 0)
    return unwrap(parse_filter(utf8_of(object, "filter")));
  const auto dict = py::hasattr(object, "to_dict") ? py::object(object.attr("to_dict")())
                                                   : py::reinterpret_borrow<py::object>(object);
  if (PyDict_Check(dict.ptr()) != 0)
    return unwrap(parse_filter(metadata_from(dict, "filter", dict_levels)));
  throw py::type_error(std::string("the filter is ") + Py_TYPE(object.ptr())->tp_name +
                       "; it must be a Filter, a dict or a str");
}

void bind_filters(py::module_& module) {
  module.def("filter_text", &filter_text, py::arg("filter"));
  module.def("filter_matches", &filter_matches, py::arg("filter"), py::arg("metadata"));
}

}  // namespace hearth::python
