#pragma once
// The file form of an index: header (format, parameters, LSN, row count), sections, checksums.
// Described in docs/storage_format.md. A snapshot is a cache: on any doubt it is refused and the
// index is rebuilt from storage.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/error.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::engine::index {

struct snapshot_header {
  std::uint32_t dimension = 0;
  distance_kind distance = distance_kind::cosine;
  index_params params;            ///< those that shape the structure count: structure_of()
  std::uint64_t lsn = 0;          ///< the structure covers every change up to here
  std::uint64_t store_uuid[2]{};  ///< of the namespace's environment: a copied file is refused
  std::uint32_t shard = 0;
  std::uint32_t shards = 1;

  friend bool operator==(const snapshot_header&, const snapshot_header&) = default;
};

/// Writes a snapshot file, header and sections with checksums, as it goes along, and answers its
/// length. Errors are those of `to`.
[[nodiscard]] result<std::uint64_t> write_snapshot(const snapshot_header& header,
                                                   const vector_index& index, const byte_sink& to);

struct loaded_snapshot {
  std::unique_ptr<vector_index> index;
  std::uint64_t lsn = 0;
  row_id last_row = 0;  ///< of the structure
};

/// `file` starts at a multiple of 8. Verifies everything (magic, version, sizes, checksums, that
/// `expected` agrees in all but lsn, every link in range) before using it. errc::corruption on any
/// doubt. Rows that `fetch` does not have are erased from the index, if it reads vectors at all:
/// one that keeps none in memory does not, and the caller erases what was removed since the lsn.
/// `stored`: as for make_index().
[[nodiscard]] result<loaded_snapshot> decode_snapshot(std::span<const std::byte> file,
                                                      const snapshot_header& expected,
                                                      const fetch_vectors& fetch,
                                                      const fetch_vectors& stored = {});

}  // namespace hearth::engine::index
