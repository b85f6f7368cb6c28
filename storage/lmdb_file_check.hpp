#pragma once
// Looks at an LMDB file before it is mapped. LMDB trusts its file: a truncated one kills the
// process with SIGBUS, so what can be checked by plain reads is checked by plain reads.
#include <filesystem>

#include "core/error.hpp"

namespace hearth::storage::lmdb {

enum class file_state {
  missing,
  empty,  ///< no byte in it: what a crash in the middle of creating leaves
  usable,
};

/// Checks both meta pages and that every page up to the last one is in the file. LMDB may leave
/// free pages at the end unwritten; a file that lacks only such pages is whole and is lengthened
/// to its full size. Anything else is errc::corruption naming what is wrong, and the file is left
/// as it is. The format follows mdb.c of LMDB 0.9 (MDB_DATA_VERSION 1) on 64-bit machines.
[[nodiscard]] result<file_state> check_file(const std::filesystem::path& file);

}  // namespace hearth::storage::lmdb
