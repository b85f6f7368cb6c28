// With this macro the C library's headers rename pwrite to pwrite64, and liblmdb.so, which calls
// pwrite, would pass the stand-ins by. off_t has 64 bits either way.
#undef _FILE_OFFSET_BITS

#include "tests/storage/power_cut/write_recorder.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <stdexcept>

namespace {

using hearth::storage::test::event_kind;
using hearth::storage::test::file_event;

struct recording {
  bool active = false;
  dev_t device = 0;
  ino_t inode = 0;
  std::vector<file_event> events;
};

recording& current() {
  static recording instance;
  return instance;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_recorded(int fd) {
  struct stat status {};
  return current().active && ::fstat(fd, &status) == 0 && status.st_dev == current().device &&
         status.st_ino == current().inode;
}

void record(int fd, off_t offset, std::span<const iovec> parts, ssize_t written) {
  if (written <= 0)
    return;
  file_event event{(::fcntl(fd, F_GETFL) & O_DSYNC) != 0 ? event_kind::synced_write
                                                         : event_kind::write,
                   static_cast<std::uint64_t>(offset),
                   {}};
  auto left = static_cast<std::size_t>(written);
  for (const auto& part : parts) {
    const auto* bytes = static_cast<const std::byte*>(part.iov_base);
    const auto size = std::min(left, part.iov_len);
    event.bytes.insert(event.bytes.end(), bytes, bytes + size);
    left -= size;
  }
  current().events.push_back(std::move(event));
}

}  // namespace

namespace hearth::storage::test {

void start_recording(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    throw std::runtime_error("nothing to record");
  current() = {true, status.st_dev, status.st_ino, {}};
}

void record_acknowledgement(std::uint64_t step) {
  current().events.push_back({event_kind::acknowledged, step, {}});
}

std::vector<file_event> stop_recording() {
  current().active = false;
  return std::move(current().events);
}

}  // namespace hearth::storage::test

// The stand-ins. The C library declares these names, so they cannot be ours in any other way.
extern "C" {

[[gnu::visibility("default")]] ssize_t pwrite(int fd, const void* bytes, size_t size,
                                              off_t offset) {
  static auto* const real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  const auto written = real(fd, bytes, size, offset);
  if (is_recorded(fd)) {
    const iovec part{const_cast<void*>(bytes), size};
    record(fd, offset, {&part, 1}, written);
  }
  return written;
}

[[gnu::visibility("default")]] ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  const bool recorded = is_recorded(fd);
  const auto offset = recorded ? ::lseek(fd, 0, SEEK_CUR) : 0;
  const auto written = real(fd, bytes, size);
  if (recorded) {
    const iovec part{const_cast<void*>(bytes), size};
    record(fd, offset, {&part, 1}, written);
  }
  return written;
}

[[gnu::visibility("default")]] ssize_t writev(int fd, const iovec* parts, int count) {
  static auto* const real = next<ssize_t(int, const iovec*, int)>("writev");
  const bool recorded = is_recorded(fd);
  const auto offset = recorded ? ::lseek(fd, 0, SEEK_CUR) : 0;
  const auto written = real(fd, parts, count);
  if (recorded)
    record(fd, offset, {parts, static_cast<std::size_t>(count)}, written);
  return written;
}

[[gnu::visibility("default")]] ssize_t pwritev(int fd, const iovec* parts, int count,
                                               off_t offset) {
  static auto* const real = next<ssize_t(int, const iovec*, int, off_t)>("pwritev");
  const auto written = real(fd, parts, count, offset);
  if (is_recorded(fd))
    record(fd, offset, {parts, static_cast<std::size_t>(count)}, written);
  return written;
}

[[gnu::visibility("default")]] int fdatasync(int fd) {
  static auto* const real = next<int(int)>("fdatasync");
  const int outcome = real(fd);
  if (outcome == 0 && is_recorded(fd))
    current().events.push_back({event_kind::sync, 0, {}});
  return outcome;
}

[[gnu::visibility("default")]] int fsync(int fd) {
  static auto* const real = next<int(int)>("fsync");
  const int outcome = real(fd);
  if (outcome == 0 && is_recorded(fd))
    current().events.push_back({event_kind::sync, 0, {}});
  return outcome;
}

}  // extern "C"
