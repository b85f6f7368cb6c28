#pragma once
// Searching one layer of a graph: the inner loop of queries and of building alike. Internal to
// engine/index.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/index/codes/aligned_row.hpp"
#include "engine/index/hnsw_graph.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

struct candidate {
  float distance = 0;
  slot_id slot = no_slot;

  friend bool operator<(const candidate& a, const candidate& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.slot < b.slot);
  }
  friend bool operator>(const candidate& a, const candidate& b) noexcept { return b < a; }
};

/// Which slots a search has seen. Clearing costs nothing: a mark counts only if it carries the
/// stamp of the current search.
class visited_set {
 public:
  /// Forgets everything; slots [0, bound) may be asked for.
  void clear(slot_id bound) {
    if (marks_.size() < bound)
      marks_.resize(std::max<std::size_t>(bound, marks_.size() + marks_.size() / 2), 0);
    if (++stamp_ == 0) {
      std::fill(marks_.begin(), marks_.end(), std::uint16_t{0});
      stamp_ = 1;
    }
  }
  /// True the first time.
  [[nodiscard]] bool insert(slot_id slot) noexcept {
    return std::exchange(marks_[slot], stamp_) != stamp_;
  }

 private:
  std::vector<std::uint16_t> marks_;
  std::uint16_t stamp_ = 0;
};

/// The working memory of one search; each thread keeps one and uses it for every index.
struct search_scratch {
  visited_set visited;
  std::vector<candidate> frontier;  ///< min-heap: seen, links not followed yet
  std::vector<candidate> best;      ///< max-heap: the ef nearest admitted
  std::vector<slot_id> unseen;
  std::vector<float> query;
  aligned_row coded_query;

  [[nodiscard]] static search_scratch& of_this_thread() {
    thread_local search_scratch mine;
    return mine;
  }
};

/// What a search of one graph works on. Slots from `bound` on came after the search began; they are
/// passed over.
template <class Distance>
struct graph_view {
  const hnsw_graph& graph;
  const Distance& distance;
  slot_id bound;
};

/// Walks to the nearest node of `layer` that steps downhill lead to.
template <class Distance>
[[nodiscard]] candidate descend(const graph_view<Distance>& view, candidate from,
                                std::uint32_t layer) {
  for (bool moved = true; moved;) {
    moved = false;
    view.graph.for_each_link(from.slot, layer, [&](slot_id slot) {
      if (slot < view.bound)
        view.distance.prefetch(slot);
    });
    candidate nearest = from;
    view.graph.for_each_link(from.slot, layer, [&](slot_id slot) {
      if (slot >= view.bound)
        return;
      const candidate next{view.distance(slot), slot};
      if (next.distance < nearest.distance) {
        nearest = next;
        moved = true;
      }
    });
    from = nearest;
  }
  return from;
}

/// Malkov and Yashunin's algorithm 2: the `ef` nearest nodes of `layer` that `admit` lets through,
/// from `from` on, are left in scratch.best as a max-heap. Nodes that are not admitted are walked
/// through all the same. False if a distance left the range of float32; best is then incomplete.
template <class Distance, class Admit>
[[nodiscard]] bool search_layer(const graph_view<Distance>& view, candidate from, std::size_t ef,
                                std::uint32_t layer, search_scratch& scratch, Admit&& admit) {
  auto& visited = scratch.visited;
  auto& frontier = scratch.frontier;
  auto& best = scratch.best;
  auto& unseen = scratch.unseen;
  visited.clear(view.bound);
  frontier.clear();
  best.clear();
  float worst = std::numeric_limits<float>::infinity();  // of best, once it is full
  const auto offer = [&](const candidate& next) {
    if (best.size() == ef && !(next.distance < worst))
      return;
    frontier.push_back(next);
    std::push_heap(frontier.begin(), frontier.end(), std::greater<>());
    if (!admit(next.slot))
      return;
    if (best.size() == ef) {
      std::pop_heap(best.begin(), best.end());
      best.back() = next;
    } else {
      best.push_back(next);
    }
    std::push_heap(best.begin(), best.end());
    if (best.size() == ef)
      worst = best.front().distance;
  };

  (void)visited.insert(from.slot);
  offer(from);
  while (!frontier.empty()) {
    const candidate nearest = frontier.front();
    if (best.size() == ef && nearest.distance > worst)
      break;
    std::pop_heap(frontier.begin(), frontier.end(), std::greater<>());
    frontier.pop_back();
    if (layer == 0 && !frontier.empty())
      view.graph.prefetch_links(frontier.front().slot);
    // Memory is the limit: find out first what has to be read, ask for all of it, then compute.
    unseen.clear();
    view.graph.for_each_link(nearest.slot, layer, [&](slot_id slot) {
      if (slot < view.bound && visited.insert(slot)) {
        view.distance.prefetch(slot);
        unseen.push_back(slot);
      }
    });
    for (const slot_id slot : unseen) {
      const float distance = view.distance(slot);
      if (!(std::abs(distance) <= std::numeric_limits<float>::max())) [[unlikely]]
        return false;
      offer({distance, slot});
    }
  }
  return true;
}

}  // namespace hearth::engine::index
