#pragma once
// Searching one layer of a graph: the inner loop of queries and of building alike. Internal to
// engine/index.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/index/candidate_pool.hpp"
#include "engine/index/codes/aligned_row.hpp"
#include "engine/index/hnsw_graph.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// Which slots a search has seen, and in which order.
class visited_set {
 public:
  /// Forgets everything; slots [0, bound) may be asked for. The time grows with what was seen.
  void clear(slot_id bound) {
    for (const slot_id slot : seen())
      words_[slot / 64] = 0;
    count_ = 0;
    if (words_.size() * 64 < bound)
      words_.resize(bound / 64 + 1 + words_.size() / 2, 0);
  }
  /// Room for `more` insertions.
  void reserve(std::size_t more) {
    if (order_.size() < count_ + more)
      order_.resize(2 * (count_ + more));
  }
  /// Precondition: reserve() left room. Whether a slot is new is a toss-up, so nothing branches on
  /// it.
  void insert(slot_id slot) noexcept {
    std::uint64_t& word = words_[slot / 64];
    order_[count_] = slot;
    count_ += 1 - (word >> slot % 64 & 1);
    word |= std::uint64_t{1} << slot % 64;
  }
  /// In the order in which they were inserted first; valid until the next reserve().
  [[nodiscard]] std::span<const slot_id> seen() const noexcept { return {order_.data(), count_}; }

 private:
  std::vector<std::uint64_t> words_;
  std::vector<slot_id> order_;
  std::size_t count_ = 0;
};

/// The working memory of one search; each thread keeps one and uses it for every index.
struct search_scratch {
  visited_set visited;
  candidate_pool pool;
  std::vector<candidate> best;              ///< what a search found, nearest first
  std::vector<slot_id> near;                ///< links of a node on an upper layer
  std::vector<const std::byte*> addresses;  ///< of the vectors to look at next
  std::vector<float> distances;             ///< to them
  std::vector<float> query;
  aligned_row coded_query;

  [[nodiscard]] static search_scratch& of_this_thread() {
    thread_local search_scratch mine;
    return mine;
  }
};

/// What a search of one graph works on. Slots from `bound` on came after the search began; they are
/// passed over.
///
/// A Distance has `operator()(slot)`, `prefetch(slot)`, which asks for a vector and answers where
/// it lies, and `measure(addresses, out)`, the distances to vectors that were asked for.
template <class Distance>
struct graph_view {
  const hnsw_graph& graph;
  const Distance& distance;
  slot_id bound;
};

/// The distances to what lies at scratch.addresses. False if one left the range of float32.
template <class Distance>
[[nodiscard]] bool measure_asked(const Distance& distance, search_scratch& scratch) {
  scratch.distances.resize(scratch.addresses.size());
  distance.measure(scratch.addresses, scratch.distances.data());
  return std::all_of(scratch.distances.begin(), scratch.distances.end(), [](float each) {
    return std::abs(each) <= std::numeric_limits<float>::max();
  });
}

/// Walks to the nearest node of `layer` that steps downhill lead to.
template <class Distance>
[[nodiscard]] candidate descend(const graph_view<Distance>& view, candidate from,
                                std::uint32_t layer, search_scratch& scratch) {
  for (bool moved = true; moved;) {
    moved = false;
    scratch.addresses.clear();
    scratch.near.clear();
    view.graph.for_each_link(from.slot, layer, [&](slot_id slot) {
      if (slot >= view.bound)
        return;
      scratch.near.push_back(slot);
      scratch.addresses.push_back(view.distance.prefetch(slot));
    });
    (void)measure_asked(view.distance, scratch);
    for (std::size_t i = 0; i < scratch.near.size(); ++i)
      if (scratch.distances[i] < from.distance) {
        from = {scratch.distances[i], scratch.near[i]};
        moved = true;
      }
  }
  return from;
}

/// What a walk may take where it meets few nodes that are admitted.
struct walk_bounds {
  std::size_t steps = std::numeric_limits<std::size_t>::max();  ///< nodes whose links are looked at
  std::size_t nodes = std::numeric_limits<std::size_t>::max();  ///< kept to go on from
};

/// Malkov and Yashunin's algorithm 2: the `ef` nearest nodes of `layer` that `admit` lets through,
/// from `from` on, are left in scratch.best, nearest first. Nodes that are not admitted are walked
/// through all the same. False, with best incomplete, if a distance left the range of float32 or
/// the walk the bounds of `most`.
template <class Distance, class Admit>
[[nodiscard]] bool search_layer(const graph_view<Distance>& view, candidate from, std::size_t ef,
                                std::uint32_t layer, search_scratch& scratch, Admit&& admit,
                                const walk_bounds& most = {}) {
  auto& visited = scratch.visited;
  auto& pool = scratch.pool;
  visited.clear(view.bound);
  pool.clear(ef, most.nodes);
  std::size_t steps = 0;
  visited.reserve(1);
  visited.insert(from.slot);
  pool.offer(from.distance, from.slot, admit(from.slot));
  bool in_range = true;
  for (slot_id at = pool.peek(); at != no_slot && in_range; at = pool.peek()) {
    pool.follow();
    if (++steps > most.steps)
      return false;
    // Memory is the limit: find out first what has to be read, ask for all of it, then compute.
    const std::size_t known = visited.seen().size();
    visited.reserve(view.graph.capacity(layer));
    view.graph.for_each_link(at, layer, [&](slot_id slot) {
      if (slot < view.bound)
        visited.insert(slot);
    });
    const auto fresh = visited.seen().subspan(known);
    scratch.addresses.resize(fresh.size());
    for (std::size_t i = 0; i < fresh.size(); ++i)
      scratch.addresses[i] = view.distance.prefetch(fresh[i]);
    if (const slot_id next = pool.peek(); layer == 0 && next != no_slot)
      view.graph.prefetch_links(next);
    in_range = measure_asked(view.distance, scratch);
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      if (!(scratch.distances[i] < pool.limit()))
        continue;
      if (pool.offer(scratch.distances[i], fresh[i], admit(fresh[i])) && layer == 0)
        view.graph.prefetch_links(fresh[i]);
    }
  }
  pool.copy_to(scratch.best);
  return in_range && pool.complete();
}

}  // namespace hearth::engine::index
