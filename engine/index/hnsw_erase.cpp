#include "engine/index/hnsw_index.hpp"

namespace hearth::engine::index {

std::size_t hnsw_index::erase(std::span<const row_id> rows) {
  std::vector<slot_id> erased;
  erased.reserve(rows.size());
  leaving_.store(rows.size(), std::memory_order_release);
  for (const row_id row : rows) {
    const slot_id slot = rows_.find(row);
    if (slot == no_slot)
      continue;
    rows_.hide(slot);
    erased.push_back(slot);
  }
  // Hidden nodes that are not unlinked yet count as nodes like any other: what they connect stays
  // connected, and their neighbors are handed on when their own turn comes.
  if (size() == 0)
    unlink_all(erased);
  else
    for (const slot_id slot : erased)
      unlink(slot);
  leaving_.store(0, std::memory_order_release);
  if (!erased.empty())
    rows_.retire(erased);
  return erased.size();
}

void hnsw_index::unlink(slot_id node) {
  if (graph_.entry().slot == node)
    move_entry();
  leave_tree(node);
  for (std::uint32_t layer = 0; layer <= graph_.level(node); ++layer) {
    const auto in = graph_.in_links(node, layer);
    const auto out = graph_.links(node, layer);
    const std::vector<slot_id> sources(in.begin(), in.end());
    const std::vector<slot_id> targets(out.begin(), out.end());
    for (const slot_id source : sources)
      choose_links(source, layer, targets, node);
    graph_.forget_out_links(node, layer);
  }
}

// Nothing visible is left, so nothing is worth repairing.
void hnsw_index::unlink_all(std::span<const slot_id> nodes) {
  graph_.set_entry({});
  for (const slot_id node : nodes)
    for (std::uint32_t layer = 0; layer <= graph_.level(node); ++layer)
      graph_.forget_out_links(node, layer);
}

// To the first of the visible nodes with the highest level. Looks at all of them, but it is seldom
// the entry point that is erased.
void hnsw_index::move_entry() {
  hnsw_graph::entry_point best;
  for (slot_id slot = 0; slot < rows_.bound(); ++slot)
    if (rows_.visible(slot) && (best.slot == no_slot || graph_.level(slot) > best.level))
      best = {slot, graph_.level(slot)};
  graph_.set_entry(best);
}

}  // namespace hearth::engine::index
