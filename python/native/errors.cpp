#include "python/native/errors.hpp"

#include <cstdint>
#include <limits>

namespace hearth::python {

py::str text_of(const std::string& bytes) {
  auto* text = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
  if (text == nullptr)
    throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

py::object exception_for(const error& failure) {
  const auto make = py::module_::import("hearth.errors").attr("make_error");
  py::object retry_after = py::none();
  if (failure.retry_after_ms != 0)
    retry_after = py::float_(failure.retry_after_ms / 1000.0);
  return make(py::str(std::string(to_string(failure.code))), text_of(failure.message),
              text_of(failure.hint), retry_after);
}

namespace {

void translate(std::exception_ptr pending) {
  try {
    if (pending)
      std::rethrow_exception(pending);
  } catch (const native_error& raised) {
    try {
      const auto instance = exception_for(raised.failure());
      PyErr_SetObject(py::type::handle_of(instance).ptr(), instance.ptr());
    } catch (py::error_already_set& nested) {
      nested.restore();
    }
  }
}

py::list error_codes() {
  py::list codes;
  constexpr auto largest = std::numeric_limits<std::uint8_t>::max();
  for (std::uint16_t number = 0; number <= largest; ++number) {
    const auto code = errc_from_number(number);
    if (static_cast<std::uint16_t>(code) == number)
      codes.append(py::str(std::string(to_string(code))));
  }
  return codes;
}

}  // namespace

void bind_errors(py::module_& module) {
  py::register_exception_translator(&translate);
  module.def("error_codes", &error_codes, "The name of every error code this build knows.");
}

}  // namespace hearth::python
