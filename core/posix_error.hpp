#pragma once
// errno as an error value.
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace hearth::inline core {

/// The code that `number` (an errno) stands for: ENOENT and ENOTDIR not_found; ENOSPC, EDQUOT and
/// EFBIG no_space; EACCES, EPERM and EROFS permission_denied; EEXIST already_exists; anything else
/// io_error.
[[nodiscard]] errc errc_from_errno(int number) noexcept;

/// "cannot <action>: <system's text>", e.g. posix_error(ENOENT, "read /x/y").
[[nodiscard]] error posix_error(int number, std::string_view action);

}  // namespace hearth::inline core
