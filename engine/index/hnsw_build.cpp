// How rows enter a graph: in batches, whose rows look for their neighbors at the same time.
#include <algorithm>
#include <cmath>
#include <new>
#include <tuple>

#include "core/format.hpp"
#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/thread_team.hpp"

namespace hearth::engine::index {
namespace {

// The rows of a batch do not find each other by walking, so a batch is a small part of the graph.
constexpr std::size_t most_in_batch = 256;
constexpr std::size_t graph_per_batch = 16;
// Fewer rows are linked before other threads would have started.
constexpr std::size_t rows_worth_a_team = 32;

// The finalizer of splitmix64: every bit of the input moves every bit of the output.
std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

hnsw_index::hnsw_index(std::uint32_t dimension, distance_kind distance, const index_params& params,
                       fetch_vectors stored)
    : params_(params),
      stored_(params.memory == memory_kind::fast ? fetch_vectors() : std::move(stored)),
      vectors_(dimension, distance), pairs_(vectors_), graph_(params.m),
      next_training_(first_training(dimension, params.quantization)) {}

result<void> hnsw_index::insert(std::span<const row_id> rows, matrix_view vectors) {
  HEARTH_CHECK(check_insert(rows_, dimension(), rows, vectors));
  rows_.reclaim([this](slot_id slot) { graph_.release(slot); });
  release_vectors();
  release_old_codes();
  HEARTH_TRY(const slot_id bound, rows_.bound_after(rows.size()));
  try {
    rows_.reserve(rows.size());
    if (resident_.load(std::memory_order_relaxed))
      vectors_.reserve(bound);
    graph_.reserve(bound);
    if (!generations_.empty())
      generations_.back()->reserve(bound);
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} more vectors", rows.size()));
  }
  thread_team team(rows.size() < rows_worth_a_team ? 1 : usable_cores());
  for (std::size_t first = 0; first < rows.size();) {
    const std::size_t most = std::clamp<std::size_t>(size() / graph_per_batch, 1, most_in_batch);
    const std::size_t untrained = next_training_ > size() ? next_training_ - size() : 1;
    const std::size_t count = std::min({most, untrained, rows.size() - first});
    link_batch(rows.subspan(first, count), vectors, first, team);
    first += count;
    if (size() >= next_training_) {
      next_training_ *= training_growth;
      train_codes(bound, team);
    }
    follow_drift(bound, team);
  }
  sweep_on(rows.size());
  measure_walks();
  return {};
}

std::uint32_t hnsw_index::level_of(row_id row) const noexcept {
  // Uniform in (0, 1]; the paper's mL = 1 / ln(M).
  const double uniform = static_cast<double>((mix(params_.seed ^ mix(row)) >> 11) + 1) * 0x1p-53;
  const double level = -std::log(uniform) / std::log(static_cast<double>(params_.m));
  return static_cast<std::uint32_t>(std::min(level, static_cast<double>(hnsw_graph::max_level)));
}

// The result is the same whatever the number of threads: what runs in parallel reads what no other
// thread changes meanwhile, and writes one list each.
void hnsw_index::link_batch(std::span<const row_id> rows, matrix_view vectors, std::size_t first,
                            thread_team& team) {
  std::vector<newcomer> batch(rows.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].slot = rows_.take();
    batch[i].level = level_of(rows[i]);
    graph_.place(batch[i].slot, batch[i].level);
  }
  const bool resident = resident_.load(std::memory_order_relaxed);
  std::vector<float> unstored(resident ? 0 : batch.size() * dimension());
  team.run(batch.size(), [&](std::size_t i) {
    float* const place = resident ? vectors_.at(batch[i].slot) : unstored.data() + i * dimension();
    vectors_.write(vectors.row(first + i), place);
    batch[i].vector = place;
    if (!generations_.empty())
      generations_.back()->put(batch[i].slot, place);
  });
  const auto entry = graph_.entry();
  if (entry.slot == no_slot) {
    // The first of all: a batch of one.
    graph_.set_parent(batch[0].slot, batch[0].slot);
    rows_.show(batch[0].slot, rows[0]);
    graph_.set_entry({batch[0].slot, batch[0].level});
    return;
  }
  team.run(batch.size(), [&](std::size_t i) {
    find_neighbors(batch[i]);
    add_batch_neighbors(batch, i);
    std::vector<slot_id> selected;
    for (std::uint32_t layer = 0; layer <= batch[i].level; ++layer) {
      select(batch[i].slot, layer, batch[i].neighbors[layer], params_.m, selected);
      graph_.set_links(batch[i].slot, layer, selected);
    }
  });
  auto back = links_back(batch);
  // Before the first link leads to them: searches take what is linked and hidden for erased.
  for (std::size_t i = 0; i < batch.size(); ++i)
    rows_.show(batch[i].slot, rows[i]);
  add_links(back, team);
  for (const newcomer& each : batch)
    if (each.level > graph_.entry().level)
      graph_.set_entry({each.slot, each.level});
  if (!fits_codes(batch))
    for (const newcomer& each : batch)
      misfits_.push_back(each.slot);
}

// The candidates for links on each layer that the node shares with the graph, nearest first.
void hnsw_index::find_neighbors(newcomer& node) const {
  node.neighbors.resize(node.level + 1);
  if (const auto* codes = pairs_.codes())
    walk_to(code_distance(*codes, codes->at(node.slot)), node);
  else
    walk_to(pair_distance{pairs_, node.vector}, node);
}

