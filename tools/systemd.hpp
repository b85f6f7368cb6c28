#pragma once
// systemd's two small protocols, without its library: sockets passed in, readiness told back.
// After the descriptions in sd_listen_fds(3) and sd_notify(3).
#include <string_view>

#include "core/error.hpp"

namespace hearth::tools {

/// The listening socket that systemd passed to this process, or -1 if it passed none. Takes
/// LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of the environment, so it answers once; call it
/// before any thread starts. invalid_argument if what was passed is not one listening Unix stream
/// socket.
[[nodiscard]] result<int> take_listen_fd();

/// Sends `state` ("READY=1") to the socket that NOTIFY_SOCKET names. Does nothing without one:
/// nobody asked to be told.
void notify_service_manager(std::string_view state) noexcept;

}  // namespace hearth::tools
