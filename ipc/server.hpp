#pragma once
// Serves a store over a Unix socket. `hearthd` uses it, and so can any host with a runtime.
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>

#include "../core/database.hpp"
#include "../core/log.hpp"

namespace hearth::ipc {

struct server_options {
  /// Where to listen; empty: the store's default socket path (see socket_path.hpp).
  std::filesystem::path socket{};
  /// An already listening socket (systemd socket activation); -1: none. The server closes it.
  int listen_fd = -1;
  std::shared_ptr<logger> log = null_logger();
  std::size_t connections = 1'024;
  std::size_t connections_per_uid = 512;
  std::size_t calls_in_flight = 1'024;                     ///< per connection
  std::size_t queued_reply_bytes = std::size_t{32} << 20;  ///< per connection; then reading stops
  std::size_t session_bytes_in_flight = std::size_t{256} << 20;  ///< requests of one connection
  std::size_t total_bytes_in_flight = std::size_t{2} << 30;      ///< requests of all connections
  std::chrono::milliseconds login_timeout{10'000};
  std::chrono::milliseconds partial_message_timeout{30'000};
};

/// A running server on a thread of its own. stop() (or the destructor) closes the socket, ends
/// sessions and joins the thread. Thread-safe.
class server {
 public:
  /// `store` is served to every process of this user (peer uid is checked). busy if somebody
  /// answers on the socket already; a stale socket file is replaced.
  [[nodiscard]] static result<std::unique_ptr<server>>
  start(std::shared_ptr<store_handle> store, const std::filesystem::path& store_path,
        server_options options = {});
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  [[nodiscard]] const std::filesystem::path& socket() const noexcept;
  /// Sessions connected now, and how long there have been none (for idle exit).
  [[nodiscard]] std::size_t sessions() const noexcept;
  [[nodiscard]] std::chrono::milliseconds idle_for() const noexcept;
  /// True once a client asked the daemon to stop (Session.shutdown).
  [[nodiscard]] bool shutdown_requested() const noexcept;
  void stop();

 private:
  class impl;
  explicit server(std::unique_ptr<impl> state) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace hearth::ipc
