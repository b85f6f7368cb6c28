#include "python/native/completion_queue.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "python/native/errors.hpp"

namespace hearth::python {

// What the client's thread sees. It lives until the last completion is through.
class completion_queue::shared_state {
 public:
  using outcome = std::pair<std::uint64_t, conversion>;

  shared_state() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0)
      throw native_error(errc::io_error, "eventfd: " + std::generic_category().message(errno),
                         "raise the limit of open files (ulimit -n)");
  }
  ~shared_state() { ::close(fd_); }
  shared_state(const shared_state&) = delete;
  shared_state& operator=(const shared_state&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }

  void post(std::uint64_t ticket, conversion convert) {
    {
      const std::scoped_lock lock(mutex_);
      outcomes_.emplace_back(ticket, std::move(convert));
    }
    // Fails only if the counter is full, and then the descriptor is readable already.
    const std::uint64_t one = 1;
    static_cast<void>(!::write(fd_, &one, sizeof one));
  }

  [[nodiscard]] std::vector<outcome> take() {
    std::uint64_t count = 0;
    static_cast<void>(!::read(fd_, &count, sizeof count));
    const std::scoped_lock lock(mutex_);
    return std::exchange(outcomes_, {});
  }

 private:
  const int fd_;
  std::mutex mutex_;
  std::vector<outcome> outcomes_;
};

namespace {

void settle(const py::object& future, completion_queue::conversion& convert) {
  // The future may have been cancelled: then nobody wants the outcome.
  if (py::cast<bool>(future.attr("done")()))
    return;
  try {
    future.attr("set_result")(convert());
  } catch (const native_error& raised) {
    future.attr("set_exception")(exception_for(raised.failure()));
  } catch (py::error_already_set& raised) {
    future.attr("set_exception")(raised.value());
  } catch (const std::exception& raised) {
    future.attr("set_exception")(exception_for({errc::internal, raised.what(), {}, 0}));
  }
}

}  // namespace

completion_queue::completion_queue() : state_(std::make_shared<shared_state>()) {}

int completion_queue::fileno() const noexcept {
  return state_->fd();
}

std::move_only_function<void(completion_queue::conversion)>
completion_queue::expect(py::object future) {
  const auto ticket = next_ticket_++;
  futures_.emplace(ticket, std::move(future));
  return [state = state_, ticket](conversion convert) { state->post(ticket, std::move(convert)); };
}

void completion_queue::drain() {
  for (auto& [ticket, convert] : state_->take()) {
    auto node = futures_.extract(ticket);
    if (!node.empty())
      settle(node.mapped(), convert);
  }
}

py::list completion_queue::abandon() {
  py::list waiting;
  for (const auto& [ticket, future] : futures_)
    waiting.append(future);
  futures_.clear();
  return waiting;
}

void bind_completion_queue(py::module_& module) {
  py::class_<completion_queue>(module, "CompletionQueue",
                               "Outcomes of asynchronous calls, for one asyncio loop.")
      .def(py::init<>())
      .def("fileno", &completion_queue::fileno)
      .def("drain", &completion_queue::drain)
      .def("abandon", &completion_queue::abandon);
}

}  // namespace hearth::python
