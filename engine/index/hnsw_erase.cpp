// How rows leave a graph. Nobody keeps a list of who links to a node, so the links to erased ones
// are found by a sweep over all nodes, which every change moves on a little.
#include "engine/index/hnsw_index.hpp"

namespace hearth::engine::index {
namespace {

// A sweep begins when one row in this many has left since the last one began...
constexpr std::size_t rows_per_leaver = 32;
// ...and looks at so many nodes per row that comes or goes, so that it ends before as many again
// have left.
constexpr std::size_t swept_per_row = 64;

}  // namespace

std::size_t hnsw_index::erase(std::span<const row_id> rows) {
  std::vector<slot_id> erased;
  erased.reserve(rows.size());
  for (const row_id row : rows) {
    const slot_id slot = rows_.find(row);
    if (slot == no_slot)
      continue;
    leaving_.fetch_add(1, std::memory_order_release);  // first: searches look at it before a walk
    rows_.hide(slot);
    erased.push_back(slot);
  }
  if (size() == 0) {
    retire_all(erased);
    return erased.size();
  }
  // Hidden nodes that have not left the tree yet count as nodes like any other: what they connect
  // stays connected, and their neighbors are handed on when their own turn comes.
  for (const slot_id slot : erased) {
    if (graph_.entry().slot == slot)
      move_entry();
    leave_tree(slot);
  }
  leavers_.insert(leavers_.end(), erased.begin(), erased.end());
  sweep_on(erased.size());
  return erased.size();
}

// Nothing visible is left, so nothing is worth repairing.
void hnsw_index::retire_all(std::span<const slot_id> erased) {
  graph_.set_entry({});
  rows_.retire(swept_leavers_);
  rows_.retire(leavers_);
  rows_.retire(erased);
  swept_leavers_.clear();
  leavers_.clear();
  swept_ = sweep_end_ = 0;
  leaving_.store(0, std::memory_order_release);
}

void hnsw_index::sweep_on(std::size_t changed_rows) {
  std::size_t budget = changed_rows * swept_per_row;
  while (budget > 0) {
    if (swept_leavers_.empty()) {
      if (leavers_.empty() || leavers_.size() < size() / rows_per_leaver)
        return;
      begin_sweep();
    }
    for (; budget > 0 && swept_ < sweep_end_; --budget)
      sweep(swept_++);
    if (swept_ == sweep_end_)
      end_sweep();
  }
}

void hnsw_index::begin_sweep() {
  swept_leavers_.swap(leavers_);
  swept_ = 0;
  sweep_end_ = rows_.bound();  // who comes later links to no leaver
  being_swept_.assign(sweep_end_ / 64 + 1, 0);
  for (const slot_id slot : swept_leavers_)
    being_swept_[slot / 64] |= std::uint64_t{1} << slot % 64;
}

// A node with a link to a leaver chooses anew among its own links and those of the leaver.
void hnsw_index::sweep(slot_id node) {
  if (!rows_.visible(node))
    return;
  for (std::uint32_t layer = 0; layer <= graph_.level(node); ++layer)
    if (std::ranges::any_of(graph_.links(node, layer),
                            [this](slot_id target) { return swept_out(target); }))
      choose_links(node, layer, {});
}

void hnsw_index::end_sweep() {
  // Those that left meanwhile are still walked over. They may lead anywhere but to slots that are
  // used again.
  for (const slot_id node : leavers_)
    for (std::uint32_t layer = 0; layer <= graph_.level(node); ++layer) {
      std::vector<slot_id> kept;
      for (const slot_id target : graph_.links(node, layer))
        if (!swept_out(target))
          kept.push_back(target);
      graph_.set_links(node, layer, kept);
    }
  rows_.retire(swept_leavers_);
  leaving_.fetch_sub(swept_leavers_.size(), std::memory_order_release);
  swept_leavers_.clear();
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
