#pragma once
// Errors of the C++ client as Python exceptions. The table from code to class lives in
// hearth/errors.py; this file only carries values across.
#include <pybind11/pybind11.h>

#include <exception>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace hearth::python {

namespace py = pybind11;

/// A hearth::error on its way to Python; the translator turns it into a HearthError.
class native_error : public std::exception {
 public:
  explicit native_error(error failure) : failure_(std::move(failure)) {}
  native_error(errc code, std::string message, std::string hint = {})
      : failure_{code, std::move(message), std::move(hint), 0} {}

  [[nodiscard]] const error& failure() const noexcept { return failure_; }
  [[nodiscard]] const char* what() const noexcept override { return failure_.message.c_str(); }

 private:
  error failure_;
};

/// The value of `outcome`, or its error thrown.
template <class T>
[[nodiscard]] T unwrap(result<T>&& outcome) {
  if (!outcome)
    throw native_error(std::move(outcome).error());
  return *std::move(outcome);
}

/// Throws the error that `outcome` may hold.
inline void unwrap(result<void>&& outcome) {
  if (!outcome)
    throw native_error(std::move(outcome).error());
}

/// A new instance of the HearthError subclass for `failure`. Needs the GIL.
[[nodiscard]] py::object exception_for(const error& failure);

/// `str` for any bytes: a message may quote text that is not UTF-8.
[[nodiscard]] py::str text_of(const std::string& bytes);

void bind_errors(py::module_& module);

}  // namespace hearth::python
