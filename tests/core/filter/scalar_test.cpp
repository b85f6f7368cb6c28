#include "core/filter/scalar.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

using namespace hearth;

TEST_CASE("integers and floats compare by their mathematical values") {
  constexpr std::int64_t largest = INT64_MAX;
  constexpr double two_to_63 = 9'223'372'036'854'775'808.0;
  CHECK((compare_exactly(1, 1.0) == 0));
  CHECK((compare_exactly(1, 1.5) < 0));
  CHECK((compare_exactly(-1, -1.5) > 0));
  CHECK((compare_exactly(0, -0.0) == 0));
  CHECK((compare_exactly(0, 5e-324) < 0));
  CHECK((compare_exactly(largest, two_to_63) < 0));  // equal if the integer were rounded
  CHECK((compare_exactly(INT64_MIN, -two_to_63) == 0));
  CHECK((compare_exactly((std::int64_t{1} << 53) + 1, 9'007'199'254'740'992.0) > 0));
  CHECK((compare_exactly(largest, std::numeric_limits<double>::infinity()) < 0));
  CHECK((compare_exactly(INT64_MIN, -std::numeric_limits<double>::infinity()) > 0));
  CHECK((compare_exactly(0, std::nan("")) == std::partial_ordering::unordered));
}

// The long double of x86-64 has 64 bits of mantissa: it holds every int64 and every double.
TEST_CASE("integers and floats compare as in a type that holds both") {
  static_assert(std::numeric_limits<long double>::digits >= 64);
  std::mt19937_64 random(11);
  for (int i = 0; i < 200'000; ++i) {
    const auto whole = static_cast<std::int64_t>(random() >> (random() % 64));
    const auto near = static_cast<double>(whole) * (1 + static_cast<double>(random() % 3) * 1e-16);
    const auto any = std::bit_cast<double>(random());
    for (const double real : {near, -near, any, std::nextafter(near, 0.0)}) {
      if (std::isnan(real))
        continue;
      const auto wide = static_cast<long double>(whole) <=> static_cast<long double>(real);
      REQUIRE((compare_exactly(whole, real) == wide));
    }
  }
}

TEST_CASE("values of different kinds are neither equal nor in order") {
  const value_list different{nullptr, true, 1, "1", timestamp{1}, geo_point{1, 1}};
  for (const auto& a : different)
    for (const auto& b : different)
      CHECK(((compare(scalar_of(a), scalar_of(b)) == 0) == (a == b)));
  const auto unordered = std::partial_ordering::unordered;
  CHECK((compare(scalar_of(value_list{}), scalar_of(value_list{})) == unordered));
  CHECK((compare(scalar_of(std::nan("")), scalar_of(1)) == unordered));
  CHECK((compare(scalar_of("\x7f"), scalar_of("\xc3\xa4")) < 0));  // by bytes, unsigned
}
