#include <cmath>
#include <new>

#include "core/format.hpp"
#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"

namespace hearth::engine::index {
namespace {

// The finalizer of splitmix64: every bit of the input moves every bit of the output.
std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

hnsw_index::hnsw_index(std::uint32_t dimension, distance_kind distance, const index_params& params)
    : params_(params), vectors_(dimension, distance), pairs_(vectors_), graph_(params.m),
      next_training_(first_training(dimension)) {}

result<void> hnsw_index::insert(std::span<const row_id> rows, matrix_view vectors) {
  HEARTH_CHECK(check_insert(rows_, dimension(), rows, vectors));
  rows_.reclaim([this](slot_id slot) { graph_.release(slot); });
  HEARTH_TRY(const slot_id bound, rows_.bound_after(rows.size()));
  try {
    rows_.reserve(rows.size());
    vectors_.reserve(bound);
    graph_.reserve(bound);
    if (!generations_.empty())
      generations_.back()->reserve(bound);
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} more vectors", rows.size()));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const slot_id slot = rows_.take();
    vectors_.put(slot, vectors.row(i));
    if (!generations_.empty())
      generations_.back()->put(slot, vectors_.at(slot));
    link(slot, level_of(rows[i]));
    rows_.show(slot, rows[i]);
    if (size() >= next_training_)
      train_codes(bound);
  }
  return {};
}

std::uint32_t hnsw_index::level_of(row_id row) const noexcept {
  // Uniform in (0, 1]; the paper's mL = 1 / ln(M).
  const double uniform = static_cast<double>((mix(params_.seed ^ mix(row)) >> 11) + 1) * 0x1p-53;
  const double level = -std::log(uniform) / std::log(static_cast<double>(params_.m));
  return static_cast<std::uint32_t>(std::min(level, static_cast<double>(hnsw_graph::max_level)));
}

void hnsw_index::link(slot_id node, std::uint32_t level) {
  graph_.place(node, level);
  const auto entry = graph_.entry();
  if (entry.slot == no_slot) {
    graph_.set_parent(node, node);
    graph_.set_entry({node, level});
    return;
  }
  const auto neighbors = find_neighbors(node, level);
  std::vector<std::vector<slot_id>> selected(neighbors.size());
  for (std::uint32_t layer = 0; layer < neighbors.size(); ++layer) {
    select(node, layer, neighbors[layer], params_.m, selected[layer]);
    graph_.set_links(node, layer, selected[layer]);
  }
  // Bottom up: a search that comes down through this node must find a way on.
  join_tree(node, neighbors[0]);
  for (std::uint32_t layer = 0; layer < neighbors.size(); ++layer)
    for (const slot_id target : selected[layer])
      link_back(target, layer, node);
  if (level > entry.level)
    graph_.set_entry({node, level});
}

// The candidates for links on each layer that the node shares with the graph, nearest first.
std::vector<std::vector<candidate>> hnsw_index::find_neighbors(slot_id node,
                                                               std::uint32_t level) const {
  auto& scratch = search_scratch::of_this_thread();
  const auto entry = graph_.entry();
  const pair_distance distance{pairs_, node};
  const graph_view<pair_distance> view{graph_, distance, rows_.bound()};
  candidate from{distance(entry.slot), entry.slot};
  for (std::uint32_t layer = entry.level; layer > level; --layer)
    from = descend(view, from, layer);

  const std::uint32_t top = std::min(level, entry.level);
  std::vector<std::vector<candidate>> neighbors(top + 1);
  for (std::uint32_t layer = top + 1; layer-- > 0;) {
    // Distances beyond float32 end the walk early; the node is then linked to what was found, and
    // the tree keeps it reachable. Searches there are answered by scans anyway.
    (void)search_layer(view, from, params_.ef_construction, layer, scratch,
                       [](slot_id) { return true; });
    std::sort_heap(scratch.best.begin(), scratch.best.end());
    neighbors[layer].assign(scratch.best.begin(), scratch.best.end());
    from = neighbors[layer].front();
  }
  return neighbors;
}

// The paper's algorithm 4 without its options: a candidate is linked if it is nearer to the node
// than to every one linked before it, so that links point in different directions. Tree neighbors
// are linked always.
void hnsw_index::select(slot_id node, std::uint32_t layer, std::span<const candidate> sorted,
                        std::size_t limit, std::vector<slot_id>& selected) const {
  const auto in_tree = [&](slot_id slot) {
    return layer == 0 && graph_.tree_neighbors(node, slot);
  };
  auto reserved = static_cast<std::size_t>(std::count_if(
      sorted.begin(), sorted.end(), [&](const candidate& each) { return in_tree(each.slot); }));
  std::size_t copies_left = std::max<std::size_t>(limit / 4, 1);
  const float copy_distance = pairs_.to_copy(node);
  selected.clear();
  for (const candidate& next : sorted) {
    if (in_tree(next.slot)) {
      --reserved;
      selected.push_back(next.slot);
      continue;
    }
    if (selected.size() + reserved >= limit)
      continue;
    const bool copy = next.distance == copy_distance && pairs_.same(node, next.slot);
    if (copy && copies_left == 0)
      continue;
    const bool diverse = std::none_of(selected.begin(), selected.end(), [&](slot_id other) {
      return pairs_(next.slot, other) < next.distance;
    });
    if (!diverse)
      continue;
    copies_left -= copy ? 1 : 0;
    selected.push_back(next.slot);
  }
}

void hnsw_index::link_back(slot_id node, std::uint32_t layer, slot_id target) {
  const auto links = graph_.links(node, layer);
  if (std::find(links.begin(), links.end(), target) != links.end())
    return;
  if (!graph_.add_link(node, layer, target))
    choose_links(node, layer, {&target, 1}, no_slot);
}

// Chooses the links of `node` anew among those it has and `additional`, without `excluded`.
void hnsw_index::choose_links(slot_id node, std::uint32_t layer,
                              std::span<const slot_id> additional, slot_id excluded) {
  thread_local std::vector<candidate> sorted;
  thread_local std::vector<slot_id> selected;
  const auto current = graph_.links(node, layer);
  sorted.clear();
  for (const slot_id slot : additional)
    vectors_.prefetch(slot);
  for (const slot_id slot : current)
    if (slot != excluded)
      sorted.push_back({pairs_(node, slot), slot});
  for (const slot_id slot : additional)
    if (slot != excluded && slot != node &&
        std::find(current.begin(), current.end(), slot) == current.end())
      sorted.push_back({pairs_(node, slot), slot});
  std::sort(sorted.begin(), sorted.end());
  select(node, layer, sorted, graph_.capacity(layer), selected);
  graph_.set_links(node, layer, selected);
}

}  // namespace hearth::engine::index
