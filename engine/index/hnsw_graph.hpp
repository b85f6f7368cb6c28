#pragma once
// The links of an HNSW graph: what readers follow, and what only the writer needs to change them.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/index/slot_segments.hpp"

namespace hearth::engine::index {

/// Thread rule: one writer; readers call entry(), level(), capacity() and for_each_link() only, and
/// hold a pin of the row_directory whose slots these are.
///
/// A list of links is a fixed row of 32-bit slots ended by no_slot. The writer changes it in place,
/// entry by entry; a reader in the middle sees some old and some new links, each of them valid.
/// Layer 0 lies in one array by slot. The few nodes with upper layers own a tower: as many
/// consecutive cells of a second array as they have upper layers.
///
/// "The writer" may be several threads as long as no two of them work on one list.
class hnsw_graph {
 public:
  static constexpr std::uint32_t max_level = 31;

  struct entry_point {
    slot_id slot = no_slot;
    std::uint32_t level = 0;
  };

  /// `m` links per node on upper layers, 2m on layer 0.
  explicit hnsw_graph(std::uint32_t m);

  [[nodiscard]] std::uint32_t capacity(std::uint32_t layer) const noexcept {
    return layer == 0 ? 2 * m_ : m_;
  }
  [[nodiscard]] entry_point entry() const noexcept {
    const auto packed = entry_.load(std::memory_order_acquire);
    return {static_cast<slot_id>(packed), static_cast<std::uint32_t>(packed >> 32)};
  }
  [[nodiscard]] std::uint32_t level(slot_id node) const noexcept { return info(node).level; }

  /// Calls visit(slot) for each node that `node` links to on `layer`.
  template <class Visit>
  void for_each_link(slot_id node, std::uint32_t layer, Visit&& visit) const {
    slot_id* list = links_of(node, layer);
    for (std::uint32_t i = 0; i < capacity(layer); ++i) {
      const slot_id target = std::atomic_ref(list[i]).load(std::memory_order_acquire);
      if (target == no_slot)
        return;
      visit(target);
    }
  }
  /// Asks for the layer 0 links of `node`.
  void prefetch_links(slot_id node) const noexcept {
    const std::byte* list = base_.at(node);
    for (std::size_t offset = 0; offset < prefetch_bytes_; offset += 64)
      __builtin_prefetch(list + offset);
  }

  // For the writer.
  /// Room for slots [0, slots). Throws std::bad_alloc.
  void reserve(slot_id slots);
  /// Makes `node` a node of layers 0..level without links. Throws std::bad_alloc.
  void place(slot_id node, std::uint32_t level);
  /// Gives back the tower of a node that no reader can reach any more.
  void release(slot_id node);
  void set_entry(entry_point entry) noexcept;

  /// The links as they are; valid until the next change of that list.
  [[nodiscard]] std::span<const slot_id> links(slot_id node, std::uint32_t layer) const noexcept;
  /// False if the list is full. Precondition: the link does not exist.
  bool add_link(slot_id node, std::uint32_t layer, slot_id target) noexcept;
  /// Replaces the list. Precondition: at most capacity(layer) targets, none twice.
  void set_links(slot_id node, std::uint32_t layer, std::span<const slot_id> targets) noexcept;

  /// The parent in the spanning tree of layer 0 (see hnsw_index.hpp); the root is its own.
  [[nodiscard]] slot_id parent(slot_id node) const noexcept { return info(node).parent; }
  void set_parent(slot_id node, slot_id parent) noexcept;
  /// How many nodes are the node's parent or have it as theirs.
  [[nodiscard]] std::uint32_t tree_degree(slot_id node) const noexcept {
    return info(node).tree_degree;
  }
  /// True if one is the other's parent: the link between them is part of the tree.
  [[nodiscard]] bool tree_neighbors(slot_id a, slot_id b) const noexcept {
    return parent(a) == b || parent(b) == a;
  }

  /// Bytes in use for `slots` slots. Any thread.
  [[nodiscard]] std::size_t memory_bytes(slot_id slots) const noexcept;

 private:
  struct node_info {
    slot_id tower = no_slot;  ///< its first cell: layer 1
    std::uint16_t level = 0;
    std::uint16_t tree_degree = 0;  ///< writer only
    slot_id parent = no_slot;       ///< writer only
  };

  [[nodiscard]] node_info& info(slot_id node) const noexcept { return *info_.at<node_info>(node); }
  [[nodiscard]] slot_id* links_of(slot_id node, std::uint32_t layer) const noexcept {
    return layer == 0 ? base_.at<slot_id>(node)
                      : towers_.at<slot_id>(info(node).tower + (layer - 1));
  }
  slot_id take_tower(std::uint32_t height);

  const std::uint32_t m_;
  const std::size_t prefetch_bytes_;
  std::atomic<std::uint64_t> entry_{no_slot};  // level in the high half
  slot_segments info_{sizeof(node_info)};
  slot_segments base_;
  slot_segments towers_;
  std::atomic<slot_id> tower_cells_{0};
  std::vector<std::vector<slot_id>> free_towers_;  // by height
};

}  // namespace hearth::engine::index
