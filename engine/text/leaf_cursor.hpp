#pragma once
// One term of a search: where it is in its postings, and what its rows score. Internal to
// engine/text.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/text/bm25.hpp"
#include "engine/text/posting_source.hpp"

namespace hearth::engine::text {

/// Behind the last row of a list. No row has this number.
inline constexpr row_id no_row = UINT64_MAX;

/// What the terms of one search share. A failure ends every list, so that loops end; who runs them
/// looks at it afterwards.
struct search_state {
  std::optional<error> failure;
  std::uint64_t blocks_read = 0;
  std::uint64_t blocks_decoded = 0;
};

/// Forwards only. Blocks are decoded when a row inside of them is asked for.
class leaf_cursor {
 public:
  /// A list that is null has no rows.
  leaf_cursor(std::unique_ptr<posting_list> list, const term_scorer& scorer, search_state& shared)
      : list_(std::move(list)), scorer_(scorer), shared_(&shared) {
    if (list_ == nullptr) {
      end();
      return;
    }
    bound_ = scorer_.bound(list_->frontier());
    buffers_ = std::make_unique<buffers>();
  }

  [[nodiscard]] std::uint64_t documents() const {
    return list_ == nullptr ? 0 : list_->documents();
  }
  /// No row scores more.
  [[nodiscard]] double bound() const noexcept { return bound_; }

  /// Moves to the first block that does not end before `row`; no_row if there is none.
  row_id seek_block(row_id row) {
    if (block_last_ < row || !started_)
      move_block(row);
    return block_first_;
  }
  [[nodiscard]] row_id block_first() const noexcept { return block_first_; }
  [[nodiscard]] row_id block_last() const noexcept { return block_last_; }
  /// No row of the current block scores more.
  [[nodiscard]] double block_bound() const noexcept { return block_bound_; }

  /// Postings per row there; 0 behind the last one.
  [[nodiscard]] double block_density() const noexcept {
    if (ended_)
      return 0;
    return static_cast<double>(list_->head().count) /
           (static_cast<double>(block_last_ - block_first_) + 1);
  }

  /// Where it is; counts after advance().
  [[nodiscard]] row_id row() const noexcept { return row_; }
  /// Moves to the first row that is not before `target`.
  row_id advance(row_id target) {
    if (row_ >= target && started_)
      return row_;
    if (seek_block(target) >= target) {
      row_ = block_first_;
      index_ = 0;
      return row_;
    }
    if (!decode())
      return row_;
    // Most often it is near.
    const auto* rows = buffers_->block.rows.data();
    const auto count = buffers_->block.count;
    std::size_t step = 1;
    for (; index_ + step < count && rows[index_ + step] < target; step *= 2)
      index_ += step;
    const auto* end = rows + std::min(index_ + step + 1, count);
    index_ = static_cast<std::size_t>(std::lower_bound(rows + index_, end, target) - rows);
    row_ = rows[index_];
    return row_;
  }
  /// Moves to the next row.
  row_id next() {
    if (decode() && index_ + 1 < buffers_->block.count) {
      row_ = buffers_->block.rows[++index_];
      return row_;
    }
    return row_ == no_row ? no_row : advance(row_ + 1);
  }

  /// Of the current row.
  [[nodiscard]] double score() {
    if (!decode())
      return 0;
    return scorer_.score(buffers_->block.frequencies[index_], buffers_->block.lengths[index_]);
  }
  /// The rows of the current block from the current row on, and their scores.
  struct scored_rows {
    std::span<const row_id> rows;
    std::span<const double> scores;
  };
  [[nodiscard]] scored_rows scores_of_block();
  /// Of the current row, rising.
  [[nodiscard]] std::span<const std::uint32_t> positions();

 private:
  struct buffers {
    posting_block block;
    position_block positions;
    std::array<double, posting_block_rows> scores;
  };

  void end() noexcept {
    row_ = block_first_ = block_last_ = no_row;
    block_bound_ = 0;
    decoded_ = false;
    ended_ = true;
    started_ = true;
  }
  void fail_with(error failure) {
    if (!shared_->failure)
      shared_->failure = std::move(failure);
    end();
  }
  void move_block(row_id row);
  bool decode() { return decoded_ || decode_block(); }
  bool decode_block();

  std::unique_ptr<posting_list> list_;
  term_scorer scorer_;
  search_state* shared_;
  std::unique_ptr<buffers> buffers_;
  double bound_ = 0;
  double block_bound_ = 0;
  row_id block_first_ = 0;
  row_id block_last_ = 0;
  row_id row_ = 0;
  std::size_t index_ = 0;  // in the block
  bool started_ = false;
  bool ended_ = false;
  bool decoded_ = false;
  bool scored_ = false;      // buffers_->scores are those of the block
  bool positioned_ = false;  // buffers_->positions are
};

}  // namespace hearth::engine::text
