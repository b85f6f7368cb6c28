#include "engine/index/ivf/inverted_lists.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace hearth::engine::index {
namespace {

std::size_t row_bytes_of(const list_layout& layout) noexcept {
  std::size_t bytes = 0;
  for (const auto& part : layout.row)
    bytes += part.bytes * part.count;
  return bytes;
}

std::size_t whole_lines(std::size_t bytes) noexcept {
  return (bytes + 63) / 64 * 64;
}

// Enough to hide the way to the next block; what follows streams by itself.
constexpr std::size_t most_prefetched = 4096;

}  // namespace

std::size_t list_layout::row_bytes() const noexcept {
  return row_bytes_of(*this);
}

// The next state of one list while the writer makes it: nothing of it is visible yet.
struct inverted_lists::draft {
  std::uint32_t list = 0;
  table blocks;                  // of the list, in order
  std::vector<block*> fresh;     // those that were taken for it
  std::vector<block*> replaced;  // those that it no longer has
};

inverted_lists::inverted_lists(list_layout layout, std::uint32_t lists, epoch_domain& readers)
    : layout_(std::move(layout)), row_bytes_(row_bytes_of(layout_)),
      slots_offset_(sizeof(block) + whole_lines(row_bytes_ * layout_.block_rows)),
      prefetch_bytes_(std::min(slots_offset_, most_prefetched)), count_(lists), readers_(readers),
      blocks_(slots_offset_ + whole_lines(layout_.block_rows * sizeof(slot_id))),
      lists_(std::make_unique<list_state[]>(lists)) {
  for (std::size_t list = 0; list < count_; ++list)
    lists_[list].blocks.store(new table, std::memory_order_relaxed);
  count_memory();
}

inverted_lists::~inverted_lists() {
  for (std::size_t list = 0; list < count_; ++list)
    delete lists_[list].blocks.load(std::memory_order_relaxed);
}

void inverted_lists::add(std::uint32_t list, std::span<const slot_id> slots,
                         std::span<const std::byte> rows) {
  assert(rows.size() == slots.size() * row_bytes_);
  if (slots.empty())
    return;
  const slot_id highest = *std::ranges::max_element(slots);
  if (highest >= places_.size())
    places_.resize(std::max<std::size_t>(highest + std::size_t{1}, places_.size() * 3 / 2));
  draft next{list, *lists_[list].blocks.load(std::memory_order_relaxed), {}, {}};
  fill(next, slots, rows);
  publish(next);
  count_rows(lists_[list], static_cast<std::ptrdiff_t>(slots.size()));
}

// First the gaps that removed rows have left, block by block, then new blocks.
void inverted_lists::fill(draft& next, std::span<const slot_id> slots,
                          std::span<const std::byte> rows) {
  std::size_t done = 0;
  const auto fill_block = [&](block* to) {
    for (std::uint32_t row = 0; row < layout_.block_rows && done < slots.size(); ++row) {
      if ((to->live >> row & 1u) != 0)
        continue;
      slots_of(to)[row] = slots[done];
      write_row(to, row, rows.data() + done * row_bytes_);
      to->live |= 1u << row;
      ++done;
    }
  };
  for (block*& each : next.blocks) {
    if (done == slots.size())
      return;
    if (static_cast<std::uint32_t>(std::popcount(each->live)) == layout_.block_rows)
      continue;
    block* const copy = take_block(next);
    std::memcpy(static_cast<void*>(copy), each, blocks_.stride());
    next.replaced.push_back(std::exchange(each, copy));
    fill_block(copy);
  }
  while (done < slots.size()) {
    next.blocks.push_back(take_block(next));
    fill_block(next.blocks.back());
  }
}

// An empty block; whoever takes it fills it before it publishes.
inverted_lists::block* inverted_lists::take_block(draft& next) {
  if (free_.empty())
    reclaim(readers_.oldest());
  block* taken = nullptr;
  if (!free_.empty()) {
    taken = free_.back();
    free_.pop_back();
  } else {
    if (block_bound_ == slot_segments::max_cells)
      throw std::bad_alloc();
    blocks_.reserve(std::uint64_t{block_bound_} + 1);
    taken = blocks_.at<block>(block_bound_++);
  }
  next.fresh.push_back(taken);
  taken->live = 0;
  taken->list = next.list;
  return taken;
}

// The moment at which readers see the new state.
void inverted_lists::publish(draft& next) {
  for (block* const each : next.fresh)
    for (std::uint32_t live = each->live; live != 0; live &= live - 1) {
      const auto row = static_cast<std::uint32_t>(std::countr_zero(live));
      places_[slots_of(each)[row]] = {each, row};
    }
  auto& current = lists_[next.list].blocks;
  std::unique_ptr<const table> old(current.load(std::memory_order_relaxed));
  auto fresh = std::make_unique<const table>(std::move(next.blocks));
  table_entries_ += fresh->size();
  table_entries_ -= old->size();
  current.store(fresh.release(), std::memory_order_release);
  const auto tag = readers_.advance();
  retired_tables_.emplace_back(tag, std::move(old));
  for (block* const each : next.replaced)
    retired_blocks_.emplace_back(tag, each);
  count_memory();
}

