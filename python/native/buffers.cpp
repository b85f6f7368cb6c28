#include "python/native/buffers.hpp"

#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "core/limits.hpp"
#include "python/native/errors.hpp"

namespace hearth::python {

namespace {

// numpy attributes that every call needs; looked up once and kept for the life of the process,
// because a destructor at exit would run without an interpreter.
struct numpy_api {
  py::object ndarray;
  py::object asarray;
  py::object float32;
  py::object float64;
  py::object uint64;
  py::object boolean;
};

const numpy_api& numpy() {
  static const auto* api = [] {
    const auto module = py::module_::import("numpy");
    return new numpy_api{module.attr("ndarray"),          module.attr("asarray"),
                         module.attr("dtype")("float32"), module.attr("dtype")("float64"),
                         module.attr("dtype")("uint64"),  module.attr("dtype")("bool")};
  }();
  return *api;
}

// Buffers whose last user was a thread without the GIL.
struct returned_buffers {
  std::mutex mutex;
  std::vector<std::unique_ptr<Py_buffer>> buffers;
};

returned_buffers& returned() {
  static auto* list = new returned_buffers;
  return *list;
}

int release_as_pending_call(void*) {
  release_returned_buffers();
  return 0;
}

// Deleter of a borrowed buffer. The client's event loop must not wait for the GIL, so from there
// the buffer is handed back to Python instead.
void return_buffer(Py_buffer* buffer) {
  std::unique_ptr<Py_buffer> owned(buffer);
  if (PyGILState_Check() != 0) {
    PyBuffer_Release(owned.get());
    return;
  }
  {
    auto& list = returned();
    const std::scoped_lock lock(list.mutex);
    list.buffers.push_back(std::move(owned));
  }
  // A full queue of pending calls is no loss: the next write releases what is waiting.
  static_cast<void>(Py_AddPendingCall(&release_as_pending_call, nullptr));
}

using buffer_ptr = std::shared_ptr<Py_buffer>;

bool holds_float32(const Py_buffer& buffer) {
  if (buffer.itemsize != sizeof(float) || buffer.format == nullptr)
    return false;
  const std::string_view format(buffer.format);
  return format == "f" || format == "<f" || format == "=f" || format == "@f";
}

// The buffer of `object` if it is float32 in C order; otherwise null, with no Python error set.
buffer_ptr export_float32(py::handle object) {
  if (PyObject_CheckBuffer(object.ptr()) == 0)
    return nullptr;
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) != 0) {
    PyErr_Clear();
    return nullptr;
  }
  buffer_ptr buffer(view.release(), &return_buffer);
  return holds_float32(*buffer) ? buffer : nullptr;
}

struct converted_array {
  py::object array;
  bool fresh = false;  // nobody else can see its memory
};

// `object` by way of NumPy, as float32 in C order. Not fresh if NumPy found float32 memory that
// `object` still owns (a tensor of another library, say).
converted_array convert_to_float32(py::handle object, const char* field) {
  py::object array;
  try {
    array = numpy().asarray(object);
  } catch (py::error_already_set& raised) {
    if (!raised.matches(PyExc_ValueError))
      throw;
    throw native_error(errc::invalid_argument,
                       std::string(field) + " is not a rectangular array of numbers",
                       "give every row the same number of values");
  }
  const auto kind = py::cast<std::string>(array.attr("dtype").attr("kind"));
  if (kind != "f" && kind != "i" && kind != "u" && kind != "b")
    throw py::type_error(std::string(field) + " must hold real numbers, not dtype " +
                         py::cast<std::string>(py::str(array.attr("dtype"))));
  auto converted =
      numpy().asarray(array, py::arg("dtype") = numpy().float32, py::arg("order") = "C");
  const bool fresh = !converted.is(array);
  return {std::move(converted), fresh};
}

struct matrix_shape {
  std::size_t rows = 0;
  std::uint32_t dimension = 0;
};

matrix_shape shape_of(const Py_buffer& buffer, const char* field, shape_rule rule) {
  const auto complain = [&](const char* wanted, const char* hint) -> matrix_shape {
    throw native_error(errc::invalid_argument,
                       std::string(field) + " has " + std::to_string(buffer.ndim) +
                           " dimensions; it must be " + wanted,
                       hint);
  };
  const bool one = buffer.ndim == 1;
  const bool many = buffer.ndim == 2;
  if (rule == shape_rule::one_vector && !one)
    return complain("one vector of shape (dimension,)", "search_batch takes several queries");
  if (rule == shape_rule::many_vectors && !many)
    return complain("a matrix of shape (rows, dimension)", "reshape one vector with v[None, :]");
  if (!one && !many)
    return complain("a matrix of shape (rows, dimension)", "");
  const auto dimension = static_cast<std::size_t>(buffer.shape[buffer.ndim - 1]);
  if (dimension > limits::dimension)
    throw native_error(errc::limit_exceeded,
                       std::string(field) + " has " + std::to_string(dimension) +
                           " values per vector; the limit is " + std::to_string(limits::dimension));
  const auto rows = one ? std::size_t{1} : static_cast<std::size_t>(buffer.shape[0]);
  return {rows, static_cast<std::uint32_t>(dimension)};
}

