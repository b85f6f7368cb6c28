#pragma once
// The snapshot behind namespace_store::read().
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "storage/keys.hpp"
#include "storage/record_codec.hpp"
#include "storage/tables.hpp"
#include "storage/vector_table.hpp"

namespace hearth::storage {

/// A vector of every record, as far as it never changes.
struct vector_shape {
  std::string name;
  std::uint32_t dimension = 0;
};

struct read_view_options {
  std::shared_ptr<const std::vector<vector_shape>> shapes;  ///< by number
  std::size_t vector = 0;                                   ///< the number that the view is about
  id_hash hash = default_id_hash;
  const clock_source* clock = &system_clock();
  /// A scan of vectors moves to a newer snapshot after this long, so that it pins no old pages.
  std::chrono::nanoseconds renew_after = std::chrono::milliseconds(500);
};

[[nodiscard]] result<std::unique_ptr<read_view>> make_read_view(lmdb::read_transaction snapshot,
                                                                const tables& from,
                                                                const read_view_options& options);

}  // namespace hearth::storage
