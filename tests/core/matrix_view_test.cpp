#include "core/matrix_view.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

using hearth::all_finite;
using hearth::matrix;

TEST_CASE("NaN and infinity are found at every position of every length") {
  using limits = std::numeric_limits<float>;
  for (const std::size_t size : {1U, 2U, 3U, 7U, 64U, 255U, 256U, 257U, 511U, 512U, 700U}) {
    std::vector<float> values(size, 1.5F);
    CHECK(all_finite(values));
    for (std::size_t at = 0; at < size; ++at)
      for (const float bad : {limits::infinity(), -limits::infinity(), limits::quiet_NaN(),
                              -limits::quiet_NaN(), limits::signaling_NaN()}) {
        values[at] = bad;
        if (all_finite(values))
          FAIL("missed at " << at << " of " << size);
        values[at] = 1.5F;
      }
  }
}

TEST_CASE("extreme but finite values are finite") {
  using limits = std::numeric_limits<float>;
  CHECK(all_finite({}));
  CHECK(all_finite(std::vector<float>{0.0F, -0.0F, limits::max(), limits::lowest(), limits::min(),
                                      limits::denorm_min(), -limits::denorm_min()}));
  // Every exponent, both signs, with the lowest and the highest mantissa.
  for (std::uint32_t exponent = 0; exponent < 256; ++exponent)
    for (const std::uint32_t sign : {0U, 0x8000'0000U})
      for (const std::uint32_t mantissa : {0U, 0x7f'ffffU}) {
        const auto value = std::bit_cast<float>(sign | (exponent << 23) | mantissa);
        if (all_finite({&value, 1}) != (exponent != 255))
          FAIL("wrong for exponent " << exponent);
      }
}

TEST_CASE("many bad values do not cancel each other out") {
  const std::vector<float> values(1'024, std::numeric_limits<float>::infinity());
  for (std::size_t size = 1; size <= values.size(); ++size)
    if (all_finite({values.data(), size}))
      FAIL("missed all of " << size);
}

TEST_CASE("unaligned data is read where it lies") {
  std::vector<float> values(600, 1.0F);
  values[300] = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t first = 0; first < 300; ++first)
    CHECK_FALSE(all_finite(std::span(values).subspan(first)));
  CHECK(all_finite(std::span(values).subspan(301)));
}

TEST_CASE("a matrix shares its buffer and hands out rows") {
  const matrix original(std::vector<float>{1, 2, 3, 4, 5, 6}, 2, 3);
  const auto copy = original;  // NOLINT: the copy is the point
  CHECK(copy.data() == original.data());
  CHECK(copy.rows() == 2);
  CHECK(copy.dimension() == 3);
  const auto row = copy.view().row(1);
  CHECK(std::vector<float>(row.begin(), row.end()) == std::vector<float>{4, 5, 6});
  CHECK(copy.view().values().size() == 6);
  CHECK(matrix().empty());
  CHECK(matrix().view().values().empty());
}
