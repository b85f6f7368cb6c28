#pragma once
// What a commit did to the rows of one shard.
#include <memory>
#include <vector>

#include "core/matrix_view.hpp"
#include "core/record.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::actors {

/// Rows that one batch added. The vectors are the batch's own where one shard gets all of them.
struct added_rows {
  std::vector<engine::index::row_id> rows;  ///< rising
  matrix vectors;
};

/// One group of batches, committed together. A row may be added and removed in the same group.
struct shard_changes {
  lsn_t first_lsn = 0;
  lsn_t last_lsn = 0;
  std::vector<added_rows> added;  ///< in the order of their rows
  std::vector<engine::index::row_id> removed;

  [[nodiscard]] bool empty() const noexcept { return added.empty() && removed.empty(); }
};

}  // namespace hearth::actors
