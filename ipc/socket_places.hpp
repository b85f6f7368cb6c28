#pragma once
// The places where a store's socket may be. Internal: tests put another environment in.
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace hearth::ipc {

struct socket_environment {
  std::filesystem::path runtime_directory;  ///< $XDG_RUNTIME_DIR; empty: not set
  std::filesystem::path run_user = "/run/user";
  uid_t uid = 0;
};

/// Bytes of a socket's path: sun_path without the terminating NUL.
inline constexpr std::size_t socket_path_bytes = 107;

/// The environment of this process.
[[nodiscard]] socket_environment current_socket_environment();

/// Every place for the store's socket that is short enough, best first. Creates and checks nothing:
/// a client tries them all, because the daemon may have been started in another environment.
[[nodiscard]] std::vector<std::filesystem::path>
socket_places(const std::filesystem::path& store, const socket_environment& environment);

/// Whether `place`, one of socket_places(), is in a runtime directory that is not this user's.
[[nodiscard]] bool is_foreign_place(const std::filesystem::path& place,
                                    const socket_environment& environment);

/// socket_path() in a given environment.
[[nodiscard]] result<std::filesystem::path> socket_path(const std::filesystem::path& store,
                                                        const socket_environment& environment);

}  // namespace hearth::ipc
