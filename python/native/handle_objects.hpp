#pragma once
// Handles of the C++ client as Python objects.
#include <pybind11/pybind11.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "core/database.hpp"
#include "python/native/calls.hpp"

namespace hearth::python {

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
using transaction_object = shared_handle<transaction_handle>;

// Seconds as Python gives them; at least a millisecond, at most some 24 days.
inline std::chrono::milliseconds milliseconds_from(double seconds, const char* field) {
  constexpr double longest = 2'000'000;
  if (!(seconds > 0) || seconds > longest)
    throw native_error(errc::invalid_argument,
                       std::string(field) + " must be more than 0 and at most 2000000 seconds");
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

void bind_transaction(py::module_& module);

}  // namespace hearth::python
