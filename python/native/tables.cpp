#include "python/native/tables.hpp"

#include <optional>
#include <utility>
#include <variant>

#include "core/toon.hpp"
#include "python/native/errors.hpp"
#include "python/native/typed_values.hpp"
#include "python/native/values.hpp"

namespace hearth::python {

namespace {

std::string type_name(py::handle object) {
  return Py_TYPE(object.ptr())->tp_name;
}

bool is_numpy_scalar(py::handle object) {
  static const auto* generic = new py::object(py::module_::import("numpy").attr("generic"));
  return py::isinstance(object, *generic) && !is_numpy_time(object);
}

void check_depth(std::size_t depth, const std::string& field) {
  if (depth >= typed_value_depth)
    throw native_error(errc::limit_exceeded, field + " nests deeper than " +
                                                 std::to_string(typed_value_depth) + " levels");
}

typed_value number_from(py::handle object, const std::string& field) {
  int overflow = 0;
  const auto number = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
  if (overflow == 0)
    return static_cast<std::int64_t>(number);
  if (overflow > 0) {
    const auto large = PyLong_AsUnsignedLongLong(object.ptr());
    if (PyErr_Occurred() == nullptr)
      return typed_value::of_number(large);
    PyErr_Clear();
  }
  throw native_error(errc::invalid_argument, field + " is an integer outside -2^63 to 2^64-1",
                     "store it as a str or a float");
}

typed_value value_from(py::handle object, const std::string& field, std::size_t depth);

typed_object members_from(py::handle object, const std::string& field, std::size_t depth) {
  check_depth(depth, field);
  typed_object members;
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(object.ptr(), &position, &key, &item) != 0) {
    // Converting a NumPy scalar runs Python code: hold what the dict lent.
    const auto held_key = py::reinterpret_borrow<py::object>(key);
    const auto held_item = py::reinterpret_borrow<py::object>(item);
    if (PyUnicode_Check(key) == 0)
      throw py::type_error("the keys of " + field + " must be str, not " + type_name(key));
    members.emplace_back(utf8_of(held_key, "a key of " + field),
                         value_from(held_item, field, depth + 1));
  }
  return members;
}

typed_list items_from(py::handle object, const std::string& field, std::size_t depth) {
  check_depth(depth, field);
  typed_list items;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object.ptr()); ++i) {
    const auto item = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(object.ptr(), i));
    items.push_back(value_from(item, field, depth + 1));
  }
  return items;
}

typed_value value_from(py::handle object, const std::string& field, std::size_t depth) {
  auto* raw = object.ptr();
  if (raw == Py_None)
    return {};
  if (PyBool_Check(raw) != 0)
    return raw == Py_True;
  if (PyLong_Check(raw) != 0)
    return number_from(object, field);
  if (PyFloat_Check(raw) != 0)
    return PyFloat_AS_DOUBLE(raw);
  if (PyUnicode_Check(raw) != 0)
    return utf8_of(object, field);
  if (PyBytes_Check(raw) != 0)
    return blob{py::cast<std::string>(py::reinterpret_borrow<py::bytes>(object))};
  if (PyByteArray_Check(raw) != 0 || PyMemoryView_Check(raw) != 0)
    return blob{
        py::cast<std::string>(py::bytes(py::module_::import("builtins").attr("bytes")(object)))};
  if (PyList_Check(raw) != 0 || PyTuple_Check(raw) != 0)
    return items_from(object, field, depth);
  if (PyDict_Check(raw) != 0)
    return members_from(object, field, depth);
  if (is_datetime(object))
    return timestamp_from(object, field);
  if (is_geo_point(object))
    return geo_point_from(object);
  if (is_numpy_scalar(object)) {
    const auto plain = object.attr("item")();
    if (!is_numpy_scalar(plain))  // a longdouble stays one
      return value_from(plain, field, depth);
  }
  throw py::type_error(field + " is or holds a " + type_name(object) +
                       "; values are None, bool, int, float, str, bytes, datetime, GeoPoint, list "
                       "and dict");
}

