#pragma once
// A namespace's file without its free pages: copied beside it, then put in its place by a rename.
// A crash at any moment leaves the one or the other, whole; a copy that nobody adopted is removed
// when the namespace is opened. docs/adr/0023 has the reasons.
#include <cstdint>
#include <filesystem>

#include "storage/lmdb.hpp"

namespace hearth::storage {

/// Copies the environment's file; on disk when it answers. no_space if the disk has no room for as
/// many bytes as are in use, or runs full meanwhile; then there is no copy.
[[nodiscard]] result<void> write_compacted(const lmdb::environment& from,
                                           std::uint64_t bytes_in_use);

/// Bytes of the copy so far; 0 if there is none.
[[nodiscard]] std::uint64_t compacted_bytes(const std::filesystem::path& directory) noexcept;

/// Puts the copy in the place of the file, durably. Precondition: the environment is closed, and
/// nothing was written to it since it was copied.
[[nodiscard]] result<void> adopt_compacted(const std::filesystem::path& directory);

/// Removes the copy if there is one.
[[nodiscard]] result<void> discard_compacted(const std::filesystem::path& directory);

}  // namespace hearth::storage
