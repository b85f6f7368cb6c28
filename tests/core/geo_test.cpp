#include "core/geo.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

using namespace hearth;

TEST_CASE("latitudes and longitudes have bounds") {
  CHECK(is_valid(geo_point{90, 180}));
  CHECK(is_valid(geo_point{-90, -180}));
  CHECK_FALSE(is_valid(geo_point{std::nextafter(90.0, 91.0), 0}));
  CHECK_FALSE(is_valid(geo_point{0, std::nextafter(-180.0, -181.0)}));
  CHECK_FALSE(is_valid(geo_point{std::nan(""), 0}));
  CHECK_FALSE(is_valid(geo_point{0, std::nan("")}));
  CHECK_FALSE(is_valid(geo_point{0, std::numeric_limits<double>::infinity()}));
}

TEST_CASE("distances agree with what is known of the sphere") {
  const double degree = std::numbers::pi * 6'371'008.8 / 180;
  CHECK(geo_distance({0, 0}, {0, 1}) == Approx(degree));
  CHECK(geo_distance({0, 0}, {90, 77}) == Approx(90 * degree));
  CHECK(geo_distance({10, 20}, {-10, -160}) == Approx(180 * degree));  // antipodes
  CHECK(geo_distance({0, 179.5}, {0, -179.5}) == Approx(degree));
  CHECK(geo_distance({48.137, 11.575}, {48.137, 11.575}) == 0);
  // Paris to New York: 5,837 km.
  CHECK(geo_distance({48.8566, 2.3522}, {40.7128, -74.0060}) == Approx(5'837'000).epsilon(0.001));
  // A tenth of a millimetre.
  CHECK(geo_distance({48, 11}, {48 + 1e-9, 11}) == Approx(1e-9 * degree).epsilon(1e-4));
}

// The chord between unit vectors: another road to the same number.
TEST_CASE("distances agree with vectors in space") {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> lat(-90, 90);
  std::uniform_real_distribution<double> lon(-180, 180);
  for (int i = 0; i < 2'000; ++i) {
    const geo_point a{lat(random), lon(random)};
    const geo_point b{lat(random), lon(random)};
    const auto to_radians = [](double degrees) { return degrees * std::numbers::pi / 180; };
    const auto axis = [&](geo_point p, int which) {
      const double across = std::cos(to_radians(p.lat));
      return which == 0   ? across * std::cos(to_radians(p.lon))
             : which == 1 ? across * std::sin(to_radians(p.lon))
                          : std::sin(to_radians(p.lat));
    };
    double squares = 0;
    for (int which = 0; which < 3; ++which)
      squares += std::pow(axis(a, which) - axis(b, which), 2);
    const double expected = 2 * 6'371'008.8 * std::asin(std::min(1.0, std::sqrt(squares) / 2));
    REQUIRE(geo_distance(a, b) == Approx(expected).epsilon(1e-7));
    REQUIRE(geo_distance(a, b) == geo_distance(b, a));
  }
}

TEST_CASE("boxes include their borders and reach across the antimeridian") {
  const geo_box alps{{45, 5}, {48, 16}};
  CHECK(alps.contains({45, 5}));
  CHECK(alps.contains({48, 16}));
  CHECK_FALSE(alps.contains({44.999, 10}));
  CHECK_FALSE(alps.contains({46, 16.001}));
  CHECK_FALSE(alps.contains({46, -10}));

  const geo_box fiji{{-21, 176}, {-15, -178}};
  CHECK(fiji.contains({-17, 178}));
  CHECK(fiji.contains({-17, 180}));
  CHECK(fiji.contains({-17, -180}));
  CHECK(fiji.contains({-17, -179}));
  CHECK_FALSE(fiji.contains({-17, 175}));
  CHECK_FALSE(fiji.contains({-17, 0}));
  CHECK_FALSE(fiji.contains({-17, -177}));

  const geo_box west{{-10, -180}, {10, -170}};
  CHECK(west.contains({0, 180}));  // the same meridian as -180
  CHECK_FALSE(west.contains({0, 179}));
  CHECK(geo_box{{-90, -180}, {90, 180}}.contains({12, 34}));
}
