#pragma once
// One call of the C++ client, either waited for or settled into an asyncio future.
#include <pybind11/pybind11.h>
#include <unistd.h>

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

/// The GIL, given up for a scope. An interpreter that finalizes ends the thread of whoever asks for
/// it back, by unwinding, which neither destructors nor Python objects here can stand: such a
/// thread is parked instead, until the process ends.
class released_gil {
 public:
  released_gil() : state_(PyEval_SaveThread()) {}
  ~released_gil() { acquire(); }
  released_gil(const released_gil&) = delete;
  released_gil& operator=(const released_gil&) = delete;

  /// Answers PyErr_CheckSignals(), with the GIL.
  [[nodiscard]] int check_signals() {
    acquire();
    const int raised = PyErr_CheckSignals();
    state_ = PyEval_SaveThread();
    return raised;
  }

 private:
  void acquire() noexcept {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;)
        ::pause();
    }
  }

  PyThreadState* state_;
};

/// Starts a call and waits for its outcome with the GIL released. Signal handlers run meanwhile, so
/// that Ctrl-C ends the wait; the call itself goes on in the daemon.
template <class T, class Start>
[[nodiscard]] result<T> wait_without_gil(Start&& start) {
  // How late a signal may be noticed.
  constexpr std::chrono::milliseconds signal_check{100};
  const auto answer = std::make_shared<awaited<T>>();
  std::optional<released_gil> unlocked(std::in_place);
  std::forward<Start>(start)(
      completion<T>([answer](result<T> outcome) { answer->set(std::move(outcome)); }));
  while (!answer->wait_for(signal_check)) {
    if (unlocked->check_signals() != 0) {
      unlocked.reset();  // the error is this thread's, and is fetched with the GIL
      throw py::error_already_set();
    }
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
  const released_gil unlocked;
  std::forward<Start>(start)(completion<T>(
      [settle = std::move(settle), convert = std::move(convert)](result<T> outcome) mutable {
        settle([outcome = std::move(outcome), convert = std::move(convert)]() mutable {
          return convert(unwrap(std::move(outcome)));
        });
      }));
  return py::none();
}

}  // namespace hearth::python
