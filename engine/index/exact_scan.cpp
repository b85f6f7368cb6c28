#include "engine/index/exact_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/index/nearest_hits.hpp"

namespace hearth::engine::index {
namespace {

// False as soon as a distance is not finite.
template <class Real, class Distance>
bool collect(const chosen_rows& rows, const Distance& distance, nearest_hits<Real>& nearest) {
  bool finite = true;
  rows.for_each(rows.bound(), [&](slot_id slot, row_id row) {
    const Real value = distance(slot);
    finite = std::isfinite(value);
    if (finite)
      nearest.offer({value, row});
    return finite;
  });
  return finite;
}

}  // namespace

std::vector<neighbor> scan_exact(const chosen_rows& rows, const query_distance& distance,
                                 std::size_t k) {
  if (k == 0)
    return {};
  nearest_hits<float> nearest;
  nearest.start(k);
  if (collect(rows, distance, nearest))
    return reported(nearest, [&](float value) { return distance.reported(value); });
  nearest_hits<double> precise;
  precise.start(k);
  collect(
      rows, [&](slot_id slot) { return distance.exact(slot); }, precise);
  return reported(precise, saturated);
}

}  // namespace hearth::engine::index
