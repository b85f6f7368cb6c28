#pragma once
// Files behind an interface: what is not LMDB's (index snapshots, locks, reports) goes through it,
// and tests put failures there.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "error.hpp"

namespace hearth::inline core {

using byte_span = std::span<const std::byte>;

/// A new file being written. Nothing is visible under the final name until commit().
class file_writer {
 public:
  virtual ~file_writer() = default;  ///< without commit(), the partial file is removed
  [[nodiscard]] virtual result<void> append(byte_span bytes) = 0;
  /// Syncs the data, renames onto the final name, syncs the directory.
  [[nodiscard]] virtual result<void> commit() = 0;
};

/// A file in the address space: pages are read when they are looked at, and the system may take
/// them back. Files that only Hearth writes, and never changes once they have their name.
class mapped_file {
 public:
  virtual ~mapped_file() = default;
  /// Starts at the start of a page.
  [[nodiscard]] virtual byte_span bytes() const noexcept = 0;
};

/// Thread-safe. Errors: not_found, no_space (ENOSPC, EDQUOT), permission_denied, io_error.
class disk {
 public:
  virtual ~disk() = default;
  [[nodiscard]] virtual result<std::unique_ptr<file_writer>>
  create(const std::filesystem::path& final_name) = 0;
  /// The whole file; limit_exceeded if it is larger than `max_bytes`.
  [[nodiscard]] virtual result<std::vector<std::byte>> read(const std::filesystem::path& name,
                                                            std::size_t max_bytes) = 0;
  /// Likewise, in place of a copy.
  [[nodiscard]] virtual result<std::unique_ptr<mapped_file>> map(const std::filesystem::path& name,
                                                                 std::size_t max_bytes) = 0;
  [[nodiscard]] virtual result<void> remove(const std::filesystem::path& name) = 0;
  [[nodiscard]] virtual result<std::size_t> free_bytes(const std::filesystem::path& directory) = 0;
};

/// The machine's file system. Lives as long as the process.
[[nodiscard]] disk& system_disk() noexcept;

}  // namespace hearth::inline core
