#pragma once
// The snapshot behind namespace_store::read().
#include <chrono>
#include <memory>
#include <optional>

#include "storage/keys.hpp"
#include "storage/record_codec.hpp"
#include "storage/tables.hpp"
#include "storage/vector_table.hpp"

namespace hearth::storage {

struct read_view_options {
  std::uint32_t dimension = 0;
  id_hash hash = default_id_hash;
  /// A scan of vectors moves to a newer snapshot after this long, so that it pins no old pages.
  std::chrono::nanoseconds renew_after = std::chrono::milliseconds(500);
};

[[nodiscard]] result<std::unique_ptr<read_view>> make_read_view(lmdb::read_transaction snapshot,
                                                                const tables& from,
                                                                const read_view_options& options);

}  // namespace hearth::storage
