#pragma once
// One call of the C++ client, either waited for or settled into an asyncio future.
#include <pybind11/pybind11.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "core/database.hpp"
#include "python/native/completion_queue.hpp"
#include "python/native/errors.hpp"

namespace hearth::python {

namespace py = pybind11;

/// The outcome of a call that one thread waits for. std::future would do, but its timed wait costs
/// twice the system calls.
template <class T>
class awaited {
 public:
  void set(result<T> outcome) {
    {
      const std::scoped_lock lock(mutex_);
      outcome_.emplace(std::move(outcome));
    }
    arrived_.notify_one();
  }
  [[nodiscard]] bool wait_for(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, patience, [this] { return outcome_.has_value(); });
  }
  /// After wait_for() answered true.
  [[nodiscard]] result<T> take() { return *std::move(outcome_); }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::optional<result<T>> outcome_;
};

/// Starts a call and waits for its outcome with the GIL released. Signal handlers run meanwhile, so
/// that Ctrl-C ends the wait; the call itself goes on in the daemon.
template <class T, class Start>
[[nodiscard]] result<T> wait_without_gil(Start&& start) {
  // How late a signal may be noticed.
  constexpr std::chrono::milliseconds signal_check{100};
  const auto answer = std::make_shared<awaited<T>>();
  const py::gil_scoped_release unlocked;
  std::forward<Start>(start)(
      completion<T>([answer](result<T> outcome) { answer->set(std::move(outcome)); }));
  while (!answer->wait_for(signal_check)) {
    const py::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0)
      throw py::error_already_set();
  }
  return answer->take();
}

/// Runs `start(completion<T>)`. Without a queue: waits and returns convert(value), or throws
/// native_error. With a queue: returns None at once; `future` gets convert(value) or the error.
/// `convert` must hold no Python object; it runs with the GIL.
template <class T, class Start, class Convert>
[[nodiscard]] py::object perform(completion_queue* queue, py::object future, Start&& start,
                                 Convert convert) {
  if (queue == nullptr)
    return convert(unwrap(wait_without_gil<T>(std::forward<Start>(start))));
  auto settle = queue->expect(std::move(future));
  const py::gil_scoped_release unlocked;
  std::forward<Start>(start)(completion<T>(
      [settle = std::move(settle), convert = std::move(convert)](result<T> outcome) mutable {
        settle([outcome = std::move(outcome), convert = std::move(convert)]() mutable {
          return convert(unwrap(std::move(outcome)));
        });
      }));
  return py::none();
}

}  // namespace hearth::python
