#include "storage/compaction.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "storage/files.hpp"
#include "storage/lmdb_file_check.hpp"

namespace hearth::storage {

namespace {

/// What other files of the store may need meanwhile.
constexpr std::uint64_t spare_bytes = std::uint64_t{4} << 20;

std::filesystem::path copy_in(const std::filesystem::path& directory) {
  return directory / "data.mdb.compact";
}

// Refusing before copying spares the disk from running full for everybody.
result<void> check_room(const std::filesystem::path& directory, std::uint64_t bytes) {
  std::error_code failed;
  const auto space = std::filesystem::space(directory, failed);
  if (failed || space.available >= bytes + spare_bytes)
    return {};
  return fail(errc::no_space,
              core::format("compacting {} takes {} beside the file; {} are free",
                           directory.string(), format_bytes(bytes + spare_bytes),
                           format_bytes(space.available)),
              "free some disk space and try again; nothing was changed");
}

result<void> copy_to(const lmdb::environment& from, const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return std::unexpected(posix_error(errno, core::format("create {}", file.string())));
  auto copied = from.copy_compacted(descriptor);
  if (copied && ::fsync(descriptor) != 0)
    copied = std::unexpected(posix_error(errno, core::format("sync {}", file.string())));
  if (::close(descriptor) != 0 && copied)
    copied = std::unexpected(posix_error(errno, core::format("close {}", file.string())));
  return copied;
}

}  // namespace

result<void> write_compacted(const lmdb::environment& from, std::uint64_t bytes_in_use) {
  const auto& directory = from.directory();
  HEARTH_CHECK(discard_compacted(directory));
  HEARTH_CHECK(check_room(directory, bytes_in_use));
  auto copied = copy_to(from, copy_in(directory));
  if (!copied)
    (void)discard_compacted(directory);  // what it failed with counts
  return copied;
}

std::uint64_t compacted_bytes(const std::filesystem::path& directory) noexcept {
  struct stat status {};
  return ::stat(copy_in(directory).c_str(), &status) == 0
             ? static_cast<std::uint64_t>(status.st_size)
             : 0;
}

result<void> adopt_compacted(const std::filesystem::path& directory) {
  const auto copy = copy_in(directory);
  HEARTH_TRY(const auto state, lmdb::check_file(copy));
  if (state != lmdb::file_state::usable)
    return fail(errc::internal,
                core::format("there is no copy to adopt in {}", directory.string()));
  if (::rename(copy.c_str(), (directory / "data.mdb").c_str()) != 0)
    return std::unexpected(posix_error(errno, core::format("rename {}", copy.string())));
  return sync_directory(directory);
}

result<void> discard_compacted(const std::filesystem::path& directory) {
  const auto copy = copy_in(directory);
  if (::unlink(copy.c_str()) != 0 && errno != ENOENT)
    return std::unexpected(posix_error(errno, core::format("remove {}", copy.string())));
  return {};
}

}  // namespace hearth::storage