void inverted_lists::remove(slot_id slot) {
  const auto [of, row] = std::exchange(places_[slot], place{});
  std::atomic_ref(of->live).store(of->live & ~(1u << row), std::memory_order_release);
  list_state& list = lists_[of->list];
  count_rows(list, -1);
  if (!std::exchange(list.thinned, true))
    thinned_.push_back(of->list);
}

bool inverted_lists::worth_packing(const list_state& list) const noexcept {
  const table& blocks = *list.blocks.load(std::memory_order_relaxed);
  const std::size_t rows = list.rows.load(std::memory_order_relaxed);
  const std::size_t room = blocks.size() * layout_.block_rows;
  return room - rows > rows / 4 + layout_.block_rows || (rows == 0 && room > 0);
}

void inverted_lists::pack() {
  for (const std::uint32_t list : thinned_) {
    lists_[list].thinned = false;
    if (worth_packing(lists_[list]))
      pack(list);
  }
  thinned_.clear();
}

void inverted_lists::pack(std::uint32_t list) {
  const table old = *lists_[list].blocks.load(std::memory_order_relaxed);
  draft next{list, {}, {}, old};
  std::uint32_t used = layout_.block_rows;
  for (block* const from : old)
    for (std::uint32_t live = from->live; live != 0; live &= live - 1) {
      if (used == layout_.block_rows) {
        next.blocks.push_back(take_block(next));
        used = 0;
      }
      block* const to = next.blocks.back();
      copy_row(from, static_cast<std::uint32_t>(std::countr_zero(live)), to, used);
      to->live |= 1u << used++;
    }
  publish(next);
}

void inverted_lists::reclaim(std::uint64_t oldest) {
  while (!retired_tables_.empty() && retired_tables_.front().first < oldest)
    retired_tables_.pop_front();
  for (; !retired_blocks_.empty() && retired_blocks_.front().first < oldest;
       retired_blocks_.pop_front())
    free_.push_back(retired_blocks_.front().second);
}

std::uint32_t inverted_lists::list_of(slot_id slot) const noexcept {
  return places_[slot].of->list;
}

void inverted_lists::read(slot_id slot, std::byte* row) const noexcept {
  const place at = places_[slot];
  const std::byte* from = payload_of(at.of);
  for (const auto& part : layout_.row)
    for (std::size_t i = 0; i < part.count; ++i, from += part.bytes * layout_.block_rows) {
      std::memcpy(row, from + at.row * part.bytes, part.bytes);
      row += part.bytes;
    }
}

const std::byte* inverted_lists::piece(slot_id slot) const noexcept {
  assert(layout_.row.size() == 1 && layout_.row.front().count == 1);
  const place at = places_[slot];
  return payload_of(at.of) + at.row * row_bytes_;
}

void inverted_lists::write_row(block* to, std::uint32_t row, const std::byte* bytes) noexcept {
  std::byte* start = payload_of(to);
  for (const auto& part : layout_.row)
    for (std::size_t i = 0; i < part.count; ++i, start += part.bytes * layout_.block_rows) {
      std::memcpy(start + row * part.bytes, bytes, part.bytes);
      bytes += part.bytes;
    }
}

void inverted_lists::copy_row(block* from, std::uint32_t from_row, block* to,
                              std::uint32_t to_row) noexcept {
  slots_of(to)[to_row] = slots_of(from)[from_row];
  const std::byte* source = payload_of(from);
  std::byte* target = payload_of(to);
  for (const auto& part : layout_.row)
    for (std::size_t i = 0; i < part.count; ++i) {
      std::memcpy(target + to_row * part.bytes, source + from_row * part.bytes, part.bytes);
      source += part.bytes * layout_.block_rows;
      target += part.bytes * layout_.block_rows;
    }
}

void inverted_lists::count_rows(list_state& list, std::ptrdiff_t change) noexcept {
  const std::size_t before = list.rows.load(std::memory_order_relaxed);
  const std::size_t after = before + static_cast<std::size_t>(change);
  list.rows.store(after, std::memory_order_relaxed);
  squared_lengths_ += static_cast<double>(after) * static_cast<double>(after) -
                      static_cast<double>(before) * static_cast<double>(before);
}

void inverted_lists::count_memory() noexcept {
  memory_bytes_.store(block_bound_ * blocks_.stride() + table_entries_ * sizeof(block*) +
                          count_ * (sizeof(list_state) + sizeof(table)) +
                          places_.capacity() * sizeof(place),
                      std::memory_order_relaxed);
}

}  // namespace hearth::engine::index