py::dict dict_of(const typed_object& members) {
  py::dict dict;
  for (const auto& [name, member] : members)
    dict[text_of(name)] = object_from(member);
  return dict;
}

py::list list_of(const typed_list& items) {
  py::list list(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), object_from(items[i]).release().ptr());
  return list;
}

py::bytes stored_bytes(py::handle object) {
  return unwrap(stored_bytes_of(typed_value_from(object, "value")));
}

py::object read_value(const py::bytes& stored) {
  return object_from(typed_value_of(std::string_view(stored)));
}

py::str toon_text(const py::list& rows, const py::str& name, const py::object& columns) {
  std::vector<typed_object> converted;
  converted.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = py::reinterpret_borrow<py::object>(rows[i]);
    const auto field = "rows[" + std::to_string(i) + "]";
    if (PyDict_Check(row.ptr()) == 0)
      throw py::type_error(field + " is " + type_name(row) + "; it must be a dict");
    // The row itself is no level of nesting: its columns are.
    typed_object members;
    for (const auto& [key, item] : py::reinterpret_borrow<py::dict>(row)) {
      if (PyUnicode_Check(key.ptr()) == 0)
        throw py::type_error("the keys of " + field + " must be str, not " + type_name(key));
      members.emplace_back(utf8_of(key, "a key of " + field), value_from(item, field, 0));
    }
    converted.push_back(std::move(members));
  }
  const auto table_name = utf8_of(name, "name");
  std::vector<std::string> wanted;
  if (!columns.is_none())
    for (const auto& column : py::cast<py::list>(columns))
      wanted.push_back(utf8_of(column, "columns"));
  auto written = [&] {
    const py::gil_scoped_release unlocked;
    return write_toon(toon_table_of(table_name, converted, std::move(wanted)));
  }();
  return text_of(unwrap(std::move(written)));
}

py::tuple toon_rows(const py::str& text) {
  const auto bytes = utf8_of(text, "text");
  auto read = [&] {
    const py::gil_scoped_release unlocked;
    return parse_toon(bytes);
  }();
  const auto table = unwrap(std::move(read));
  std::vector<py::str> names;
  names.reserve(table.columns.size());
  for (const auto& column : table.columns)
    names.push_back(text_of(column));
  py::list rows;
  for (const auto& row : table.rows) {
    py::dict dict;
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i])
        dict[names[i]] = object_from(*row[i]);
    rows.append(std::move(dict));
  }
  return py::make_tuple(text_of(table.name), rows);
}

}  // namespace

typed_value typed_value_from(py::handle object, const std::string& field) {
  return value_from(object, field, 0);
}

py::object object_from(const typed_value& item) {
  struct converter {
    py::object operator()(std::monostate) const { return py::none(); }
    py::object operator()(bool flag) const { return py::bool_(flag); }
    py::object operator()(std::int64_t number) const { return py::int_(number); }
    py::object operator()(std::uint64_t number) const { return py::int_(number); }
    py::object operator()(double number) const { return py::float_(number); }
    py::object operator()(const std::string& text) const { return text_of(text); }
    py::object operator()(const blob& from) const { return py::bytes(from.bytes); }
    py::object operator()(timestamp moment) const { return datetime_from(moment); }
    py::object operator()(geo_point point) const { return python::object_from(point); }
    py::object operator()(const typed_list& items) const { return list_of(items); }
    py::object operator()(const typed_object& members) const { return dict_of(members); }
  };
  return std::visit(converter{}, item.data());
}

py::list list_from(const std::vector<typed_object>& rows) {
  py::list list(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), dict_of(rows[i]).release().ptr());
  return list;
}

void bind_tables(py::module_& module) {
  module.def("stored_bytes", &stored_bytes, py::arg("value"));
  module.def("read_value", &read_value, py::arg("stored"));
  module.def("toon_text", &toon_text, py::arg("rows"), py::arg("name"), py::arg("columns"));
  module.def("toon_rows", &toon_rows, py::arg("text"));
}

}  // namespace hearth::python
