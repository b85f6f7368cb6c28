#pragma once
// Ranks the rows that match a full-text query. Most are never scored: blocks whose bound is below
// what the worst of the k best has are passed over (block-max pruning: Ding and Suel, "Faster Top-k
// Document Retrieval Using Block-Max Indexes", 2011; MaxScore: Turtle and Flood, "Query Evaluation:
// Strategies and Optimizations", 1995). The answer is that of scoring everything.
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/query/scored_row.hpp"
#include "engine/text/posting_source.hpp"
#include "engine/text/text_plan.hpp"

namespace hearth::engine::text {

using query::scored_row;

struct text_search_options {
  std::size_t k = 10;
  /// Rows with less are left out.
  std::optional<double> min_score;
  /// Rows that it is false for are left out. Asked only for rows whose score could count, in rising
  /// order and once each. Empty: all are taken.
  std::function<bool(row_id)> accepts;
};

/// What a search had to do.
struct text_search_work {
  std::uint64_t postings = 0;     ///< of all terms: what scoring everything would read
  std::uint64_t blocks_read = 0;  ///< their heads
  std::uint64_t blocks_decoded = 0;
  std::uint64_t rows_scored = 0;
};

struct text_search_result {
  std::vector<scored_row> hits;  ///< best first; equal scores by row
  text_search_work work;
};

/// Errors: limit_exceeded for a prefix with too many terms, and those of the source.
[[nodiscard]] result<text_search_result> search_text(const text_plan& plan, posting_source& source,
                                                     const text_search_options& options);

/// The scores of `rows`, in any order; 0 for those that do not match.
[[nodiscard]] result<std::vector<double>> score_rows(const text_plan& plan, posting_source& source,
                                                     std::span<const row_id> rows);

}  // namespace hearth::engine::text
