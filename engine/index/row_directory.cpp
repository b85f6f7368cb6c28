#include "engine/index/row_directory.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/format.hpp"

namespace hearth::engine::index {

// Linear probing over slots; the key is the row that the slot shows. Entries are only ever written
// by the writer. A reader that probes while an entry changes sees the old or the new slot, both of
// which hold a row that it can compare.
struct row_directory::table {
  static constexpr slot_id empty = no_slot;
  static constexpr slot_id deleted = no_slot - 1;

  explicit table(std::size_t capacity)
      : mask(capacity - 1), entries(std::make_unique<std::atomic<slot_id>[]>(capacity)) {
    for (std::size_t i = 0; i < capacity; ++i)
      entries[i].store(empty, std::memory_order_relaxed);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return mask + 1; }
  // Rows are consecutive numbers; the multiplication spreads them, the high bits are the best.
  [[nodiscard]] std::size_t home(row_id row) const noexcept {
    const std::uint64_t mixed = (row ^ (row >> 32)) * 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(mixed >> 20) & mask;
  }
  [[nodiscard]] bool has_room_for(std::size_t more) const noexcept {
    return (used + more) * 4 <= capacity() * 3;
  }

  const std::size_t mask;
  std::size_t used = 0;  ///< entries that are not empty, deleted ones included
  std::unique_ptr<std::atomic<slot_id>[]> entries;
};

row_directory::row_directory() : table_(nullptr) {
  rebuild_table(0);
}

row_directory::~row_directory() {
  delete table_.load(std::memory_order_relaxed);
}

slot_id row_directory::find(row_id row) const noexcept {
  const table& lookup = *table_.load(std::memory_order_acquire);
  for (std::size_t at = lookup.home(row);; at = (at + 1) & lookup.mask) {
    const slot_id slot = lookup.entries[at].load(std::memory_order_acquire);
    if (slot == table::empty)
      return no_slot;
    if (slot != table::deleted && row_at(slot) == row)
      return slot;
  }
}

std::size_t row_directory::memory_bytes() const noexcept {
  return bound() * sizeof(std::uint64_t) + table_bytes_.load(std::memory_order_relaxed);
}

result<void> row_directory::check_new(std::span<const row_id> rows) const {
  for (const row_id row : rows) {
    if (row == std::numeric_limits<row_id>::max())
      return fail(errc::invalid_argument, core::format("row {} is reserved", row));
    if (find(row) != no_slot)
      return fail(errc::already_exists, core::format("row {} is in the index already", row));
  }
  if (std::is_sorted(rows.begin(), rows.end(), std::less_equal<>()))
    return {};  // the usual case: storage gives out rising numbers
  std::vector<row_id> sorted(rows.begin(), rows.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    return fail(errc::already_exists, core::format("row {} is given twice", *twice));
  return {};
}

result<slot_id> row_directory::bound_after(std::size_t more) const {
  constexpr std::uint64_t most = slot_segments::max_cells;
  const std::uint64_t fresh = more - std::min(more, free_.size());
  if (fresh > most - bound())
    return fail(errc::limit_exceeded, core::format("an index holds at most {} vectors", most),
                "spread the namespace over more shards");
  return static_cast<slot_id>(bound() + fresh);
}

void row_directory::reserve(std::size_t more) {
  marks_.reserve(bound() + (more - std::min(more, free_.size())));
  if (!table_.load(std::memory_order_relaxed)->has_room_for(more))
    rebuild_table(size() + more);
}

std::vector<row_id> row_directory::sorted_rows() const {
  std::vector<row_id> rows;
  rows.reserve(size());
  for (slot_id slot = 0; slot < bound(); ++slot)
    if (const auto row = row_at(slot))
      rows.push_back(*row);
  std::sort(rows.begin(), rows.end());
  return rows;
}

slot_id row_directory::take() {
  if (!free_.empty()) {
    const slot_id slot = free_.back();
    free_.pop_back();
    return slot;
  }
  return bound_.fetch_add(1, std::memory_order_acq_rel);
}

void row_directory::show(slot_id slot, row_id row) {
  mark_of(slot).store(row + 1, std::memory_order_release);
  insert_into_table(slot, row);
  size_.fetch_add(1, std::memory_order_release);
}

void row_directory::hide(slot_id slot) {
  size_.fetch_sub(1, std::memory_order_release);
  erase_from_table(*row_at(slot));
  mark_of(slot).store(0, std::memory_order_release);
}

void row_directory::retire(std::span<const slot_id> slots) {
  const auto tag = readers_.advance();
  for (const slot_id slot : slots)
    limbo_.emplace_back(tag, slot);
}

void row_directory::rebuild_table(std::size_t rows) {
  // At most half full afterwards, so that rebuilding is rare even when rows come and go.
  auto fresh = std::make_unique<table>(std::bit_ceil(std::max<std::size_t>(2 * rows, 16)));
  auto* old = table_.load(std::memory_order_relaxed);
  if (old != nullptr) {
    retired_tables_.reserve(retired_tables_.size() + 1);
    for (std::size_t i = 0; i < old->capacity(); ++i) {
      const slot_id slot = old->entries[i].load(std::memory_order_relaxed);
      if (slot == table::empty || slot == table::deleted)
        continue;
      std::size_t at = fresh->home(*row_at(slot));
      while (fresh->entries[at].load(std::memory_order_relaxed) != table::empty)
        at = (at + 1) & fresh->mask;
      fresh->entries[at].store(slot, std::memory_order_relaxed);
      ++fresh->used;
    }
  }
  table_bytes_.store(fresh->capacity() * sizeof(slot_id), std::memory_order_relaxed);
  table_.store(fresh.release(), std::memory_order_release);
  if (old != nullptr)
    retired_tables_.emplace_back(readers_.advance(), old);
}

void row_directory::free_tables(std::uint64_t oldest) noexcept {
  std::erase_if(retired_tables_, [&](const auto& retired) { return retired.first < oldest; });
}

void row_directory::insert_into_table(slot_id slot, row_id row) noexcept {
  table& target = *table_.load(std::memory_order_relaxed);
  for (std::size_t at = target.home(row);; at = (at + 1) & target.mask) {
    const slot_id found = target.entries[at].load(std::memory_order_relaxed);
    if (found != table::empty && found != table::deleted)
      continue;
    target.used += found == table::empty ? 1 : 0;
    target.entries[at].store(slot, std::memory_order_release);
    return;
  }
}

void row_directory::erase_from_table(row_id row) noexcept {
  table& target = *table_.load(std::memory_order_relaxed);
  std::size_t at = target.home(row);
  for (;; at = (at + 1) & target.mask) {
    const slot_id slot = target.entries[at].load(std::memory_order_relaxed);
    if (slot == table::empty)
      return;
    if (slot != table::deleted && row_at(slot) == row)
      break;
  }
  target.entries[at].store(table::deleted, std::memory_order_release);
  // No probe needs to run past an entry whose successor is empty: clear such marks from the end of
  // the run, so that a table under constant change seldom fills up with them.
  if (target.entries[(at + 1) & target.mask].load(std::memory_order_relaxed) != table::empty)
    return;
  while (target.entries[at].load(std::memory_order_relaxed) == table::deleted) {
    target.entries[at].store(table::empty, std::memory_order_release);
    --target.used;
    at = (at - 1) & target.mask;
  }
}

}  // namespace hearth::engine::index
