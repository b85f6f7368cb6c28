#include "ipc/event_loop.hpp"

#include <kj/debug.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "core/posix_error.hpp"

namespace hearth::ipc {

// --- inbox ---------------------------------------------------------------------------------------

result<std::shared_ptr<inbox>> inbox::create() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0)
    return std::unexpected(posix_error(errno, "create an eventfd"));
  return std::shared_ptr<inbox>(new inbox(fd));
}

inbox::~inbox() {
  ::close(event_fd_);
}

bool inbox::post(std::shared_ptr<loop_task> task) {
  bool must_wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_)
      return false;
    tasks_.push_back(std::move(task));
    must_wake = std::exchange(sleeping_, false);
  }
  if (must_wake)
    wake();
  return true;
}

void inbox::close() {
  std::vector<std::shared_ptr<loop_task>> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

bool inbox::begin_sleep() {
  const std::lock_guard lock(mutex_);
  sleeping_ = tasks_.empty();
  return sleeping_;
}

void inbox::take(std::vector<std::shared_ptr<loop_task>>& tasks) {
  const std::lock_guard lock(mutex_);
  sleeping_ = false;
  tasks.swap(tasks_);
}

void inbox::wake() const noexcept {
  // The counter is never read: epoll watches it edge-triggered, and every write is an edge. A write
  // can only fail when the counter is full, after 2^64 wake-ups.
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_fd_, &one, sizeof one);
}

// --- wait_slot -----------------------------------------------------------------------------------

class wait_slot::waiter {
 public:
  waiter(kj::PromiseFulfiller<void>& fulfiller, wait_slot& slot)
      : fulfiller_(fulfiller), slot_(&slot) {
    KJ_REQUIRE(slot.waiter_ == nullptr, "a wait_slot has one waiter at a time");
    slot.waiter_ = this;
  }
  ~waiter() { detach(); }
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  void detach() noexcept {
    if (slot_ != nullptr)
      slot_->waiter_ = nullptr;
    slot_ = nullptr;
  }
  void fulfill() {
    detach();
    fulfiller_.fulfill();
  }

 private:
  kj::PromiseFulfiller<void>& fulfiller_;
  wait_slot* slot_;
};

wait_slot::~wait_slot() {
  if (waiter_ != nullptr)
    waiter_->detach();
}

kj::Promise<void> wait_slot::wait() {
  return kj::newAdaptedPromise<void, waiter>(*this);
}

void wait_slot::notify() {
  if (waiter_ != nullptr)
    waiter_->fulfill();
}

// --- event_port ----------------------------------------------------------------------------------

result<std::unique_ptr<event_port>> event_port::create(std::shared_ptr<inbox> inbox) {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0)
    return std::unexpected(posix_error(errno, "create an epoll instance"));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;  // the inbox; everything else is an fd_watch
  if (::epoll_ctl(fd, EPOLL_CTL_ADD, inbox->event_fd_, &event) < 0) {
    const int number = errno;
    ::close(fd);
    return std::unexpected(posix_error(number, "watch an eventfd"));
  }
  return std::unique_ptr<event_port>(new event_port(std::move(inbox), fd));
}

event_port::event_port(std::shared_ptr<inbox> inbox, int epoll_fd)
    : inbox_(std::move(inbox)), epoll_fd_(epoll_fd),
      timer_(kj::systemPreciseMonotonicClock().now()) {}

event_port::~event_port() noexcept {
  inbox_->close();
  ::close(epoll_fd_);
}

bool event_port::wait() {
  return turn(true);
}

bool event_port::poll() {
  return turn(false);
}

void event_port::wake() const {
  woken_.store(true, std::memory_order_release);
  inbox_->wake();
}

int event_port::timeout_ms() {
  const auto now = kj::systemPreciseMonotonicClock().now();
  KJ_IF_MAYBE (timeout,
               timer_.timeoutToNextEvent(now, kj::MILLISECONDS, std::numeric_limits<int>::max())) {
    return static_cast<int>(*timeout);
  }
  return -1;
}

bool event_port::turn(bool may_sleep) {
  const int timeout = may_sleep && inbox_->begin_sleep() ? timeout_ms() : 0;
  std::array<epoll_event, 64> events;
  const int count =
      ::epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), timeout);
  // Firing only queues continuations, so no watch of this batch can go away before its turn.
  for (int i = 0; i < count; ++i)
    if (events[static_cast<std::size_t>(i)].data.ptr != nullptr)
      static_cast<fd_watch*>(events[static_cast<std::size_t>(i)].data.ptr)
          ->fire(events[static_cast<std::size_t>(i)].events);
  timer_.advanceTo(kj::systemPreciseMonotonicClock().now());

  inbox_->take(running_);
  for (auto& task : running_)
    task->run();
  running_.clear();
  return woken_.exchange(false, std::memory_order_acq_rel);
}

// --- fd_watch ------------------------------------------------------------------------------------

fd_watch::fd_watch(event_port& port, int fd) : port_(port), fd_(fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  if (::epoll_ctl(port_.epoll_fd_, EPOLL_CTL_ADD, fd_, &event) < 0)
    kj::throwFatalException(KJ_EXCEPTION(OVERLOADED, "epoll_ctl failed", errno));
}

fd_watch::~fd_watch() {
  ::epoll_ctl(port_.epoll_fd_, EPOLL_CTL_DEL, fd_, nullptr);
}

kj::Promise<void> fd_watch::when_readable() {
  if (readable_)
    return kj::READY_NOW;
  return read_slot_.wait();
}

kj::Promise<void> fd_watch::when_writable() {
  if (writable_)
    return kj::READY_NOW;
  return write_slot_.wait();
}

void fd_watch::interrupt() {
  read_slot_.notify();
  write_slot_.notify();
}

void fd_watch::fire(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    readable_ = true;
    ended_ = ended_ || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    read_slot_.notify();
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
    writable_ = true;
    write_slot_.notify();
  }
}

}  // namespace hearth::ipc
