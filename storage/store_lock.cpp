#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "storage/catalog.hpp"
#include "storage/files.hpp"

namespace hearth::storage {

namespace {

class flock_store_lock final : public store_lock {
 public:
  explicit flock_store_lock(int fd) noexcept : fd_(fd) {}
  // The file stays: removing it would let two processes lock two files of one name.
  ~flock_store_lock() override {
    std::ignore = ::ftruncate(fd_, 0);
    ::close(fd_);
  }
  flock_store_lock(const flock_store_lock&) = delete;
  flock_store_lock& operator=(const flock_store_lock&) = delete;

  // For a better message to others only: a full disk is no reason not to serve what is there.
  void write_pid() const {
    const auto line = std::to_string(::getpid()) + "\n";
    std::ignore = ::ftruncate(fd_, 0);
    std::ignore = ::pwrite(fd_, line.data(), line.size(), 0);
  }

 private:
  int fd_;
};

// 0 if the holder has not written it yet.
int read_pid(int fd) noexcept {
  char text[32];
  const auto size = ::pread(fd, text, sizeof text, 0);
  int pid = 0;
  if (size > 0)
    std::from_chars(text, text + size, pid);
  return pid;
}

}  // namespace

result<std::unique_ptr<store_lock>> store_lock::acquire(const std::filesystem::path& store) {
  HEARTH_CHECK(make_directory(store));
  const auto file = store / "hearth.lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return std::unexpected(posix_error(errno, core::format("open {}", file.string())));
  int locked = 0;
  do
    locked = ::flock(fd, LOCK_EX | LOCK_NB);
  while (locked != 0 && errno == EINTR);
  if (locked != 0) {
    const int reason = errno;
    const int pid = read_pid(fd);
    ::close(fd);
    if (reason != EWOULDBLOCK)
      return std::unexpected(posix_error(reason, core::format("lock {}", file.string())));
    return fail(errc::busy,
                pid > 0 ? core::format("{} is served by process {}", store.string(), pid)
                        : core::format("{} is served by another process", store.string()),
                "connect to that process, or stop it");
  }
  auto held = std::make_unique<flock_store_lock>(fd);
  held->write_pid();
  return held;
}

}  // namespace hearth::storage
