#pragma once
// Directories, durably.
#include <filesystem>

#include "core/error.hpp"

namespace hearth::storage {

/// Creates `directory` with mode 0700, and its parents with the process's default mode, unless it
/// is there. The entry is on disk when it answers.
[[nodiscard]] result<void> make_directory(const std::filesystem::path& directory);

/// Puts the entries of `directory` on disk.
[[nodiscard]] result<void> sync_directory(const std::filesystem::path& directory);

/// Removes `directory` with all it holds; nothing if it is not there. On disk when it answers.
[[nodiscard]] result<void> remove_directory(const std::filesystem::path& directory);

}  // namespace hearth::storage
