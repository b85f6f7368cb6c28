#pragma once
// From the client's event loop to asyncio, without the GIL on the way.
//
// A completion runs on the client's thread. It must not wait for the GIL there, so it only queues
// its outcome and signals an eventfd. The asyncio loop watches that descriptor and calls drain(),
// which turns outcomes into Python objects and settles futures. No thread is made per call, and no
// Python object is ever touched by a foreign thread.
#include <pybind11/pybind11.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hearth::python {

namespace py = pybind11;

class completion_queue {
 public:
  /// Turns one outcome into the result of its future; may throw native_error. Called with the GIL,
  /// but destroyed and moved without: it must hold no Python object.
  using conversion = std::move_only_function<py::object()>;

  /// Throws native_error if there are no file descriptors left.
  completion_queue();
  completion_queue(const completion_queue&) = delete;
  completion_queue& operator=(const completion_queue&) = delete;

  /// The descriptor that becomes readable when there is something to drain.
  [[nodiscard]] int fileno() const noexcept;

  /// Remembers `future` and returns a function that settles it once, from any thread. Needs the
  /// GIL; the returned function does not, and outlives the queue if it has to.
  [[nodiscard]] std::move_only_function<void(conversion)> expect(py::object future);

  /// Settles the futures whose outcomes are here. Needs the GIL, on the loop's thread.
  void drain();

  /// Forgets the futures that still wait, and returns them. Their outcomes will be dropped.
  [[nodiscard]] py::list abandon();

 private:
  class shared_state;

  std::shared_ptr<shared_state> state_;
  std::unordered_map<std::uint64_t, py::object> futures_;  // guarded by the GIL
  std::uint64_t next_ticket_ = 1;
};

void bind_completion_queue(py::module_& module);

}  // namespace hearth::python
