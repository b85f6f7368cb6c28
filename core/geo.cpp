#include "core/geo.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hearth::inline core {

namespace {

// The mean radius R1 of the IUGG: (2a + b) / 3 of the ellipsoid.
constexpr double earth_radius = 6'371'008.8;

double radians(double degrees) noexcept {
  return degrees * (std::numbers::pi / 180);
}

double squared_sine_of_half(double angle) noexcept {
  const double sine = std::sin(angle / 2);
  return sine * sine;
}

}  // namespace

// R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984): exact for small
// distances, where the law of cosines cancels.
double geo_distance(geo_point a, geo_point b) noexcept {
  const double h = squared_sine_of_half(radians(b.lat - a.lat)) +
                   std::cos(radians(a.lat)) * std::cos(radians(b.lat)) *
                       squared_sine_of_half(radians(b.lon - a.lon));
  return 2 * earth_radius * std::asin(std::sqrt(std::min(h, 1.0)));
}

bool geo_box::contains(geo_point point) const noexcept {
  if (!(point.lat >= south_west.lat && point.lat <= north_east.lat))
    return false;
  const auto between = [this](double lon) {
    return south_west.lon <= north_east.lon ? lon >= south_west.lon && lon <= north_east.lon
                                            : lon >= south_west.lon || lon <= north_east.lon;
  };
  return between(point.lon) || (std::abs(point.lon) == 180 && between(-point.lon));
}

}  // namespace hearth::inline core
