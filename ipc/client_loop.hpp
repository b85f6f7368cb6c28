#pragma once
// The one event-loop thread of a process that all client connections share.
#include <memory>
#include <thread>

#include "core/error.hpp"
#include "ipc/event_loop.hpp"

namespace hearth::ipc {

/// Runs while somebody holds it. In a child after fork() the thread does not exist: the object is
/// then only good for being dropped, which leaks what belonged to the parent's thread.
class client_loop {
 public:
  /// The loop of this process, started if need be. io_error without file descriptors or threads.
  [[nodiscard]] static result<std::shared_ptr<client_loop>> shared();
  ~client_loop();
  client_loop(const client_loop&) = delete;
  client_loop& operator=(const client_loop&) = delete;

  /// True in a process that is a fork of the one that started the loop. Thread-safe.
  [[nodiscard]] bool forked() const noexcept;
  /// Thread-safe.
  [[nodiscard]] const std::shared_ptr<inbox>& box() const noexcept;
  /// Loop thread only.
  [[nodiscard]] event_port& port() const noexcept;

 private:
  struct state;
  client_loop() = default;
  [[nodiscard]] static result<std::shared_ptr<client_loop>> start();
  static void run(const std::shared_ptr<state>& shared);

  std::shared_ptr<state> state_;
  std::thread thread_;
  unsigned generation_ = 0;
};

/// While it lives, a child made by fork() closes its copy of `fd` at once, so that the connection
/// ends when this process ends it. Thread-safe.
class closed_in_children {
 public:
  explicit closed_in_children(int fd);
  ~closed_in_children();
  closed_in_children(const closed_in_children&) = delete;
  closed_in_children& operator=(const closed_in_children&) = delete;

 private:
  const int fd_;
};

}  // namespace hearth::ipc
