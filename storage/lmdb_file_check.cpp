#include "storage/lmdb_file_check.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "core/format.hpp"
#include "core/posix_error.hpp"

namespace hearth::storage::lmdb {

namespace {

static_assert(std::endian::native == std::endian::little && sizeof(std::size_t) == 8);

constexpr std::uint32_t meta_magic = 0xBEEFC0DE;
constexpr std::uint32_t data_version = 1;
constexpr std::uint64_t no_page = ~std::uint64_t{0};
constexpr std::size_t page_header = 16;
constexpr std::size_t node_header = 8;
constexpr std::uint16_t branch_page = 0x01;
constexpr std::uint16_t leaf_page = 0x02;
constexpr std::uint16_t overflow_page = 0x04;
constexpr std::uint16_t meta_page = 0x08;
constexpr std::uint16_t big_data = 0x01;  // node flag: the value is the number of an overflow page
constexpr int deepest_tree = 32;
constexpr std::uint64_t most_missing_pages = std::uint64_t{1} << 28;

// Offsets inside a meta page: a 16-byte page header, then MDB_meta.
constexpr std::size_t magic_at = 16;
constexpr std::size_t version_at = 20;
constexpr std::size_t page_size_at = 40;  // mm_dbs[FREE_DBI].md_pad
constexpr std::size_t free_root_at = 80;  // mm_dbs[FREE_DBI].md_root
constexpr std::size_t last_page_at = 136;
constexpr std::size_t transaction_at = 144;
constexpr std::size_t meta_bytes = 152;

struct meta {
  std::uint32_t page_size = 0;
  std::uint64_t free_root = 0;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

template <class T>
T load(std::span<const std::byte> from, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, from.data() + at, sizeof(T));
  return value;
}

class file_checker {
 public:
  file_checker(const std::filesystem::path& file, int fd, std::uint64_t bytes)
      : file_(file), fd_(fd), bytes_(bytes) {}

  result<void> run() {
    HEARTH_TRY(const auto first, read_meta(0));
    HEARTH_TRY(const auto second, read_meta(first.page_size));
    if (first.page_size != second.page_size)
      return corrupt("its two meta pages disagree");
    // The newer one counts, as mdb_env_pick_meta has it.
    current_ = first.transaction < second.transaction ? second : first;
    if (current_.last_page >= no_page / current_.page_size - 1)
      return corrupt("its meta page is damaged");

    const auto needed = (current_.last_page + 1) * current_.page_size;
    if (bytes_ >= needed)
      return {};
    if (!only_free_pages_are_missing())
      return corrupt(
          core::format("it has {} bytes and should have {}: it was truncated", bytes_, needed));
    if (::ftruncate(fd_, static_cast<off_t>(needed)) != 0)
      return std::unexpected(posix_error(errno, core::format("lengthen {}", file_.string())));
    return {};
  }

 private:
  [[nodiscard]] std::unexpected<error> corrupt(std::string what) const {
    return fail(errc::corruption, core::format("{} is damaged: {}", file_.string(), what),
                "restore the store from a backup");
  }

