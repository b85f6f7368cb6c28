#pragma once
// Finding and starting hearthd, and connecting to what was started.
#include <kj/io.h>

#include <chrono>
#include <filesystem>

#include "core/error.hpp"
#include "ipc/client.hpp"

namespace hearth::ipc {

/// The executable: `options.daemon`, $HEARTH_DAEMON, beside this executable or shared library or in
/// bin next to it, then PATH. unavailable if there is none, naming the places.
[[nodiscard]] result<std::filesystem::path> find_daemon(const connect_options& options);

/// Runs `hearthd --daemon --store <directory>`, with `--socket <socket>` unless that is empty, and
/// waits until it says that it serves. Errors: busy (another daemon has the store), unavailable
/// (with hearthd's own words and the log file's name), timeout. Blocks; the daemon lives on
/// whatever comes out.
[[nodiscard]] result<void> launch_daemon(const std::filesystem::path& daemon,
                                         const std::filesystem::path& directory,
                                         const std::filesystem::path& socket,
                                         std::chrono::steady_clock::time_point deadline);

/// Tries once to connect, at every place where the store's socket can be. Does not block.
/// Errors: not_found (no daemon), busy (backlog full), permission_denied (at a place that is not
/// another user's runtime directory, and nobody answers elsewhere).
[[nodiscard]] result<kj::AutoCloseFd> try_connect(const std::filesystem::path& directory,
                                                  const connect_options& options);

/// Connects, starting the daemon if that is allowed and needed, within options.start_timeout. When
/// many processes start one at once, the store's lock picks one daemon and everybody connects to
/// it. Blocks. Errors: unavailable, timeout, permission_denied.
[[nodiscard]] result<kj::AutoCloseFd> connect_or_start(const std::filesystem::path& directory,
                                                       const connect_options& options);

}  // namespace hearth::ipc
