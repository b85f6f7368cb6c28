#pragma once
// What the ranking of full text asks of whoever stores postings. One search, one source, one
// thread.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/postings.hpp"

namespace hearth::engine::text {

using row_id = std::uint64_t;

/// The positions of every row of a block, one after the other.
struct position_block {
  std::vector<std::uint32_t> positions;
  std::vector<std::size_t> ends;  ///< of each row, in positions

  [[nodiscard]] std::span<const std::uint32_t> of(std::size_t index) const noexcept {
    const auto begin = index == 0 ? 0 : ends[index - 1];
    return std::span(positions).subspan(begin, ends[index] - begin);
  }
};

/// The rows that have a term, block by block, forwards.
class posting_list {
 public:
  virtual ~posting_list() = default;
  posting_list() = default;
  posting_list(const posting_list&) = delete;
  posting_list& operator=(const posting_list&) = delete;

  /// How many rows there are; at least one.
  [[nodiscard]] virtual std::uint64_t documents() const = 0;
  /// Covers all of them.
  [[nodiscard]] virtual const impact_frontier& frontier() const = 0;
  /// Moves to the first block, from the current one on, whose last row is not before `row`; false
  /// if there is none, and from then on. Called once before what follows.
  [[nodiscard]] virtual result<bool> seek(row_id row) = 0;
  /// Valid until the next seek.
  [[nodiscard]] virtual const posting_block_head& head() const = 0;
  [[nodiscard]] virtual result<void> decode(posting_block& out) = 0;
  /// Of the current block, which is decoded in `block`. Positions of a row rise.
  [[nodiscard]] virtual result<void> positions(const posting_block& block, position_block& out) = 0;
};

class posting_source {
 public:
  virtual ~posting_source() = default;

  [[nodiscard]] virtual result<text_statistics> statistics(std::uint32_t field) = 0;
  /// Null if no row has the term.
  [[nodiscard]] virtual result<std::unique_ptr<posting_list>> open(std::uint32_t field,
                                                                   std::string_view term) = 0;
  /// Terms that begin with `prefix`, in byte order; `limit` at most.
  [[nodiscard]] virtual result<std::vector<std::string>>
  terms(std::uint32_t field, std::string_view prefix, std::size_t limit) = 0;
};

}  // namespace hearth::engine::text
