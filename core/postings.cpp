#include "core/postings.hpp"

#include <algorithm>

namespace hearth::inline core {

void frontier_builder::add(impact point) noexcept {
  highest_ = std::max(highest_, point.frequency);
  auto& shortest = shortest_[std::min<std::size_t>(point.frequency, kept_frequencies) - 1];
  const auto length = std::min(point.length, UINT32_MAX - 1) + 1;
  if (shortest == 0 || length < shortest)
    shortest = length;
}

impact_frontier frontier_builder::build(std::size_t limit) const {
  std::array<impact, kept_frequencies> points;
  std::size_t count = 0;
  auto shortest = UINT32_MAX;
  for (std::size_t i = kept_frequencies; i-- > 0;) {
    if (shortest_[i] == 0 || shortest_[i] - 1 >= shortest)
      continue;
    shortest = shortest_[i] - 1;
    const auto frequency = i + 1 == kept_frequencies ? highest_ : static_cast<std::uint32_t>(i + 1);
    points[count++] = {frequency, shortest};
  }
  // Too many: the two neighbours that differ least become one that covers both.
  while (count > limit) {
    std::size_t least = 0;
    double least_loss = 0;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      const auto more = static_cast<double>(points[i].frequency);
      const double loss =
          more / points[i + 1].frequency * (points[i].length + 1.0) / (points[i + 1].length + 1.0);
      if (i == 0 || loss < least_loss) {
        least = i;
        least_loss = loss;
      }
    }
    points[least].length = points[least + 1].length;
    std::copy(points.begin() + static_cast<std::ptrdiff_t>(least) + 2,
              points.begin() + static_cast<std::ptrdiff_t>(count),
              points.begin() + static_cast<std::ptrdiff_t>(least) + 1);
    --count;
  }
  impact_frontier frontier;
  frontier.count = count;
  std::copy_n(points.begin(), count, frontier.points.begin());
  return frontier;
}

}  // namespace hearth::inline core
