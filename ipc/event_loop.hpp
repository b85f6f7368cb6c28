#pragma once
// The event loop under ipc: KJ promises over one epoll instance, with an inbox for work that other
// threads finish. KJ's own UnixEventPort is not used because it changes the process's SIGPIPE
// disposition, which a library must leave to its host, and because its cross-thread wake-up costs
// one system call per event where the inbox needs one per batch.
#include <kj/async.h>
#include <kj/timer.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/error.hpp"

namespace hearth::ipc {

/// Work for a loop thread. Whoever holds it last destroys it, on whatever thread that is.
class loop_task {
 public:
  virtual ~loop_task() = default;
  /// Called on the loop thread.
  virtual void run() noexcept = 0;
};

/// The way into a loop from other threads. Outlives the loop: what is posted after close() is
/// dropped. Thread-safe.
class inbox {
 public:
  /// io_error if the process is out of file descriptors.
  [[nodiscard]] static result<std::shared_ptr<inbox>> create();
  ~inbox();
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;

  /// False if the loop has ended: `task` will not run. Wakes the loop only if it sleeps, so a
  /// burst of posts costs one system call.
  bool post(std::shared_ptr<loop_task> task);
  /// Drops what is queued and everything posted from now on.
  void close();

 private:
  friend class event_port;
  explicit inbox(int fd) noexcept : event_fd_(fd) {}
  [[nodiscard]] bool begin_sleep();
  void take(std::vector<std::shared_ptr<loop_task>>& tasks);
  void wake() const noexcept;

  std::mutex mutex_;
  std::vector<std::shared_ptr<loop_task>> tasks_;
  bool sleeping_ = false;
  bool closed_ = false;
  const int event_fd_;
};

/// One promise at a time that waits for notify(). Loop thread only.
class wait_slot {
 public:
  wait_slot() = default;
  ~wait_slot();
  wait_slot(const wait_slot&) = delete;
  wait_slot& operator=(const wait_slot&) = delete;

  [[nodiscard]] kj::Promise<void> wait();
  void notify();

 private:
  class waiter;
  waiter* waiter_ = nullptr;
};

/// The KJ event port: epoll, a timer and an inbox. Belongs to the thread that made it, except
/// wake().
class event_port final : public kj::EventPort {
 public:
  /// io_error if the process is out of file descriptors.
  [[nodiscard]] static result<std::unique_ptr<event_port>> create(std::shared_ptr<inbox> inbox);
  ~event_port() noexcept;
  event_port(const event_port&) = delete;
  event_port& operator=(const event_port&) = delete;

  bool wait() override;
  bool poll() override;
  void wake() const override;

  [[nodiscard]] kj::Timer& timer() noexcept { return timer_; }
  [[nodiscard]] const std::shared_ptr<inbox>& box() const noexcept { return inbox_; }

 private:
  friend class fd_watch;
  event_port(std::shared_ptr<inbox> inbox, int epoll_fd);
  bool turn(bool may_sleep);
  [[nodiscard]] int timeout_ms();

  std::shared_ptr<inbox> inbox_;
  const int epoll_fd_;
  kj::TimerImpl timer_;
  std::vector<std::shared_ptr<loop_task>> running_;
  mutable std::atomic<bool> woken_{false};
};

/// Readiness of one non-blocking file descriptor, edge-triggered: after a read or write that would
/// have blocked, clear the flag and wait for the next edge. The descriptor must outlive the watch.
class fd_watch {
 public:
  /// Throws kj::Exception (overloaded) if the kernel refuses to watch `fd`.
  fd_watch(event_port& port, int fd);
  ~fd_watch();
  fd_watch(const fd_watch&) = delete;
  fd_watch& operator=(const fd_watch&) = delete;

  [[nodiscard]] bool readable() const noexcept { return readable_; }
  [[nodiscard]] bool writable() const noexcept { return writable_; }
  /// After EAGAIN.
  void clear_readable() noexcept { readable_ = false; }
  /// After a short read. It has emptied the socket, unless the end of the stream stood behind the
  /// data: that makes no second edge, so once seen, reading goes on until it is met.
  void clear_drained() noexcept { readable_ = ended_; }
  void clear_writable() noexcept { writable_ = false; }
  /// At once if the flag is set. One waiter per direction.
  [[nodiscard]] kj::Promise<void> when_readable();
  [[nodiscard]] kj::Promise<void> when_writable();
  /// Wakes both waiters, so that they look again.
  void interrupt();

 private:
  friend class event_port;
  void fire(std::uint32_t events);

  event_port& port_;
  const int fd_;
  bool ended_ = false;
  bool readable_ = true;
  bool writable_ = true;
  wait_slot read_slot_;
  wait_slot write_slot_;
};

}  // namespace hearth::ipc