template <class Distance>
void hnsw_index::walk_to(const Distance& distance, newcomer& node) const {
  auto& scratch = search_scratch::of_this_thread();
  const auto entry = graph_.entry();
  const graph_view<Distance> view{graph_, distance, rows_.bound()};
  candidate from{distance(entry.slot), entry.slot};
  for (std::uint32_t layer = entry.level; layer > node.level; --layer)
    from = descend(view, from, layer, scratch);
  const bool leavers = leaving_.load(std::memory_order_relaxed) != 0;
  for (std::uint32_t layer = std::min(node.level, entry.level) + 1; layer-- > 0;) {
    // Distances beyond float32 end the walk early; the node is then linked to what was found, and
    // the tree keeps it reachable. Searches there are answered by scans anyway.
    (void)search_layer(view, from, params_.ef_construction, layer, scratch,
                       [&](slot_id slot) { return !leavers || rows_.visible(slot); });
    node.neighbors[layer] = scratch.best;
    if (!scratch.best.empty())
      from = scratch.best.front();
  }
}

// The rows before it in the batch, as if they had been linked already.
void hnsw_index::add_batch_neighbors(std::span<newcomer> batch, std::size_t number) const {
  newcomer& node = batch[number];
  for (const newcomer& earlier : batch.first(number)) {
    const candidate next{pairs_(node.slot, earlier.slot), earlier.slot};
    if (!std::isfinite(next.distance))
      continue;
    for (std::uint32_t layer = 0; layer <= std::min(node.level, earlier.level); ++layer) {
      auto& nearest = node.neighbors[layer];
      if (nearest.size() < params_.ef_construction || next < nearest.back())
        nearest.insert(std::upper_bound(nearest.begin(), nearest.end(), next), next);
    }
  }
}

// Hangs the batch into the tree and answers the links that are to lead to its nodes, and those of
// its nodes to their parents.
std::vector<hnsw_index::new_link> hnsw_index::links_back(std::span<const newcomer> batch) {
  std::vector<new_link> back;
  for (const newcomer& node : batch) {
    // Nothing leads on from the rows of this batch yet, which are hidden.
    const auto linked = std::ranges::find_if(
        node.neighbors[0], [&](const candidate& each) { return rows_.visible(each.slot); });
    const slot_id parent = parent_for(
        node.neighbors[0], linked == node.neighbors[0].end() ? graph_.entry().slot : linked->slot);
    graph_.set_parent(node.slot, parent);
    back.push_back({0, node.slot, parent});
    back.push_back({0, parent, node.slot});
    for (std::uint32_t layer = 0; layer <= node.level; ++layer)
      for (const slot_id target : graph_.links(node.slot, layer))
        back.push_back({layer, target, node.slot});
  }
  return back;
}

void hnsw_index::add_links(std::vector<new_link>& links, thread_team& team) {
  std::ranges::stable_sort(links, [](const new_link& a, const new_link& b) {
    return std::tie(a.layer, a.node) < std::tie(b.layer, b.node);
  });
  std::vector<std::span<const new_link>> lists;
  for (std::size_t first = 0; first < links.size();) {
    std::size_t end = first + 1;
    while (end < links.size() && links[end].layer == links[first].layer &&
           links[end].node == links[first].node)
      ++end;
    lists.emplace_back(links.begin() + first, links.begin() + end);
    first = end;
  }
  team.run(lists.size(), [&](std::size_t i) {
    thread_local std::vector<slot_id> targets;
    targets.clear();
    for (const new_link& each : lists[i])
      targets.push_back(each.target);
    link_to(lists[i].front().node, lists[i].front().layer, targets);
  });
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

// Adds links to those of `targets` that have none yet.
void hnsw_index::link_to(slot_id node, std::uint32_t layer, std::span<const slot_id> targets) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto links = graph_.links(node, layer);
    if (std::ranges::find(links, targets[i]) == links.end() &&
        !graph_.add_link(node, layer, targets[i]))
      return choose_links(node, layer, targets.subspan(i));
  }
}

// Chooses the links of `node` anew among those it has and `additional`. What has been erased and is
// no part of the tree any more hands on its own links instead.
void hnsw_index::choose_links(slot_id node, std::uint32_t layer,
                              std::span<const slot_id> additional) {
  thread_local std::vector<slot_id> eligible;
  thread_local std::vector<candidate> sorted;
  thread_local std::vector<slot_id> selected;
  eligible.clear();
  const auto add = [&](slot_id slot) {
    if (slot != node && std::ranges::find(eligible, slot) == eligible.end())
      eligible.push_back(slot);
  };
  std::ranges::for_each(additional, add);
  for (const slot_id slot : graph_.links(node, layer)) {
    if (stays(node, layer, slot)) {
      add(slot);
      continue;
    }
    for (const slot_id beyond : graph_.links(slot, layer))
      if (rows_.visible(beyond))
        add(beyond);
  }
  for (const slot_id slot : eligible)
    pairs_.prefetch(slot);
  sorted.clear();
  for (const slot_id slot : eligible)
    sorted.push_back({pairs_(node, slot), slot});
  std::sort(sorted.begin(), sorted.end());
  select(node, layer, sorted, graph_.capacity(layer), selected);
  graph_.set_links(node, layer, selected);
}

bool hnsw_index::stays(slot_id node, std::uint32_t layer, slot_id target) const noexcept {
  return leaving_.load(std::memory_order_relaxed) == 0 || rows_.visible(target) ||
         (layer == 0 && graph_.tree_neighbors(node, target));
}

}  // namespace hearth::engine::index
