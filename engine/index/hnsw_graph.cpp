#include "engine/index/hnsw_graph.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace hearth::engine::index {
namespace {

// Whole cache lines where the list is at least one, so that no list begins in another's line.
std::size_t list_stride(std::uint32_t links) noexcept {
  const std::size_t bytes = links * sizeof(slot_id);
  return bytes < 64 ? bytes : (bytes + 63) / 64 * 64;
}

void store(slot_id& link, slot_id target) noexcept {
  std::atomic_ref(link).store(target, std::memory_order_release);
}

}  // namespace

hnsw_graph::hnsw_graph(std::uint32_t m)
    : m_(m), prefetch_bytes_(std::min<std::size_t>(2 * m * sizeof(slot_id), 256)),
      base_(list_stride(2 * m)), towers_(list_stride(m)), free_towers_(max_level + 1) {}

void hnsw_graph::reserve(slot_id slots) {
  info_.reserve(slots);
  base_.reserve(slots);
  if (base_reverse_.size() < slots)
    base_reverse_.resize(slots);
}

void hnsw_graph::place(slot_id node, std::uint32_t level) {
  assert(level <= max_level);
  node_info& placed = info(node);
  placed = {no_slot, level, no_slot};
  if (level > 0)
    placed.tower = take_tower(level);
  for (std::uint32_t layer = 0; layer <= level; ++layer) {
    std::fill_n(links_of(node, layer), capacity(layer), no_slot);
    assert(reverse_of(node, layer).empty());
  }
}

slot_id hnsw_graph::take_tower(std::uint32_t height) {
  auto& free = free_towers_[height];
  if (!free.empty()) {
    const slot_id tower = free.back();
    free.pop_back();
    return tower;
  }
  const slot_id tower = tower_cells_.load(std::memory_order_relaxed);
  if (slot_segments::max_cells - tower < height)
    throw std::bad_alloc();
  towers_.reserve(std::uint64_t{tower} + height);
  tower_reverse_.resize(std::size_t{tower} + height);
  tower_cells_.store(tower + height, std::memory_order_relaxed);
  return tower;
}

void hnsw_graph::release(slot_id node) {
  node_info& left = info(node);
  // The lists are empty; a hub's may have been long, and the next node here need not be one.
  for (std::uint32_t layer = 0; layer <= left.level; ++layer) {
    const auto list = std::exchange(reverse_of(node, layer), {});
    reverse_bytes_.fetch_sub(list.capacity() * sizeof(slot_id), std::memory_order_relaxed);
  }
  if (left.level > 0)
    free_towers_[left.level].push_back(left.tower);
  left = {};
}

void hnsw_graph::set_entry(entry_point entry) noexcept {
  entry_.store(std::uint64_t{entry.level} << 32 | entry.slot, std::memory_order_release);
}

// The writer reads its own stores: no atomic needed.
std::span<const slot_id> hnsw_graph::links(slot_id node, std::uint32_t layer) const noexcept {
  const slot_id* list = links_of(node, layer);
  return {list, std::find(list, list + capacity(layer), no_slot)};
}

std::span<const slot_id> hnsw_graph::in_links(slot_id node, std::uint32_t layer) const noexcept {
  return const_cast<hnsw_graph*>(this)->reverse_of(node, layer);
}

bool hnsw_graph::add_link(slot_id node, std::uint32_t layer, slot_id target) {
  const auto count = static_cast<std::uint32_t>(links(node, layer).size());
  if (count == capacity(layer))
    return false;
  reverse_add(target, layer, node);
  store(links_of(node, layer)[count], target);
  return true;
}

void hnsw_graph::drop_link(slot_id node, std::uint32_t layer, slot_id target) {
  slot_id* list = links_of(node, layer);
  const auto count = links(node, layer).size();
  const auto at = static_cast<std::size_t>(std::find(list, list + count, target) - list);
  if (at == count)
    return;
  store(list[at], list[count - 1]);
  store(list[count - 1], no_slot);
  reverse_drop(target, layer, node);
}

void hnsw_graph::set_links(slot_id node, std::uint32_t layer, std::span<const slot_id> targets) {
  assert(targets.size() <= capacity(layer));
  const auto old = links(node, layer);
  const auto has = [](std::span<const slot_id> list, slot_id slot) {
    return std::find(list.begin(), list.end(), slot) != list.end();
  };
  for (const slot_id target : targets)
    if (!has(old, target))
      reverse_add(target, layer, node);
  for (const slot_id target : old)
    if (!has(targets, target))
      reverse_drop(target, layer, node);
  const std::size_t old_count = old.size();
  slot_id* list = links_of(node, layer);
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (list[i] != targets[i])
      store(list[i], targets[i]);
  for (std::size_t i = targets.size(); i < old_count; ++i)
    store(list[i], no_slot);
}

void hnsw_graph::forget_out_links(slot_id node, std::uint32_t layer) {
  for (const slot_id target : links(node, layer))
    reverse_drop(target, layer, node);
}

void hnsw_graph::reverse_add(slot_id node, std::uint32_t layer, slot_id source) {
  auto& list = reverse_of(node, layer);
  const std::size_t before = list.capacity();
  list.push_back(source);
  reverse_bytes_.fetch_add((list.capacity() - before) * sizeof(slot_id), std::memory_order_relaxed);
}

void hnsw_graph::reverse_drop(slot_id node, std::uint32_t layer, slot_id source) noexcept {
  auto& list = reverse_of(node, layer);
  const auto at = std::find(list.begin(), list.end(), source);
  assert(at != list.end());
  *at = list.back();
  list.pop_back();
}

std::size_t hnsw_graph::memory_bytes(slot_id slots) const noexcept {
  return slots * (sizeof(node_info) + base_.stride() + sizeof(reverse_list)) +
         tower_cells_.load(std::memory_order_relaxed) * (towers_.stride() + sizeof(reverse_list)) +
         reverse_bytes_.load(std::memory_order_relaxed);
}

}  // namespace hearth::engine::index
