#pragma once
// Where a store's socket lives, and whether it can be trusted.
#include <filesystem>

#include "../core/error.hpp"

namespace hearth::ipc {

/// $XDG_RUNTIME_DIR/hearth/<store>.sock, else /run/user/<uid>/hearth/..., else
/// <store>/run/hearthd.sock; never bare /tmp. <store> is the directory's name plus a hash of its
/// canonical path. Creates the parent directory with mode 0700; permission_denied if it exists with
/// another owner or is open to others. A path longer than sun_path is moved to the next place;
/// limit_exceeded if none is short enough.
[[nodiscard]] result<std::filesystem::path> socket_path(const std::filesystem::path& store);

}  // namespace hearth::ipc
