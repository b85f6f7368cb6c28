#include "core/disk.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include "core/format.hpp"
#include "core/posix_error.hpp"

namespace hearth::inline core {

namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) {
  return printable(path.native(), PATH_MAX);
}

std::unexpected<error> posix_failure(int number, std::string_view verb, const fs::path& path) {
  return std::unexpected(posix_error(number, core::format("{} {}", verb, shown(path))));
}

template <class Call>
auto retry_on_signal(Call call) {
  auto outcome = call();
  while (outcome < 0 && errno == EINTR)
    outcome = call();
  return outcome;
}

class descriptor {
 public:
  explicit descriptor(int fd = -1) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

descriptor open_file(const fs::path& path, int flags, mode_t mode = 0) {
  return descriptor(retry_on_signal([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
}

fs::path parent_of(const fs::path& path) {
  auto parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

result<void> sync_directory(const fs::path& directory) {
  const auto handle = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!handle.is_open())
    return posix_failure(errno, "open", directory);
  if (retry_on_signal([&] { return ::fsync(handle.get()); }) != 0)
    return posix_failure(errno, "sync", directory);
  return {};
}

// Temporary names are "<final>.<pid>-<number>.tmp". A living writer holds a flock on its file, so a
// temporary file that can be locked was left by a crash.
constexpr std::string_view temporary_suffix = ".tmp";

fs::path temporary_name(const fs::path& final_name) {
  static std::atomic<std::uint64_t> next{0};
  auto name = final_name;
  name += core::format(".{}-{}{}", ::getpid(), next.fetch_add(1), temporary_suffix);
  return name;
}

void remove_leftovers(const fs::path& final_name) {
  const auto prefix = final_name.filename().native() + ".";
  std::error_code failure;
  for (fs::directory_iterator entry(parent_of(final_name), failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const auto name = entry->path().filename().native();
    if (!name.starts_with(prefix) || !name.ends_with(temporary_suffix))
      continue;
    const auto leftover = open_file(entry->path(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (leftover.is_open() && ::flock(leftover.get(), LOCK_EX | LOCK_NB) == 0)
      ::unlink(entry->path().c_str());
  }
}

class posix_file_writer final : public file_writer {
 public:
  posix_file_writer(descriptor file, fs::path temporary, fs::path final_name)
      : file_(std::move(file)), temporary_(std::move(temporary)),
        final_name_(std::move(final_name)) {}
  posix_file_writer(const posix_file_writer&) = delete;
  posix_file_writer& operator=(const posix_file_writer&) = delete;

  ~posix_file_writer() override {
    if (state_ != state::committed)
      ::unlink(temporary_.c_str());
  }

  result<void> append(byte_span bytes) override {
    HEARTH_CHECK(check_writable());
    while (!bytes.empty()) {
      const auto written =
          retry_on_signal([&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
      if (written < 0) {
        state_ = state::failed;
        return posix_failure(errno, "write", final_name_);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
  }

  result<void> commit() override {
    HEARTH_CHECK(check_writable());
    state_ = state::failed;
    if (retry_on_signal([&] { return ::fsync(file_.get()); }) != 0)
      return posix_failure(errno, "sync", final_name_);
    if (::rename(temporary_.c_str(), final_name_.c_str()) != 0)
      return posix_failure(errno, "rename onto", final_name_);
    state_ = state::committed;
    return sync_directory(parent_of(final_name_));
  }

 private:
  enum class state : std::uint8_t { writing, failed, committed };

  // After a failed write the end of the file is unknown: such a file must never become visible.
  [[nodiscard]] result<void> check_writable() const {
    if (state_ == state::writing)
      return {};
    return fail(
        errc::internal,
        core::format("{} was {} already", shown(final_name_),
                     state_ == state::committed ? "committed" : "given up after a failure"));
  }

  descriptor file_;
  fs::path temporary_;
  fs::path final_name_;
  state state_ = state::writing;
};

class posix_mapping final : public mapped_file {
 public:
  posix_mapping(void* start, std::size_t size) noexcept : start_(start), size_(size) {}
  ~posix_mapping() override {
    if (size_ > 0)
      (void)::munmap(start_, size_);
  }
  posix_mapping(const posix_mapping&) = delete;
  posix_mapping& operator=(const posix_mapping&) = delete;

  [[nodiscard]] byte_span bytes() const noexcept override {
    return {static_cast<const std::byte*>(start_), size_};
  }

 private:
  void* start_;
  std::size_t size_;
};

class posix_disk final : public disk {
 public:
  result<std::unique_ptr<file_writer>> create(const fs::path& final_name) override {
    if (final_name.filename().empty())
      return fail(errc::invalid_argument,
                  core::format("'{}' does not name a file", shown(final_name)));
    remove_leftovers(final_name);
    while (true) {
      auto temporary = temporary_name(final_name);
      auto file = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
      if (!file.is_open()) {
        if (errno == EEXIST)  // left by an earlier process with our pid, and held by another
          continue;
        return posix_failure(errno, "create", final_name);
      }
      // Somebody's remove_leftovers may have come between open and lock: then take another name.
      struct stat status {};
      if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(file.get(), &status) == 0 &&
          status.st_nlink > 0)
        return std::make_unique<posix_file_writer>(std::move(file), std::move(temporary),
                                                   final_name);
    }
  }

  result<std::vector<std::byte>> read(const fs::path& name, std::size_t max_bytes) override {
    descriptor file;
    HEARTH_TRY(const std::size_t size, open_to_read(name, max_bytes, file));
    std::vector<std::byte> bytes(size);
    std::size_t filled = 0;
    while (filled < size) {
      const auto got =
          retry_on_signal([&] { return ::read(file.get(), bytes.data() + filled, size - filled); });
      if (got < 0)
        return posix_failure(errno, "read", name);
      if (got == 0)  // truncated meanwhile
        break;
      filled += static_cast<std::size_t>(got);
    }
    bytes.resize(filled);
    return bytes;
  }

  result<std::unique_ptr<mapped_file>> map(const fs::path& name, std::size_t max_bytes) override {
    descriptor file;
    HEARTH_TRY(const std::size_t size, open_to_read(name, max_bytes, file));
    if (size == 0)
      return std::make_unique<posix_mapping>(nullptr, 0);
    void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (start == MAP_FAILED)
      return posix_failure(errno, "map", name);
    return std::make_unique<posix_mapping>(start, size);
  }

  result<void> remove(const fs::path& name) override {
    if (::unlink(name.c_str()) != 0)
      return posix_failure(errno, "remove", name);
    return {};
  }

  result<std::size_t> free_bytes(const fs::path& directory) override {
    struct statvfs status {};
    if (retry_on_signal([&] { return ::statvfs(directory.c_str(), &status); }) != 0)
      return posix_failure(errno, "query free space of", directory);
    return static_cast<std::size_t>(status.f_bavail) * status.f_frsize;
  }

 private:
  // Opens a file of at most that size and answers how large it is.
  static result<std::size_t> open_to_read(const fs::path& name, std::size_t max_bytes,
                                          descriptor& file) {
    file = open_file(name, O_RDONLY | O_NONBLOCK);
    if (!file.is_open())
      return posix_failure(errno, "read", name);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
      return posix_failure(errno, "read", name);
    if (!S_ISREG(status.st_mode))
      return fail(errc::io_error, core::format("{} is not a regular file", shown(name)));
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > max_bytes)
      return fail(errc::limit_exceeded, core::format("{} is {}; at most {} are read", shown(name),
                                                     format_bytes(size), format_bytes(max_bytes)));
    return size;
  }
};

}  // namespace

disk& system_disk() noexcept {
  static posix_disk machine;
  return machine;
}

}  // namespace hearth::inline core
