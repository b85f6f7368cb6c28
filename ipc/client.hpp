#pragma once
// The C++ client: the handles of core/database.hpp over the daemon's socket.
#include <chrono>
#include <filesystem>
#include <memory>

#include "../core/database.hpp"

namespace hearth::ipc {

struct connect_options {
  bool autostart = true;           ///< start hearthd if nobody serves the store
  std::filesystem::path daemon{};  ///< empty: $HEARTH_DAEMON, next to this executable/library, PATH
  /// Empty: the store's default socket path. A daemon that is started listens there, too.
  std::filesystem::path socket{};
  std::chrono::milliseconds start_timeout{30'000};  ///< of connect(): starting, and the login
  std::chrono::milliseconds call_timeout{120'000};  ///< then errc::timeout; the connection stays
  bool reconnect = true;  ///< after a lost connection, the next call connects again
};

/// Connects to the daemon of the store in `directory`, starting it if allowed. The answer is a
/// store_handle whose namespace handles survive a daemon restart (they reopen by name). Calls that
/// were in flight when the connection broke fail with errc::unavailable: a write may or may not
/// have happened. Thread-safe; all connections of a process share one event-loop thread. In a child
/// after fork(), calls fail with errc::unavailable and a hint to connect again.
/// Errors: unavailable (names the log file), protocol_mismatch, permission_denied, timeout.
[[nodiscard]] result<std::shared_ptr<store_handle>> connect(const std::filesystem::path& directory,
                                                            const connect_options& options = {});

/// Asks the daemon of the store to stop after finishing acknowledged work, and waits until it is
/// gone. not_found if none is running. `socket` as in connect_options.
[[nodiscard]] result<void> shutdown_daemon(const std::filesystem::path& directory,
                                           std::chrono::milliseconds timeout,
                                           const std::filesystem::path& socket = {});

}  // namespace hearth::ipc

namespace hearth {
using ipc::connect;
using ipc::connect_options;
}  // namespace hearth
