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
}

void hnsw_graph::place(slot_id node, std::uint32_t level) {
  assert(level <= max_level);
  node_info& placed = info(node);
  placed = {no_slot, static_cast<std::uint16_t>(level), 0, no_slot};
  if (level > 0)
    placed.tower = take_tower(level);
  for (std::uint32_t layer = 0; layer <= level; ++layer)
    std::fill_n(links_of(node, layer), capacity(layer), no_slot);
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
  tower_cells_.store(tower + height, std::memory_order_relaxed);
  return tower;
}

void hnsw_graph::release(slot_id node) {
  node_info& left = info(node);
  if (left.level > 0)
    free_towers_[left.level].push_back(left.tower);
  left = {};
}

void hnsw_graph::set_entry(entry_point entry) noexcept {
  entry_.store(std::uint64_t{entry.level} << 32 | entry.slot, std::memory_order_release);
}

void hnsw_graph::set_parent(slot_id node, slot_id parent) noexcept {
  const auto count = [this](slot_id a, slot_id b, int change) {
    for (const slot_id each : {a, b}) {
      auto& degree = info(each).tree_degree;
      degree = static_cast<std::uint16_t>(degree + change);
    }
  };
  const slot_id before = std::exchange(info(node).parent, parent);
  if (before != no_slot && before != node)
    count(node, before, -1);
  if (parent != node)
    count(node, parent, 1);
}

// The writer reads its own stores: no atomic needed.
std::span<const slot_id> hnsw_graph::links(slot_id node, std::uint32_t layer) const noexcept {
  const slot_id* list = links_of(node, layer);
  return {list, std::find(list, list + capacity(layer), no_slot)};
}

bool hnsw_graph::add_link(slot_id node, std::uint32_t layer, slot_id target) noexcept {
  const auto count = static_cast<std::uint32_t>(links(node, layer).size());
  if (count == capacity(layer))
    return false;
  store(links_of(node, layer)[count], target);
  return true;
}

void hnsw_graph::set_links(slot_id node, std::uint32_t layer,
                           std::span<const slot_id> targets) noexcept {
  assert(targets.size() <= capacity(layer));
  const std::size_t before = links(node, layer).size();
  slot_id* list = links_of(node, layer);
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (list[i] != targets[i])
      store(list[i], targets[i]);
  for (std::size_t i = targets.size(); i < before; ++i)
    store(list[i], no_slot);
}

std::size_t hnsw_graph::memory_bytes(slot_id slots) const noexcept {
  return slots * (sizeof(node_info) + base_.stride()) +
         tower_cells_.load(std::memory_order_relaxed) * towers_.stride();
}

}  // namespace hearth::engine::index
