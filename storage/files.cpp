#include "storage/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/format.hpp"
#include "core/posix_error.hpp"

namespace hearth::storage {

namespace {

// "a/b/" has an empty last component; its parent would be "a/b".
std::filesystem::path parent_of(const std::filesystem::path& directory) {
  auto parent =
      directory.has_filename() ? directory.parent_path() : directory.parent_path().parent_path();
  return parent.empty() ? "." : parent;
}

}  // namespace

result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code code;
  const auto parent = parent_of(directory);
  std::filesystem::create_directories(parent, code);
  if (code)
    return std::unexpected(posix_error(code.value(), core::format("create {}", parent.string())));
  if (::mkdir(directory.c_str(), 0700) == 0)
    return sync_directory(parent);
  const int reason = errno;
  if (reason == EEXIST && std::filesystem::is_directory(directory, code))
    return {};
  return std::unexpected(posix_error(reason, core::format("create {}", directory.string())));
}

result<void> sync_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int reason = errno;
  if (fd >= 0)
    ::close(fd);
  if (!synced)
    return std::unexpected(posix_error(reason, core::format("sync {}", directory.string())));
  return {};
}

result<void> remove_directory(const std::filesystem::path& directory) {
  std::error_code code;
  std::filesystem::remove_all(directory, code);
  if (code)
    return std::unexpected(
        posix_error(code.value(), core::format("remove {}", directory.string())));
  return sync_directory(parent_of(directory));
}

}  // namespace hearth::storage
