#pragma once
// One ranking out of two: by vector and by text.
#include <cstdint>
#include <span>
#include <vector>

#include "core/query.hpp"
#include "engine/query/scored_row.hpp"

namespace hearth::engine::query {

/// A row that at least one side brought. A part that is missing is NaN.
struct fused_row {
  std::uint64_t row = 0;
  double score = 0;
  double vector_part = 0;  ///< the score that it had in the list
  double text_part = 0;
};

/// Every row of both lists, best first; ties by row. The lists are ordered, best first, and name a
/// row at most once.
[[nodiscard]] std::vector<fused_row> fuse(std::span<const scored_row> by_vector,
                                          std::span<const scored_row> by_text,
                                          const fusion_options& options);

}  // namespace hearth::engine::query
