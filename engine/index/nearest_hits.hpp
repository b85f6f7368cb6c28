#pragma once
// The k nearest of the rows that an exact search has seen. Internal to engine/index.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "engine/index/vector_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// Nearest first; ties by row, so that results are deterministic. `Real` is what the distances of
/// query_distance are computed in.
template <class Real>
class nearest_hits {
 public:
  struct hit {
    Real distance;
    row_id row;

    friend bool operator<(const hit& a, const hit& b) noexcept {
      return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
    }
  };

  /// Forgets everything, and keeps the best `k` from now on. Precondition: k > 0.
  void start(std::size_t k) {
    k_ = k;
    best_.clear();
  }
  [[nodiscard]] bool full() const noexcept { return best_.size() == k_; }
  /// No row at a greater distance will be taken. Infinite until there are k.
  [[nodiscard]] Real limit() const noexcept {
    return full() ? best_.front().distance : std::numeric_limits<Real>::infinity();
  }
  /// True if it is one of the nearest so far.
  bool offer(const hit& candidate) {
    if (!full()) {
      best_.push_back(candidate);
    } else {
      if (!(candidate < best_.front()))
        return false;
      std::pop_heap(best_.begin(), best_.end());
      best_.back() = candidate;
    }
    std::push_heap(best_.begin(), best_.end());
    return true;
  }
  [[nodiscard]] const std::vector<hit>& hits() const noexcept { return best_; }

 private:
  std::size_t k_ = 0;
  std::vector<hit> best_;  // a max-heap
};

/// A distance beyond float32 is reported as its largest value.
inline float saturated(double distance) noexcept {
  constexpr auto largest = static_cast<double>(std::numeric_limits<float>::max());
  return static_cast<float>(std::clamp(distance, -largest, largest));
}

/// The hits as `report(distance)` says them. Sorted afterwards: rounding to float32 (and the root)
/// can make equals of distances that were not.
template <class Real, class Report>
std::vector<neighbor> reported(const nearest_hits<Real>& nearest, Report&& report) {
  std::vector<neighbor> found;
  found.reserve(nearest.hits().size());
  for (const auto& each : nearest.hits())
    found.push_back({each.row, report(each.distance)});
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace hearth::engine::index
