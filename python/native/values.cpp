#include "python/native/values.hpp"

#include <array>
#include <cmath>
#include <string_view>
#include <utility>
#include <variant>

#include "core/limits.hpp"
#include "python/native/buffers.hpp"
#include "python/native/errors.hpp"
#include "python/native/typed_values.hpp"

namespace hearth::python {

namespace {

// Where in a metadata tree the conversion stands. A chain of frames on the stack: the path is
// spelled out only when something is wrong.
class key_path {
 public:
  key_path(const std::string& root, std::size_t levels) : root_(&root), levels_(levels) {}
  key_path(const key_path& parent, py::handle key)
      : parent_(&parent), key_(key), depth_(parent.depth_ + 1), levels_(parent.levels_) {}
  key_path(const key_path& parent, std::size_t index)
      : parent_(&parent), index_(index), depth_(parent.depth_ + 1), levels_(parent.levels_) {}

  /// The map at the root is level 1 and has depth 0.
  [[nodiscard]] bool too_deep() const noexcept { return depth_ >= levels_; }
  [[nodiscard]] std::size_t levels() const noexcept { return levels_; }

  [[nodiscard]] std::string spelled() const {
    if (parent_ == nullptr)
      return *root_;
    const auto last = key_ ? py::cast<std::string>(py::repr(key_)) : std::to_string(index_);
    return parent_->spelled() + "[" + last + "]";
  }

 private:
  const std::string* root_ = nullptr;
  const key_path* parent_ = nullptr;
  py::handle key_;
  std::size_t index_ = 0;
  std::size_t depth_ = 0;
  std::size_t levels_ = 0;
};

std::string type_name(py::handle object) {
  return Py_TYPE(object.ptr())->tp_name;
}

bool is_numpy_scalar(py::handle object) {
  static const auto* generic = new py::object(py::module_::import("numpy").attr("generic"));
  return py::isinstance(object, *generic);
}

// UTF-8 of a str, or nothing if it has lone surrogates.
std::optional<std::string> try_utf8(py::handle text) {
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (bytes == nullptr) {
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) == 0)
      throw py::error_already_set();
    PyErr_Clear();
    return std::nullopt;
  }
  return std::string(bytes, static_cast<std::size_t>(size));
}

[[noreturn]] void refuse_surrogates(const std::string& field) {
  throw native_error(errc::invalid_argument, field + " holds a lone surrogate, which has no UTF-8",
                     "decode bytes with errors='replace', or encode them (base64)");
}

std::int64_t int64_from(py::handle object, const key_path& path) {
  int overflow = 0;
  const auto number = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
  if (overflow != 0)
    throw native_error(errc::invalid_argument,
                       path.spelled() + " is an integer outside -2^63 to 2^63-1",
                       "store it as a string or a float");
  if (number == -1 && PyErr_Occurred() != nullptr)
    throw py::error_already_set();
  return number;
}

double finite_or_infinite(double number, const key_path& path) {
  if (std::isnan(number))
    throw native_error(errc::invalid_argument, path.spelled() + " is NaN", "use None instead");
  return number;
}

void check_depth(const key_path& path) {
  if (path.too_deep())
    throw native_error(errc::limit_exceeded, path.spelled() + " nests deeper than " +
                                                 std::to_string(path.levels()) + " levels");
}

value value_from(py::handle object, const key_path& path);

value_map map_from(py::handle object, const key_path& path) {
  check_depth(path);
  value_map items;
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  Py_ssize_t position = 0;
  while (PyDict_Next(object.ptr(), &position, &key, &item) != 0) {
    // Converting a NumPy scalar runs Python code: hold what the dict lent.
    const auto held_key = py::reinterpret_borrow<py::object>(key);
    const auto held_item = py::reinterpret_borrow<py::object>(item);
    if (PyUnicode_Check(key) == 0)
      throw py::type_error("the keys of " + path.spelled() + " must be str, not " + type_name(key));
    const key_path inner(path, held_key);
    auto name = try_utf8(held_key);
    if (!name)
      refuse_surrogates("a key of " + path.spelled());
    items.insert_or_assign(*std::move(name), value_from(held_item, inner));
  }
  return items;
}

value list_value_from(py::handle object, const key_path& path) {
  check_depth(path);
  value_list items;
  const auto size = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(object.ptr()));
  items.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    const auto index = static_cast<Py_ssize_t>(i);
    if (index >= PySequence_Fast_GET_SIZE(object.ptr()))
      break;  // shrunk by code that a conversion ran
    const auto item =
        py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(object.ptr(), index));
    items.push_back(value_from(item, key_path(path, i)));
  }
  return items;
}

value value_from(py::handle object, const key_path& path) {
  auto* raw = object.ptr();
  if (raw == Py_None)
    return {};
  if (PyBool_Check(raw) != 0)
    return raw == Py_True;
  if (PyLong_Check(raw) != 0)
    return int64_from(object, path);
  if (PyFloat_Check(raw) != 0)
    return finite_or_infinite(PyFloat_AS_DOUBLE(raw), path);
  if (PyUnicode_Check(raw) != 0) {
    auto text = try_utf8(object);
    if (!text)
      refuse_surrogates(path.spelled());
    return *std::move(text);
  }
  if (PyList_Check(raw) != 0 || PyTuple_Check(raw) != 0)
    return list_value_from(object, path);
  if (PyDict_Check(raw) != 0)
    return map_from(object, path);
  if (is_datetime(object))
    return timestamp_from(object, path.spelled());
  if (is_geo_point(object))
    return geo_point_from(object);
  if (is_numpy_scalar(object) && !is_numpy_time(object)) {
    const auto plain = object.attr("item")();
    if (!is_numpy_scalar(plain))  // a longdouble stays one
      return value_from(plain, path);
  }
  throw py::type_error(
      path.spelled() + " is " + type_name(object) +
      "; metadata holds None, bool, int, float, str, datetime, GeoPoint, list and dict");
}

