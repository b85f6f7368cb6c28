#include "engine/index/codes/byte_projection.hpp"

#include <catch2/catch.hpp>

#include "engine/index/codes/principal_components.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

float squared_norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values)
    sum += double{value} * value;
  return static_cast<float>(sum);
}

TEST_CASE("byte_projection: products are near those in float64, for every dimension and scale") {
  for (const std::uint32_t dimension : {8U, 63U, 64U, 65U, 300U, 784U})
    for (const float scale : {1e-10F, 1.0F, 1e10F}) {
      CAPTURE(dimension, scale);
      const auto rows = random_rotation(dimension, 7);
      const byte_projection projection(rows, dimension);
      const auto vectors = normal_points(20, dimension, 3, scale);
      std::vector<float> found(dimension);
      for (std::size_t v = 0; v < vectors.rows(); ++v) {
        const auto vector = vectors.row(v);
        const float norm = squared_norm(vector);
        REQUIRE(projection.apply(vector.data(), norm, found.data()));
        double error = 0;
        for (std::size_t r = 0; r < dimension; ++r) {
          double exact = 0;
          for (std::size_t d = 0; d < dimension; ++d)
            exact += double{rows[r * dimension + d]} * vector[d];
          error += (found[r] - exact) * (found[r] - exact);
        }
        // All errors together, relative to the length.
        CHECK(std::sqrt(error) < 0.03 * std::sqrt(double{norm}));
      }
    }
}

TEST_CASE("byte_projection: what bytes tell nothing of is refused") {
  const std::uint32_t dimension = 2000;
  const auto rows = std::vector<float>(dimension, 1 / std::sqrt(2000.0F));
  const byte_projection projection(rows, dimension);
  std::vector<float> vector(dimension, 0.01F);
  float found = 0;
  CHECK(projection.apply(vector.data(), squared_norm(vector), &found));
  CHECK(found == Approx(0.01 * std::sqrt(2000.0)).epsilon(0.01));
  vector[7] = 100;  // of the 2,000 values, one is seen
  CHECK_FALSE(projection.apply(vector.data(), squared_norm(vector), &found));
  std::ranges::fill(vector, 0.0F);
  CHECK_FALSE(projection.apply(vector.data(), 0, &found));
  vector[7] = 1e30F;  // its square is not a float
  CHECK_FALSE(projection.apply(vector.data(), std::numeric_limits<float>::infinity(), &found));
}

}  // namespace
