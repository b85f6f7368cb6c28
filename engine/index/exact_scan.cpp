#include "engine/index/exact_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/index/nearest_hits.hpp"

namespace hearth::engine::index {
namespace {

// False as soon as a distance is not finite.
template <class Real, class Distance>
bool collect(const row_directory& rows, const Distance& distance, nearest_hits<Real>& nearest) {
  const slot_id bound = rows.bound();
  for (slot_id slot = 0; slot < bound; ++slot) {
    const auto row = rows.row_at(slot);
    if (!row)
      continue;
    const Real value = distance(slot);
    if (!std::isfinite(value))
      return false;
    nearest.offer({value, *row});
  }
  return true;
}

}  // namespace

std::vector<neighbor> scan_exact(const row_directory& rows, const query_distance& distance,
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
