#include "engine/index/exact_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth::engine::index {
namespace {

template <class Real>
struct hit {
  Real distance;
  row_id row;

  friend bool operator<(const hit& a, const hit& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
  }
};

// A max-heap of the k best so far. False as soon as a distance is not finite.
template <class Real, class Distance>
bool collect(const row_directory& rows, std::size_t k, const Distance& distance,
             std::vector<hit<Real>>& best) {
  best.reserve(std::min(k, rows.size()));
  const slot_id bound = rows.bound();
  for (slot_id slot = 0; slot < bound; ++slot) {
    const auto row = rows.row_at(slot);
    if (!row)
      continue;
    const hit<Real> candidate{distance(slot), *row};
    if (!std::isfinite(candidate.distance))
      return false;
    if (best.size() < k) {
      best.push_back(candidate);
      std::push_heap(best.begin(), best.end());
    } else if (candidate < best.front()) {
      std::pop_heap(best.begin(), best.end());
      best.back() = candidate;
      std::push_heap(best.begin(), best.end());
    }
  }
  std::sort_heap(best.begin(), best.end());
  return true;
}

float saturated(double distance) noexcept {
  constexpr auto largest = static_cast<double>(std::numeric_limits<float>::max());
  return static_cast<float>(std::clamp(distance, -largest, largest));
}

}  // namespace

std::vector<neighbor> scan_exact(const row_directory& rows, const query_distance& distance,
                                 std::size_t k) {
  std::vector<neighbor> found;
  if (k == 0)
    return found;
  std::vector<hit<float>> best;
  if (collect(rows, k, distance, best)) {
    found.reserve(best.size());
    for (const auto& each : best)
      found.push_back({each.row, distance.reported(each.distance)});
  } else {
    std::vector<hit<double>> precise;
    collect(
        rows, k, [&](slot_id slot) { return distance.exact(slot); }, precise);
    found.reserve(precise.size());
    for (const auto& each : precise)
      found.push_back({each.row, saturated(each.distance)});
  }
  // Rounding to float32 (and the root) can make equals of distances that were not.
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace hearth::engine::index
