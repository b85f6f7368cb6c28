#pragma once
// Which row lives in which slot: the part that every index shares. It hands out slots, makes rows
// visible and invisible atomically, and gives a slot out again only when no reader can be in it.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "engine/index/epoch.hpp"
#include "engine/index/slot_segments.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::engine::index {

/// Thread rule: as vector_index. Readers hold a pin() while they use slots.
///
/// A slot's life: take -> (its owner fills it) -> show -> hide -> (its owner unlinks it) -> retire
/// -> free, once every reader that could have seen it is gone -> take.
class row_directory {
 public:
  row_directory();
  ~row_directory();

  // For readers.
  [[nodiscard]] epoch_domain::guard pin() const { return readers_.pin(); }
  /// Every visible row lies in a slot below this.
  [[nodiscard]] slot_id bound() const noexcept { return bound_.load(std::memory_order_acquire); }
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  /// The row in `slot`, unless it is hidden. Whoever gets a row sees all that was written to the
  /// slot before show().
  [[nodiscard]] std::optional<row_id> row_at(slot_id slot) const noexcept {
    const std::uint64_t mark = mark_of(slot).load(std::memory_order_acquire);
    return mark == 0 ? std::nullopt : std::optional<row_id>(mark - 1);
  }
  [[nodiscard]] bool visible(slot_id slot) const noexcept {
    return mark_of(slot).load(std::memory_order_acquire) != 0;
  }
  /// The slot of a visible row, or no_slot. The caller is pinned or is the writer.
  [[nodiscard]] slot_id find(row_id row) const noexcept;
  /// By which what else readers reach under a pin() is retired and freed.
  [[nodiscard]] epoch_domain& readers() noexcept { return readers_; }
  /// Bytes in use, those waiting to be used again included.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  // For the writer.
  /// Refuses rows that are visible, named twice, or the one number that cannot be stored.
  [[nodiscard]] result<void> check_new(std::span<const row_id> rows) const;
  /// The slots that will have been used once `more` rows are added; limit_exceeded when too many.
  [[nodiscard]] result<slot_id> bound_after(std::size_t more) const;
  /// Makes room for `more` rows. Throws std::bad_alloc and then has changed nothing that matters.
  void reserve(std::size_t more);
  /// Every visible row, rising.
  [[nodiscard]] std::vector<row_id> sorted_rows() const;
  /// A slot to fill. Precondition: reserve() left room.
  [[nodiscard]] slot_id take();
  void show(slot_id slot, row_id row);
  void hide(slot_id slot);
  /// `slots` are hidden and nothing links to them any more.
  void retire(std::span<const slot_id> slots);
  /// A mark in time; readers_before() says whether a reader of before is still there.
  [[nodiscard]] std::uint64_t advance() noexcept { return readers_.advance(); }
  [[nodiscard]] bool readers_before(std::uint64_t mark) noexcept {
    return readers_.oldest() <= mark;
  }
  /// Frees retired slots that no reader can be in; calls `on_free(slot)` for each.
  template <class OnFree>
  void reclaim(OnFree&& on_free) {
    if (limbo_.empty() && retired_tables_.empty())
      return;
    const auto oldest = readers_.oldest();
    for (; !limbo_.empty() && limbo_.front().first < oldest; limbo_.pop_front()) {
      on_free(limbo_.front().second);
      free_.push_back(limbo_.front().second);
    }
    free_tables(oldest);
  }

 private:
  struct table;  // open addressing, row -> slot

  // 0 says hidden; otherwise row + 1, so that fresh zeroed memory is hidden.
  std::atomic_ref<std::uint64_t> mark_of(slot_id slot) const noexcept {
    return std::atomic_ref<std::uint64_t>(*marks_.at<std::uint64_t>(slot));
  }
  void rebuild_table(std::size_t rows);
  void free_tables(std::uint64_t oldest) noexcept;
  void insert_into_table(slot_id slot, row_id row) noexcept;
  void erase_from_table(row_id row) noexcept;

  slot_segments marks_{sizeof(std::uint64_t)};
  std::atomic<slot_id> bound_{0};
  std::atomic<std::size_t> size_{0};
  std::atomic<table*> table_;
  std::atomic<std::size_t> table_bytes_{0};
  std::vector<slot_id> free_;
  std::deque<std::pair<std::uint64_t, slot_id>> limbo_;  // tags rise from front to back
  std::vector<std::pair<std::uint64_t, std::unique_ptr<table>>> retired_tables_;
  epoch_domain readers_;
};

}  // namespace hearth::engine::index
