#pragma once
// What a commit did to the rows of one shard.
#include <memory>
#include <vector>

#include "core/matrix_view.hpp"
#include "core/record.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::actors {

/// One group of batches, committed together. A row may be added and removed in the same group.
struct shard_changes {
  lsn_t first_lsn = 0;
  lsn_t last_lsn = 0;
  std::vector<engine::index::row_id> added;  ///< rising
  matrix vectors;                            ///< of `added`
  std::vector<engine::index::row_id> removed;

  [[nodiscard]] bool empty() const noexcept { return added.empty() && removed.empty(); }
};

}  // namespace hearth::actors