  [[nodiscard]] bool read_at(std::uint64_t offset, std::span<std::byte> into) const {
    while (!into.empty()) {
      const auto count = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        return false;
      into = into.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return true;
  }

  [[nodiscard]] result<meta> read_meta(std::uint64_t offset) const {
    std::byte page[meta_bytes];
    if (!read_at(offset, page))
      return corrupt("it is too short to be a database");
    const auto flags = load<std::uint16_t>(page, 10);
    if ((flags & meta_page) == 0 || load<std::uint32_t>(page, magic_at) != meta_magic)
      return corrupt("it is not an LMDB file");
    if (const auto version = load<std::uint32_t>(page, version_at); version != data_version)
      return fail(errc::unsupported,
                  core::format("{} has LMDB format {}; this build reads format {}", file_.string(),
                               version, data_version));
    const meta found{
        load<std::uint32_t>(page, page_size_at), load<std::uint64_t>(page, free_root_at),
        load<std::uint64_t>(page, last_page_at), load<std::uint64_t>(page, transaction_at)};
    if (!std::has_single_bit(found.page_size) || found.page_size < 256 || found.page_size > 65'536)
      return corrupt("its meta page is damaged");
    return found;
  }

  // Walks the table of free pages, LMDB's table 0, whose values are lists: a count, then numbers.
  [[nodiscard]] bool only_free_pages_are_missing() {
    const auto first_missing = bytes_ / current_.page_size;
    if (current_.last_page + 1 - first_missing > most_missing_pages)
      return false;
    missing_.assign(current_.last_page + 1 - first_missing, true);
    still_missing_ = missing_.size();
    pages_left_ = first_missing;
    return current_.free_root != no_page && walk(current_.free_root, deepest_tree) &&
           still_missing_ == 0;
  }

  [[nodiscard]] bool walk(std::uint64_t number, int depth) {
    std::vector<std::byte> page(current_.page_size);
    if (depth == 0 || pages_left_ == 0 || number > current_.last_page ||
        !read_at(number * page.size(), page) || load<std::uint64_t>(page, 0) != number)
      return false;
    --pages_left_;  // a damaged tree may lead in circles
    const auto flags = load<std::uint16_t>(page, 10);
    const std::size_t lower = load<std::uint16_t>(page, 12);
    if ((flags & (branch_page | leaf_page)) == 0 || lower < page_header || lower > page.size())
      return false;
    for (std::size_t slot = page_header; slot + 2 <= lower; slot += 2) {
      const std::size_t node = load<std::uint16_t>(page, slot);
      if (node + node_header > page.size())
        return false;
      const auto low = std::uint64_t{load<std::uint16_t>(page, node)} |
                       std::uint64_t{load<std::uint16_t>(page, node + 2)} << 16;
      const auto node_flags = load<std::uint16_t>(page, node + 4);
      if ((flags & branch_page) != 0) {
        if (!walk(low | std::uint64_t{node_flags} << 32, depth - 1))
          return false;
      } else if (!take_list(page, node, low, node_flags)) {
        return false;
      }
    }
    return true;
  }

  // `size` bytes of list, in the node or on overflow pages.
  [[nodiscard]] bool take_list(std::span<const std::byte> page, std::size_t node,
                               std::uint64_t size, std::uint16_t node_flags) {
    const std::size_t data = node + node_header + load<std::uint16_t>(page, node + 6);
    if (size < 8 || size > bytes_ || size % 8 != 0)
      return false;
    if ((node_flags & big_data) == 0)
      return data + size <= page.size() && take_numbers(page.subspan(data, size));
    if (data + 8 > page.size())
      return false;
    const auto number = load<std::uint64_t>(page, data);
    std::vector<std::byte> list(page_header + size);
    if (number > current_.last_page || !read_at(number * current_.page_size, list) ||
        load<std::uint64_t>(list, 0) != number ||
        (load<std::uint16_t>(list, 10) & overflow_page) == 0)
      return false;
    return take_numbers(std::span(list).subspan(page_header));
  }

  [[nodiscard]] bool take_numbers(std::span<const std::byte> list) {
    const auto count = load<std::uint64_t>(list, 0);
    if (count > list.size() / 8 - 1)
      return false;
    const auto first_missing = current_.last_page + 1 - missing_.size();
    for (std::size_t i = 1; i <= count; ++i) {
      const auto number = load<std::uint64_t>(list, i * 8);
      if (number > current_.last_page)
        return false;
      if (number >= first_missing && missing_[number - first_missing]) {
        missing_[number - first_missing] = false;
        --still_missing_;
      }
    }
    return true;
  }

  const std::filesystem::path& file_;
  int fd_;
  std::uint64_t bytes_;
  meta current_;
  std::vector<bool> missing_;
  std::size_t still_missing_ = 0;
  std::uint64_t pages_left_ = 0;
};

}  // namespace

result<file_state> check_file(const std::filesystem::path& file) {
  const descriptor opened(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (opened.get() < 0 && errno == ENOENT)
    return file_state::missing;
  struct stat status {};
  if (opened.get() < 0 || ::fstat(opened.get(), &status) != 0)
    return std::unexpected(posix_error(errno, core::format("open {}", file.string())));
  if (!S_ISREG(status.st_mode))
    return fail(errc::corruption, core::format("{} is not a regular file", file.string()));
  if (status.st_size == 0)
    return file_state::empty;
  HEARTH_CHECK(file_checker(file, opened.get(), static_cast<std::uint64_t>(status.st_size)).run());
  return file_state::usable;
}

}  // namespace hearth::storage::lmdb
