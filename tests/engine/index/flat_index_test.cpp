#include "engine/index/flat_index.hpp"

#include <catch2/catch.hpp>

#include <limits>

#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr distance_kind kinds[] = {distance_kind::l2, distance_kind::cosine, distance_kind::dot,
                                   distance_kind::manhattan, distance_kind::hamming};

void check_same(distance_kind kind, const points& data, std::span<const float> query,
                const std::vector<neighbor>& found, const std::vector<neighbor>& expected) {
  REQUIRE(found.size() == expected.size());
  CHECK(std::is_sorted(found.begin(), found.end()));
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto vector = data.row(found[i].row);
    const double allowed = distance_tolerance(kind, query, vector);
    // Truthful: the distance is that of the row named. Complete: as near as the oracle's i-th.
    CHECK(std::abs(static_cast<double>(found[i].distance) - true_distance(kind, query, vector)) <=
          allowed);
    CHECK(std::abs(found[i].distance - expected[i].distance) <= 2 * allowed);
  }
}

TEST_CASE("flat: agrees with a float64 loop for every distance, odd dimension and k") {
  for (const auto kind : kinds)
    for (const std::uint32_t dimension : {1u, 3u, 17u, 65u, 128u}) {
      const auto data = points_for(kind, 300, dimension, dimension);
      const auto queries = points_for(kind, 10, dimension, dimension + 1);
      flat_index index(dimension, kind);
      REQUIRE(index.insert(row_range(0, data.rows()), data.view()));
      for (const std::size_t k : {1u, 10u, 299u, 300u, 301u, 5000u})
        for (std::size_t q = 0; q < queries.rows(); ++q)
          check_same(kind, data, queries.row(q), index.search(queries.row(q), k, 1),
                     naive_search(kind, data, 0, queries.row(q), k));
    }
}

TEST_CASE("flat: an empty index and k = 0 answer nothing") {
  flat_index index(2, distance_kind::l2);
  const std::vector<float> query{1, 2};
  CHECK(index.search(query, 10, 10).empty());
  REQUIRE(index.insert(row_range(0, 1), {query.data(), 1, 2}));
  CHECK(index.search(query, 0, 10).empty());
  CHECK(index.search(query, std::numeric_limits<std::size_t>::max(), 10).size() == 1);
}

TEST_CASE("flat: l2 is the true Euclidean distance, ties come in the order of rows") {
  flat_index index(2, distance_kind::l2);
  const std::vector<float> values{3, 4, 0, 5, -5, 0, 0, 0};
  REQUIRE(index.insert(std::vector<row_id>{40, 30, 20, 10}, {values.data(), 4, 2}));
  const std::vector<float> origin{0, 0};
  const std::vector<neighbor> expected{{10, 0}, {20, 5}, {30, 5}, {40, 5}};
  CHECK(index.search(origin, 4, 4) == expected);
}

TEST_CASE("flat: cosine of a zero vector is 1 to all, stored or asked") {
  flat_index index(3, distance_kind::cosine);
  const std::vector<float> values{0, 0, 0, 1, 0, 0, -2, 0, 0};
  REQUIRE(index.insert(row_range(0, 3), {values.data(), 3, 3}));
  const std::vector<float> zero{0, 0, 0};
  for (const auto& each : index.search(zero, 3, 3))
    CHECK(each.distance == 1.0f);
  const std::vector<float> right{5, 0, 0};
  const std::vector<neighbor> expected{{1, 0}, {0, 1}, {2, 2}};
  CHECK(index.search(right, 3, 3) == expected);
}

TEST_CASE("flat: cosine holds for lengths that float32 cannot square") {
  flat_index index(2, distance_kind::cosine);
  const std::vector<float> values{3e38f, 3e38f, 1e-40f, 0, 0, 1e-30f};
  REQUIRE(index.insert(row_range(0, 3), {values.data(), 3, 2}));
  const std::vector<float> query{1e-38f, 0};
  const auto found = index.search(query, 3, 3);
  REQUIRE(found.size() == 3);
  CHECK(found[0].row == 1);
  CHECK(found[0].distance == Approx(0).margin(1e-6));
  CHECK(found[1].row == 0);
  CHECK(found[1].distance == Approx(1 - std::sqrt(0.5)));
  CHECK(found[2].distance == Approx(1));
}

