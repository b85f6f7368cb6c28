// The spanning tree of layer 0, which keeps every row reachable. See hnsw_index.hpp.
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

std::size_t hnsw_index::tree_degree(slot_id node) const noexcept {
  const auto links = graph_.links(node, 0);
  return static_cast<std::size_t>(std::count_if(
      links.begin(), links.end(), [&](slot_id slot) { return graph_.tree_neighbors(node, slot); }));
}

// The nearest node by tree links, `start` included, that may take one more. There always is one:
// a leaf has degree 1, and the limit is at least 3.
slot_id hnsw_index::tree_node_with_room(slot_id start) const {
  struct step {
    slot_id node;
    slot_id from;
  };
  std::vector<step> queue{{start, no_slot}};
  for (std::size_t next = 0; next < queue.size(); ++next) {
    const auto [node, from] = queue[next];
    const auto neighbors = tree_neighbors_of(node);
    if (neighbors.size() < tree_limit())
      return node;
    for (const slot_id slot : neighbors)
      if (slot != from)
        queue.push_back({slot, node});
  }
  assert(false && "a tree without leaves");
  return start;
}

void hnsw_index::link_in_tree(slot_id child, slot_id parent) {
  graph_.set_parent(child, parent);  // first: from now on no choice of links drops these two
  link_back(child, 0, parent);
  link_back(parent, 0, child);
}

void hnsw_index::join_tree(slot_id node, std::span<const candidate> nearest_first) {
  for (const candidate& each : nearest_first)
    if (tree_degree(each.slot) < tree_limit())
      return link_in_tree(node, each.slot);
  link_in_tree(node, tree_node_with_room(nearest_first.front().slot));
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
    join_tree(slot, nearest);
    joined.push_back(slot);
  }
}

}  // namespace hearth::engine::index
