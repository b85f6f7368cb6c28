#pragma once
// Candidates of one query from several sources: tails, graphs and scans.
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "engine/index/vector_index.hpp"

namespace hearth::actors {

using engine::index::neighbor;
using engine::index::row_id;

/// The `bound` nearest rows of those offered. A row may be offered twice (it is in the tail and in
/// the graph while it moves); take() names it once.
class nearest_rows {
 public:
  explicit nearest_rows(std::size_t bound = 0) noexcept : bound_(bound) {}

  /// Nothing at this distance or beyond can get in any more.
  [[nodiscard]] float worst() const noexcept { return heap_.front().distance; }
  [[nodiscard]] bool full() const noexcept { return heap_.size() >= bound_; }

  /// For scans, where no row comes twice: keeps a heap of `bound` rows.
  void offer(neighbor candidate) {
    if (bound_ == 0)
      return;
    if (!full()) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end());
    } else if (candidate < heap_.front()) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = candidate;
      std::push_heap(heap_.begin(), heap_.end());
    }
  }

  /// The rows, nearest first.
  [[nodiscard]] std::vector<neighbor> take() {
    std::sort_heap(heap_.begin(), heap_.end());
    return std::move(heap_);
  }

 private:
  std::size_t bound_;
  std::vector<neighbor> heap_;  // farthest in front
};

/// Merges `more` (nearest first) into `found` (nearest first): each row once, at most `bound`.
inline void merge_nearest(std::vector<neighbor>& found, std::span<const neighbor> more,
                          std::size_t bound) {
  if (more.empty())
    return;
  const bool had_some = !found.empty();
  found.insert(found.end(), more.begin(), more.end());
  if (had_some) {
    // The two sources may round one row's distance differently, so equal rows need not be
    // neighbors in the order by distance.
    std::sort(found.begin(), found.end(), [](const neighbor& a, const neighbor& b) {
      return a.row < b.row || (a.row == b.row && a.distance < b.distance);
    });
    const auto repeated = std::unique(found.begin(), found.end(),
                                      [](const auto& a, const auto& b) { return a.row == b.row; });
    found.erase(repeated, found.end());
    std::sort(found.begin(), found.end());
  }
  if (found.size() > bound)
    found.resize(bound);
}

}  // namespace hearth::actors