TEST_CASE("flat: huge finite values are ordered rightly and never answered as NaN or infinity") {
  const std::vector<float> values{3e38f, -3e38f, 2e38f, -2e38f, 1e38f, 1e38f};
  const std::vector<float> query{1e38f, -1e38f};
  flat_index l2(2, distance_kind::l2);
  REQUIRE(l2.insert(row_range(0, 3), {values.data(), 3, 2}));
  auto found = l2.search(query, 3, 3);
  REQUIRE(found.size() == 3);
  CHECK(found[0].row == 1);
  CHECK(found[0].distance == Approx(std::sqrt(2.0) * 1e38));
  CHECK(found[1].row == 2);
  CHECK(found[1].distance == Approx(2e38));
  CHECK(found[2].row == 0);
  CHECK(found[2].distance == Approx(std::sqrt(8.0) * 1e38));

  flat_index dot(2, distance_kind::dot);
  REQUIRE(dot.insert(row_range(0, 3), {values.data(), 3, 2}));
  found = dot.search(query, 3, 3);
  REQUIRE(found.size() == 3);
  CHECK(found[0].distance == -std::numeric_limits<float>::max());
  CHECK(found[1].distance == -std::numeric_limits<float>::max());
  CHECK(found[2] == neighbor{2, 0});  // in float32: infinity - infinity
}

TEST_CASE("flat: wrong inserts are refused and change nothing") {
  flat_index index(3, distance_kind::l2);
  const auto data = normal_points(4, 3, 1);
  REQUIRE(index.insert(row_range(0, 4), data.view()));
  const auto code = [&](std::vector<row_id> rows, matrix_view vectors) {
    const auto inserted = index.insert(rows, vectors);
    return inserted ? errc{} : inserted.error().code;
  };
  CHECK(code({4, 5, 2, 6}, data.view()) == errc::already_exists);
  CHECK(code({4, 5, 6, 4}, data.view()) == errc::already_exists);
  CHECK(code({4, 5}, data.view()) == errc::invalid_argument);
  CHECK(code({4, 5, 6}, {data.values.data(), 3, 4}) == errc::dimension_mismatch);
  CHECK(index.size() == 4);
  CHECK_FALSE(index.contains(4));
}

TEST_CASE("flat: erase ignores unknown rows and counts the others once") {
  flat_index index(2, distance_kind::l2);
  const auto data = normal_points(5, 2, 1);
  REQUIRE(index.insert(row_range(0, 5), data.view()));
  CHECK(index.erase(std::vector<row_id>{1, 3, 3, 99}) == 2);
  CHECK(index.erase(std::vector<row_id>{1, 3}) == 0);
  CHECK(index.size() == 3);
  CHECK_FALSE(index.contains(3));
  CHECK(index.contains(4));
  for (const auto& each : index.search(data.row(3), 5, 5))
    CHECK((each.row != 1 && each.row != 3));
}

TEST_CASE("flat: as a fresh tail it takes and gives rows for ever without growing") {
  constexpr std::size_t kept = 1000;
  flat_index index(16, distance_kind::cosine);
  const auto data = normal_points(kept, 16, 3);
  REQUIRE(index.insert(row_range(0, kept), data.view()));
  const std::size_t memory = index.memory_bytes();
  for (row_id round = 0; round < 300; ++round) {
    REQUIRE(index.erase(row_range(round * 100, 100)) == 100);
    const auto fresh = normal_points(100, 16, static_cast<std::uint32_t>(round));
    REQUIRE(index.insert(row_range(kept + round * 100, 100), fresh.view()));
    CHECK(index.size() == kept);
  }
  CHECK(index.memory_bytes() <= memory);
}

}  // namespace