std::shared_ptr<const float[]> copy_values(const Py_buffer& buffer) {
  const auto count = static_cast<std::size_t>(buffer.len) / sizeof(float);
  auto values = std::make_shared_for_overwrite<float[]>(count);
  const auto copy = [&] {
    if (count != 0)
      std::memcpy(values.get(), buffer.buf, count * sizeof(float));
  };
  constexpr std::size_t worth_releasing = std::size_t{1} << 20;
  if (count * sizeof(float) >= worth_releasing) {
    const py::gil_scoped_release unlocked;
    copy();
  } else {
    copy();
  }
  return values;
}

// Keeps C++ memory alive for the NumPy arrays that look at it. A plain CPython type: a search makes
// several of them, and pybind11's classes with buffers cost a microsecond each.
struct buffer_owner {
  PyObject head;
  std::shared_ptr<const void> keep;
  const void* data;
  std::size_t bytes;
};

int export_buffer(PyObject* self, Py_buffer* view, int flags) {
  auto* owner = reinterpret_cast<buffer_owner*>(self);
  constexpr int read_only = 1;
  return PyBuffer_FillInfo(view, self, const_cast<void*>(owner->data),
                           static_cast<Py_ssize_t>(owner->bytes), read_only, flags);
}

void destroy_owner(PyObject* self) {
  auto* type = Py_TYPE(self);
  std::destroy_at(&reinterpret_cast<buffer_owner*>(self)->keep);
  PyObject_Free(self);
  Py_DECREF(type);
}

PyTypeObject* owner_type() {
  static auto* type = [] {
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, reinterpret_cast<void*>(&destroy_owner)},
        {Py_bf_getbuffer, reinterpret_cast<void*>(&export_buffer)},
        {Py_tp_doc, const_cast<char*>("Memory of the C++ client behind a NumPy array.")},
        {0, nullptr}};
    static PyType_Spec spec = {"hearth._native.Buffer", sizeof(buffer_owner), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  }();
  if (type == nullptr)
    throw py::error_already_set();
  return type;
}

py::object make_owner(std::shared_ptr<const void> keep, const void* data, std::size_t bytes) {
  auto* owner = PyObject_New(buffer_owner, owner_type());
  if (owner == nullptr)
    throw py::error_already_set();
  std::construct_at(&owner->keep, std::move(keep));
  owner->data = data;
  owner->bytes = bytes;
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(owner));
}

py::object make_array(const py::object& dtype, const py::tuple& shape,
                      std::shared_ptr<const void> keep, const void* data, std::size_t bytes) {
  static const std::uint64_t nothing = 0;  // NumPy wants an address even for no bytes
  const auto owner = make_owner(std::move(keep), bytes == 0 ? &nothing : data, bytes);
  PyObject* arguments[] = {shape.ptr(), dtype.ptr(), owner.ptr()};
  auto* array =
      PyObject_Vectorcall(numpy().ndarray.ptr(), arguments, std::size(arguments), nullptr);
  if (array == nullptr)
    throw py::error_already_set();
  return py::reinterpret_steal<py::object>(array);
}

template <class T>
py::object column_from(const py::object& dtype, std::vector<T> values) {
  auto keep = std::make_shared<std::vector<T>>(std::move(values));
  const auto* data = keep->data();
  const auto count = keep->size();
  return make_array(dtype, py::make_tuple(count), std::move(keep), data, count * sizeof(T));
}

}  // namespace

void release_returned_buffers() {
  std::vector<std::unique_ptr<Py_buffer>> buffers;
  {
    auto& list = returned();
    // try_lock: after a fork the lock may be held by a thread that does not exist here.
    const std::unique_lock lock(list.mutex, std::try_to_lock);
    if (!lock.owns_lock())
      return;
    buffers.swap(list.buffers);
  }
  for (const auto& buffer : buffers)
    PyBuffer_Release(buffer.get());
}

matrix matrix_from(py::handle object, const char* field, shape_rule shape, ownership owner) {
  auto buffer = export_float32(object);
  if (!buffer) {
    const auto converted = convert_to_float32(object, field);
    buffer = export_float32(converted.array);
    if (!buffer)
      throw py::type_error(std::string(field) + " cannot be read as a float32 array");
    if (converted.fresh)
      owner = ownership::borrow;
  }
  const auto [rows, dimension] = shape_of(*buffer, field, shape);
  if (owner == ownership::copy)
    return {copy_values(*buffer), rows, dimension};
  const auto* data = static_cast<const float*>(buffer->buf);
  return {std::shared_ptr<const float[]>(std::move(buffer), data), rows, dimension};
}

py::object array_from(const matrix& values) {
  const auto view = values.view();
  return make_array(numpy().float32, py::make_tuple(view.rows(), view.dimension()), values.data(),
                    view.data(), view.values().size_bytes());
}

py::object array_from(std::vector<float> values) {
  return column_from(numpy().float32, std::move(values));
}

py::object array_from(std::vector<double> values) {
  return column_from(numpy().float64, std::move(values));
}

py::object array_from(std::vector<std::uint64_t> values) {
  return column_from(numpy().uint64, std::move(values));
}

py::object array_from(const std::vector<bool>& flags) {
  return column_from(numpy().boolean, std::vector<std::uint8_t>(flags.begin(), flags.end()));
}

}  // namespace hearth::python
