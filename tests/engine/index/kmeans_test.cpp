#include "engine/index/ivf/kmeans.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "engine/index/ivf/centroid_set.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

double squared(std::span<const float> a, const float* b) {
  double sum = 0;
  for (std::size_t d = 0; d < a.size(); ++d)
    sum += (static_cast<double>(a[d]) - static_cast<double>(b[d])) *
           (static_cast<double>(a[d]) - static_cast<double>(b[d]));
  return sum;
}

std::uint32_t naive_nearest(const points& centroids, std::span<const float> point) {
  std::uint32_t best = 0;
  for (std::uint32_t c = 1; c < centroids.rows(); ++c)
    if (squared(point, centroids.row(c).data()) < squared(point, centroids.row(best).data()))
      best = c;
  return best;
}

double error_of(const points& data, const std::vector<float>& centroids) {
  const points of{centroids, data.dimension};
  double sum = 0;
  for (std::size_t i = 0; i < data.rows(); ++i)
    sum += squared(data.row(i), of.row(naive_nearest(of, data.row(i))).data());
  return sum / static_cast<double>(data.rows());
}

TEST_CASE("centroids: distances and products agree with float64, for any number and dimension") {
  for (const std::uint32_t count : {1u, 2u, 15u, 16u, 17u, 100u, 300u})
    for (const std::uint32_t dimension : {1u, 3u, 16u, 33u}) {
      const auto data = normal_points(count, dimension, count);
      const auto asked = normal_points(20, dimension, count + 1);
      const centroid_set centroids(data.view());
      REQUIRE(centroids.size() == count);
      std::vector<float> distances(centroids.columns());
      std::vector<float> products(centroids.columns());
      for (std::size_t q = 0; q < asked.rows(); ++q) {
        const auto point = asked.row(q);
        centroids.squared_distances(point.data(), distances.data());
        centroids.negative_products(point.data(), products.data());
        for (std::uint32_t c = 0; c < centroids.columns(); ++c) {
          if (c >= count) {
            CHECK(std::isinf(distances[c]));
            CHECK(std::isinf(products[c]));
            continue;
          }
          const double expected = squared(point, data.row(c).data());
          CHECK(distances[c] == Approx(expected).margin(1e-4 * (1 + expected)));
          CHECK(products[c] ==
                Approx(true_distance(distance_kind::dot, point, data.row(c))).margin(1e-3));
        }
        CHECK(centroids.nearest(point.data()) == naive_nearest(data, point));
      }
    }
}

TEST_CASE("centroids: far from the origin the nearest is still found") {
  auto data = normal_points(50, 8, 1, 0.01f);
  auto asked = normal_points(100, 8, 2, 0.01f);
  for (auto* each : {&data, &asked})
    for (float& value : each->values)
      value += 1000;
  const centroid_set centroids(data.view());
  for (std::size_t q = 0; q < asked.rows(); ++q)
    CHECK(centroids.nearest(asked.row(q).data()) == naive_nearest(data, asked.row(q)));
}

TEST_CASE("kmeans: finds separate clusters") {
  constexpr std::size_t clusters = 20;
  const auto centres = normal_points(clusters, 6, 3, 100);
  auto data = normal_points(2000, 6, 4, 0.5f);
  for (std::size_t i = 0; i < data.rows(); ++i)
    for (std::size_t d = 0; d < 6; ++d)
      data.values[i * 6 + d] += centres.row(i % clusters)[d];
  const points found{kmeans(data.view(), {clusters, 20, 7}), 6};
  REQUIRE(found.rows() == clusters);
  for (std::size_t c = 0; c < clusters; ++c)
    CHECK(squared(centres.row(c), found.row(naive_nearest(found, centres.row(c))).data()) < 0.1);
}

TEST_CASE("kmeans: more rounds give less error, the same seed the same centroids") {
  const auto data = clustered_points(3000, 12, 5);
  const auto once = kmeans(data.view(), {50, 1, 9});
  const auto often = kmeans(data.view(), {50, 12, 9});
  CHECK(error_of(data, often) < 0.95 * error_of(data, once));
  CHECK(kmeans(data.view(), {50, 12, 9}) == often);
  CHECK(kmeans(data.view(), {50, 12, 10}) != often);
}

TEST_CASE("kmeans: no cluster is left empty while there are distinct points for it") {
  // Three heaps of copies and some points of their own.
  auto data = normal_points(1000, 3, 6);
  for (std::size_t i = 0; i < 900; ++i)
    for (std::size_t d = 0; d < 3; ++d)
      data.values[i * 3 + d] = static_cast<float>(i % 3) * 10;
  const points found{kmeans(data.view(), {40, 15, 1}), 3};
  std::set<std::uint32_t> used;
  for (std::size_t i = 0; i < data.rows(); ++i)
    used.insert(naive_nearest(found, data.row(i)));
  CHECK(used.size() >= 36);
}

TEST_CASE("kmeans: fewer points than clusters, and copies of one point, are no trouble") {
  const auto few = normal_points(3, 4, 7);
  const auto centroids = kmeans(few.view(), {10, 10, 1});
  REQUIRE(centroids.size() == 40);
  CHECK(all_finite(centroids));
  CHECK(error_of(few, centroids) == Approx(0).margin(1e-9));
  const points copies{std::vector<float>(400, 2.5f), 4};
  for (const float value : kmeans(copies.view(), {16, 10, 1}))
    CHECK(value == 2.5f);
}

}  // namespace
