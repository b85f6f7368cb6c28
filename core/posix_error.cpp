#include "core/posix_error.hpp"

#include <cerrno>
#include <system_error>

#include "core/format.hpp"

namespace hearth::inline core {

errc errc_from_errno(int number) noexcept {
  switch (number) {
  case ENOENT:
  case ENOTDIR:
    return errc::not_found;
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return errc::no_space;
  case EACCES:
  case EPERM:
  case EROFS:
    return errc::permission_denied;
  case EEXIST:
    return errc::already_exists;
  default:
    return errc::io_error;
  }
}

error posix_error(int number, std::string_view action) {
  const auto code = errc_from_errno(number);
  std::string hint;
  if (code == errc::no_space)
    hint = "free some disk space and try again";
  return {code, core::format("cannot {}: {}", action, std::generic_category().message(number)),
          std::move(hint), 0};
}

}  // namespace hearth::inline core
