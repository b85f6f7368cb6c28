// The spanning tree of layer 0, which keeps every row reachable. See hnsw_index.hpp.
#include <algorithm>
#include <cassert>

#include "engine/index/hnsw_index.hpp"

namespace hearth::engine::index {

std::vector<slot_id> hnsw_index::tree_neighbors_of(slot_id node) const {
  std::vector<slot_id> found;
  for (const slot_id slot : graph_.links(node, 0))
    if (graph_.tree_neighbors(node, slot))
      found.push_back(slot);
  return found;
}

// The nearest node by tree links, `start` included, that may take one more. There always is one:
// a leaf has degree 1, the limit is at least 3, and the rows of a batch, which count as children
// before they are linked, are few.
slot_id hnsw_index::tree_node_with_room(slot_id start) const {
  struct step {
    slot_id node;
    slot_id from;
  };
  std::vector<step> queue{{start, no_slot}};
  for (std::size_t next = 0; next < queue.size(); ++next) {
    const auto [node, from] = queue[next];
    if (graph_.tree_degree(node) < tree_limit())
      return node;
    for (const slot_id slot : tree_neighbors_of(node))
      if (slot != from)
        queue.push_back({slot, node});
  }
  assert(false && "a tree without leaves");
  return start;
}

slot_id hnsw_index::parent_for(std::span<const candidate> nearest_first, slot_id linked) const {
  for (const candidate& each : nearest_first)
    if (graph_.tree_degree(each.slot) < tree_limit())
      return each.slot;
  return tree_node_with_room(linked);
}

// Takes `node` out and joins what falls apart: its tree neighbors are linked to each other, each to
// the nearest of those joined before it.
void hnsw_index::leave_tree(slot_id node) {
  const auto neighbors = tree_neighbors_of(node);
  const slot_id parent = graph_.parent(node);
  for (const slot_id slot : neighbors)
    if (slot != parent)
      graph_.set_parent(slot, slot);
  graph_.set_parent(node, node);
  if (neighbors.empty())
    return;
  // Without a parent, the first child becomes the root.
  std::vector<slot_id> joined{parent != node ? parent : neighbors.front()};
  for (const slot_id slot : neighbors) {
    if (slot == joined.front())
      continue;
    std::vector<candidate> nearest;
    nearest.reserve(joined.size());
    for (const slot_id other : joined)
      nearest.push_back({pairs_(slot, other), other});
    std::sort(nearest.begin(), nearest.end());
    const slot_id target = parent_for(nearest, nearest.front().slot);
    graph_.set_parent(slot, target);  // first: from now on no choice of links drops these two
    link_to(slot, 0, {&target, 1});
    link_to(target, 0, {&slot, 1});
    joined.push_back(slot);
  }
}

}  // namespace hearth::engine::index
