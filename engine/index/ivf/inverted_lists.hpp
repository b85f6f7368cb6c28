#pragma once
// Where the rows of an inverted file lie: one list of blocks per centroid.
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/index/epoch.hpp"
#include "engine/index/slot_segments.hpp"

namespace hearth::engine::index {

/// How the bytes of a row lie in a block. A row is a sequence of pieces; a block holds the first
/// piece of all its rows, then their second, and so on, which is what kernels that work on many
/// rows at once want. Rows that are to be read one by one are a single piece.
struct list_layout {
  /// `count` pieces of `bytes` each.
  struct pieces {
    std::size_t bytes = 0;
    std::size_t count = 0;
  };
  static constexpr std::uint32_t most_block_rows = 32;

  std::uint32_t block_rows = most_block_rows;  ///< at most most_block_rows
  std::vector<pieces> row;

  [[nodiscard]] std::size_t row_bytes() const noexcept;
};

/// Thread rule: one writer; readers call for_each_block() and the observers under a pin of the
/// epoch domain that was given, and check with the row_directory that a slot still shows a row.
///
/// What readers can reach is never written again, but for the marks of live rows. A change copies
/// the blocks it touches and publishes a new table of the list's blocks: a reader sees a list as it
/// was before an add() or after it. Blocks are used again once no reader can be in them.
class inverted_lists {
 public:
  struct block_view {
    std::uint32_t live = 0;  ///< bit i: row i is there
    const slot_id* slots = nullptr;
    const std::byte* payload = nullptr;  ///< at a multiple of 64
  };

  inverted_lists(list_layout layout, std::uint32_t lists, epoch_domain& readers);
  ~inverted_lists();

  [[nodiscard]] std::uint32_t lists() const noexcept { return static_cast<std::uint32_t>(count_); }
  [[nodiscard]] const list_layout& layout() const noexcept { return layout_; }
  [[nodiscard]] std::size_t row_bytes() const noexcept { return row_bytes_; }
  /// About how many rows there are; exact on the writing thread.
  [[nodiscard]] std::size_t rows_in(std::uint32_t list) const noexcept {
    return lists_[list].rows.load(std::memory_order_relaxed);
  }
  /// Visits the blocks of `list` in order.
  template <class Visit>
  void for_each_block(std::uint32_t list, Visit&& visit) const {
    const table& blocks = *lists_[list].blocks.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i + 1 < blocks.size())
        prefetch(blocks[i + 1]);
      visit(view(blocks[i]));
    }
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return memory_bytes_.load(std::memory_order_relaxed);
  }

  // For the writer.
  // All that change throw std::bad_alloc where memory ends; the lists are then to be dropped.
  /// Puts rows into `list`: slot i has bytes [i * row_bytes(), ...) of `rows`.
  void add(std::uint32_t list, std::span<const slot_id> slots, std::span<const std::byte> rows);
  /// Takes the row of `slot` out. Precondition: it is there.
  void remove(slot_id slot);
  /// Packs lists that remove() has thinned.
  void pack();
  /// Frees what no reader can be in any more.
  void reclaim(std::uint64_t oldest);
  [[nodiscard]] std::uint32_t list_of(slot_id slot) const noexcept;
  /// The bytes of a row; where a row is a single piece, piece() does without copying.
  void read(slot_id slot, std::byte* row) const noexcept;
  [[nodiscard]] const std::byte* piece(slot_id slot) const noexcept;
  /// The sum of the squares of the lists' lengths, which grows as they get out of balance.
  [[nodiscard]] double squared_lengths() const noexcept { return squared_lengths_; }

 private:
  /// A block is this, the payload, and the slots of its rows: what a scan does not need comes last.
  struct alignas(64) block {
    std::uint32_t live = 0;
    std::uint32_t list = 0;
  };
  using table = std::vector<block*>;
  struct place {
    block* of = nullptr;
    std::uint32_t row = 0;
  };
  struct list_state {
    std::atomic<const table*> blocks{nullptr};
    std::atomic<std::size_t> rows{0};
    bool thinned = false;  // writer only: it is in thinned_
  };

  [[nodiscard]] static std::byte* payload_of(block* of) noexcept {
    return reinterpret_cast<std::byte*>(of) + sizeof(block);
  }
  [[nodiscard]] slot_id* slots_of(block* of) const noexcept {
    return reinterpret_cast<slot_id*>(reinterpret_cast<std::byte*>(of) + slots_offset_);
  }
  [[nodiscard]] block_view view(block* of) const noexcept {
    return {std::atomic_ref(of->live).load(std::memory_order_acquire), slots_of(of),
            payload_of(of)};
  }
  void prefetch(const block* of) const noexcept {
    const auto* const start = reinterpret_cast<const std::byte*>(of);
    for (std::size_t offset = 0; offset < prefetch_bytes_; offset += 64)
      __builtin_prefetch(start + offset);
  }
  struct draft;
  void fill(draft& next, std::span<const slot_id> slots, std::span<const std::byte> rows);
  block* take_block(draft& next);
  void publish(draft& next);
  void copy_row(block* from, std::uint32_t from_row, block* to, std::uint32_t to_row) noexcept;
  void write_row(block* to, std::uint32_t row, const std::byte* bytes) noexcept;
  void count_rows(list_state& list, std::ptrdiff_t change) noexcept;
  [[nodiscard]] bool worth_packing(const list_state& list) const noexcept;
  void pack(std::uint32_t list);
  void count_memory() noexcept;

  const list_layout layout_;
  const std::size_t row_bytes_;
  const std::size_t slots_offset_;
  const std::size_t prefetch_bytes_;
  const std::size_t count_;
  epoch_domain& readers_;
  slot_segments blocks_;
  std::unique_ptr<list_state[]> lists_;

  // Writer only.
  slot_id block_bound_ = 0;  // blocks that were ever taken
  std::vector<block*> free_;
  std::deque<std::pair<std::uint64_t, block*>> retired_blocks_;  // tags rise
  std::deque<std::pair<std::uint64_t, std::unique_ptr<const table>>> retired_tables_;
  std::vector<place> places_;  // by slot
  std::vector<std::uint32_t> thinned_;
  double squared_lengths_ = 0;
  std::size_t table_entries_ = 0;
  std::atomic<std::size_t> memory_bytes_{0};
};

}  // namespace hearth::engine::index