py::object list_object_from(const value_list& items) {
  py::list list(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), object_from(items[i]).release().ptr());
  return list;
}

// A C-contiguous uint64 buffer, as the package makes of every integer array.
std::vector<record_id> ids_from_buffer(py::handle column) {
  Py_buffer view;
  if (PyObject_GetBuffer(column.ptr(), &view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) != 0)
    throw py::error_already_set();
  const std::string_view format = view.format == nullptr ? "" : view.format;
  const bool fits = view.ndim == 1 && view.itemsize == sizeof(std::uint64_t) &&
                    (format == "L" || format == "Q" || format == "<Q" || format == "<L");
  std::vector<record_id> ids;
  if (fits) {
    const auto* numbers = static_cast<const std::uint64_t*>(view.buf);
    ids.assign(numbers, numbers + view.shape[0]);
  }
  PyBuffer_Release(&view);
  if (!fits)
    throw py::type_error("ids must be one-dimensional, of str or unsigned integers");
  return ids;
}

}  // namespace

py::object object_from(const value& item) {
  struct converter {
    py::object operator()(std::monostate) const { return py::none(); }
    py::object operator()(bool flag) const { return py::bool_(flag); }
    py::object operator()(std::int64_t number) const { return py::int_(number); }
    py::object operator()(double number) const { return py::float_(number); }
    py::object operator()(const std::string& text) const { return text_of(text); }
    py::object operator()(const value_list& items) const { return list_object_from(items); }
    py::object operator()(const value_map& items) const { return dict_from(items); }
    py::object operator()(timestamp moment) const { return datetime_from(moment); }
    py::object operator()(geo_point point) const { return python::object_from(point); }
  };
  return std::visit(converter{}, item.data());
}

std::string utf8_of(py::handle text, const std::string& field) {
  auto bytes = try_utf8(text);
  if (!bytes)
    refuse_surrogates(field);
  return *std::move(bytes);
}

value_map metadata_from(py::handle object, const std::string& field, std::size_t levels) {
  if (object.is_none())
    return {};
  if (PyDict_Check(object.ptr()) == 0)
    throw py::type_error(field + " is " + type_name(object) + "; it must be a dict or None");
  return map_from(object, key_path(field, levels));
}

py::dict dict_from(const value_map& metadata) {
  py::dict dict;
  for (const auto& [key, item] : metadata)
    dict[text_of(key)] = object_from(item);
  return dict;
}

record_id id_from(py::handle object, const std::string& field) {
  if (PyUnicode_Check(object.ptr()) != 0)
    return utf8_of(object, field);
  if (PyBool_Check(object.ptr()) != 0 || PyIndex_Check(object.ptr()) == 0)
    throw py::type_error(field + " is " + type_name(object) + "; an id is a str or an int");
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()));
  if (!number)
    throw py::error_already_set();
  const auto id = PyLong_AsUnsignedLongLong(number.ptr());
  if (PyErr_Occurred() != nullptr) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0)
      throw py::error_already_set();
    PyErr_Clear();
    throw native_error(errc::invalid_argument, field + " is outside 0 to 2^64-1",
                       "use a str for other ids");
  }
  return static_cast<std::uint64_t>(id);
}

std::vector<record_id> ids_from(py::handle column) {
  if (PyList_Check(column.ptr()) == 0)
    return ids_from_buffer(column);
  std::vector<record_id> ids;
  const auto size = static_cast<std::size_t>(PyList_GET_SIZE(column.ptr()));
  ids.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    const auto item = py::reinterpret_steal<py::object>(
        PySequence_GetItem(column.ptr(), static_cast<Py_ssize_t>(i)));
    if (!item)
      throw py::error_already_set();
    // The common case without spelling out the field.
    if (PyUnicode_Check(item.ptr()) != 0) {
      auto text = try_utf8(item);
      if (!text)
        refuse_surrogates("ids[" + std::to_string(i) + "]");
      ids.emplace_back(*std::move(text));
    } else {
      ids.push_back(id_from(item, "ids[" + std::to_string(i) + "]"));
    }
  }
  return ids;
}

py::object column_from(const std::vector<record_id>& ids) {
  bool numbers = true;
  for (const auto& id : ids)
    numbers = numbers && id.is_number();
  if (numbers) {
    std::vector<std::uint64_t> values;
    values.reserve(ids.size());
    for (const auto& id : ids)
      values.push_back(id.number());
    return array_from(std::move(values));
  }
  py::list list(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    py::object item = ids[i].is_number() ? py::object(py::int_(ids[i].number()))
                                         : py::object(text_of(ids[i].text()));
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), item.release().ptr());
  }
  return list;
}

std::optional<std::string> text_from(py::handle object, const std::string& field) {
  if (object.is_none())
    return std::nullopt;
  if (PyUnicode_Check(object.ptr()) == 0)
    throw py::type_error(field + " is " + type_name(object) + "; it must be a str or None");
  return utf8_of(object, field);
}

py::list list_from(const std::vector<value_map>& metadata) {
  py::list list(metadata.size());
  for (std::size_t i = 0; i < metadata.size(); ++i)
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), dict_from(metadata[i]).release().ptr());
  return list;
}

py::list list_from(const std::vector<std::optional<std::string>>& texts) {
  py::list list(texts.size());
  Py_ssize_t row = 0;
  for (const auto& text : texts) {
    py::object item = text ? py::object(text_of(*text)) : py::object(py::none());
    PyList_SET_ITEM(list.ptr(), row++, item.release().ptr());
  }
  return list;
}

}  // namespace hearth::python
