#pragma once
// What the calls of one connection share on the server: who it is, what it may still use, and how
// busy it is. Loop thread only, except server_status.
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/database.hpp"
#include "core/log.hpp"
#include "ipc/byte_budget.hpp"
#include "ipc/event_loop.hpp"
#include "ipc/socket_network.hpp"

namespace hearth::ipc {

/// What the owner of a server may ask from any thread.
struct server_status {
  server_status() noexcept;
  void session_opened() noexcept;
  void session_closed() noexcept;
  [[nodiscard]] std::chrono::milliseconds idle_for() const noexcept;

  std::atomic<std::size_t> sessions{0};
  std::atomic<std::int64_t> idle_since_ms{0};  ///< steady clock; counts while there are no sessions
  std::atomic<bool> shutdown_requested{false};
};

struct session_limits {
  std::size_t calls_in_flight = 0;
  std::size_t queued_reply_bytes = 0;
};

/// One thing counted for as long as it lives.
class counted {
 public:
  explicit counted(std::shared_ptr<std::size_t> count) noexcept : count_(std::move(count)) {
    ++*count_;
  }
  counted(counted&&) noexcept = default;
  counted& operator=(counted&&) = delete;
  ~counted() {
    if (count_ != nullptr)
      --*count_;
  }

 private:
  std::shared_ptr<std::size_t> count_;
};

/// Shared by the capabilities of one connection; they may outlive it by a few turns of the loop.
class session_context {
 public:
  session_context(std::shared_ptr<store_handle> store, std::shared_ptr<inbox> inbox,
                  std::shared_ptr<server_status> status, std::shared_ptr<logger> log,
                  session_limits limits, pid_t peer_pid);
  ~session_context();
  session_context(const session_context&) = delete;
  session_context& operator=(const session_context&) = delete;

  /// The network of the connection; nullptr once it is gone.
  void attach(socket_network* network);
  /// Every login is answered with `reason` from now on.
  void refuse(error reason) { refusal_ = std::move(reason); }

  /// Opens the session, or says why not: protocol_mismatch, conflict, or the reason of refuse().
  [[nodiscard]] result<void> login(std::uint16_t major, std::uint16_t minor,
                                   std::string_view client_name);
  [[nodiscard]] bool logged_in() const noexcept { return logged_in_; }
  void request_shutdown();

  /// A place among the calls in flight, or busy.
  [[nodiscard]] result<counted> begin_call();
  /// A place among the open namespaces, or limit_exceeded.
  [[nodiscard]] result<counted> begin_namespace();
  /// A place among the open transactions, or busy.
  [[nodiscard]] result<counted> begin_transaction();

  [[nodiscard]] store_handle& store() noexcept { return *store_; }
  [[nodiscard]] const std::shared_ptr<inbox>& box() const noexcept { return inbox_; }
  [[nodiscard]] const server_status& status() const noexcept { return *status_; }
  [[nodiscard]] const session_limits& limits() const noexcept { return limits_; }
  /// Replies on their way: those being worked on, by a guess, and those in the network's queue.
  [[nodiscard]] byte_budget& replies() noexcept { return *replies_; }

 private:
  std::shared_ptr<store_handle> store_;
  std::shared_ptr<inbox> inbox_;
  std::shared_ptr<server_status> status_;
  std::shared_ptr<logger> log_;
  const session_limits limits_;
  const pid_t peer_pid_;
  socket_network* network_ = nullptr;
  std::shared_ptr<byte_budget> replies_;
  std::shared_ptr<std::size_t> calls_ = std::make_shared<std::size_t>(0);
  std::shared_ptr<std::size_t> namespaces_ = std::make_shared<std::size_t>(0);
  std::shared_ptr<std::size_t> transactions_ = std::make_shared<std::size_t>(0);
  std::optional<error> refusal_;
  bool logged_in_ = false;
};

}  // namespace hearth::ipc
