#pragma once
// Full text of a namespace: the analyzer of its settings, and searches in a read view.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/query.hpp"
#include "core/row_set.hpp"
#include "engine/text/analyzer.hpp"
#include "engine/text/text_search.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::actors {

class read_source;

/// Keeps the analyzer of the last settings it was asked for: making one takes milliseconds.
/// Thread-safe.
class analyzer_cache {
 public:
  /// invalid_argument for a language that there is none of.
  [[nodiscard]] result<std::shared_ptr<const engine::text::analyzer>>
  of(const text_settings& settings);

 private:
  std::mutex guard_;
  text_settings settings_;
  std::shared_ptr<const engine::text::analyzer> analyzer_;
};

/// What storage splits texts with.
[[nodiscard]] result<storage::tokenize_text> make_tokenizer(const text_settings& settings);

struct text_hits {
  std::vector<engine::text::scored_row> hits;  ///< best first
  std::uint64_t scored = 0;                    ///< rows
};

/// The `depth` best rows of question.queries[query] as of the view, of those in `among` or of all
/// (null). invalid_argument for a query or a field that is wrong; unsupported where there is no
/// text index; busy while one that is asked for is being built.
[[nodiscard]] result<text_hits> search_text(const read_source& from, storage::read_view& view,
                                            const text_question& question, std::size_t query,
                                            std::size_t depth, const row_set* among);

}  // namespace hearth::actors
