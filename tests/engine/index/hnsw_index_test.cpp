#include "engine/index/hnsw_index.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <set>

#include "engine/index/flat_index.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

void check_sound(const hnsw_index& index) {
  const auto sound = index.check();
  INFO((sound ? "" : sound.error().message));
  REQUIRE(sound);
}

// Every answer names a row that is there, once, with its true distance.
void check_truthful(const vector_index& index, distance_kind kind, const points& data,
                    const points& queries, std::size_t k, std::size_t ef) {
  for (std::size_t q = 0; q < queries.rows(); ++q) {
    const auto found = index.search(queries.row(q), k, ef);
    REQUIRE(found.size() == std::min(k, index.size()));
    CHECK(std::is_sorted(found.begin(), found.end()));
    std::set<row_id> rows;
    for (const auto& each : found) {
      rows.insert(each.row);
      REQUIRE(index.contains(each.row));
      const auto vector = data.row(each.row);
      CHECK(std::abs(static_cast<double>(each.distance) -
                     true_distance(kind, queries.row(q), vector)) <=
            distance_tolerance(kind, queries.row(q), vector));
    }
    CHECK(rows.size() == found.size());
  }
}

TEST_CASE("hnsw: a batch of rows that are all nearest to each other finds places in the tree") {
  // One node after the other has as many children as it may, and none of them is linked yet.
  constexpr std::uint32_t dimension = 8;
  auto data = clustered_points(6000, dimension, 1);
  for (std::size_t i = 5000 * dimension; i < data.values.size(); ++i)
    data.values[i] = 1000;
  hnsw_index index(dimension, distance_kind::l2, {.m = 3, .ef_construction = 3});
  REQUIRE(index.insert(row_range(0, 5000), matrix_view(data.row(0).data(), 5000, dimension)));
  REQUIRE(index.insert(row_range(5000, 1000), matrix_view(data.row(5000).data(), 1000, dimension)));
  REQUIRE(index.check());
  CHECK(index.search(data.row(5500), 1000, 1000).size() == 1000);
}

TEST_CASE("hnsw: recall on clustered data, also after half of it was erased and added again") {
  constexpr std::size_t count = 20'000;
  const auto data = clustered_points(count, 64, 1);
  const auto queries = clustered_points(200, 64, 2);
  flat_index oracle(64, distance_kind::l2);
  hnsw_index index(64, distance_kind::l2, {});
  REQUIRE(oracle.insert(row_range(0, count), data.view()));
  REQUIRE(index.insert(row_range(0, count), data.view()));
  check_sound(index);
  CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
  CHECK(recall(index, oracle, queries, 10, 50) >= 0.98);
  check_truthful(index, distance_kind::l2, data, queries, 10, 64);

  std::vector<row_id> half;
  std::vector<float> vectors;
  for (row_id row = 1; row < count; row += 2) {
    half.push_back(row);
    const auto vector = data.row(row);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  const std::size_t memory = index.memory_bytes();
  REQUIRE(index.erase(half) == half.size());
  REQUIRE(oracle.erase(half) == half.size());
  check_sound(index);
  CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
  check_truthful(index, distance_kind::l2, data, queries, 10, 64);

  REQUIRE(index.insert(half, {vectors.data(), half.size(), 64}));
  REQUIRE(oracle.insert(half, {vectors.data(), half.size(), 64}));
  check_sound(index);
  CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
  CHECK(recall(index, oracle, queries, 10, 50) >= 0.98);
  CHECK(index.memory_bytes() <= memory + memory / 20);
  CHECK(index.scans() == 0);
}

TEST_CASE("hnsw: cosine and odd dimensions reach the oracle") {
  for (const std::uint32_t dimension : {1u, 7u, 33u}) {
    const auto data = clustered_points(4000, dimension, 3);
    const auto queries = clustered_points(100, dimension, 4);
    for (const auto kind : {distance_kind::l2, distance_kind::cosine}) {
      flat_index oracle(dimension, kind);
      hnsw_index index(dimension, kind, {});
      REQUIRE(oracle.insert(row_range(0, data.rows()), data.view()));
      REQUIRE(index.insert(row_range(0, data.rows()), data.view()));
      check_sound(index);
      INFO("dimension " << dimension);
      CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
      check_truthful(index, kind, data, queries, 10, 100);
      CHECK(index.scans() == 0);
    }
  }
}

TEST_CASE("hnsw: the largest inner products are found, whatever the lengths") {
  const auto queries = normal_points(100, 32, 6);
  for (const bool varied : {false, true}) {
    auto data = normal_points(8000, 32, 5);
    if (varied) {
      std::mt19937 generator(7);
      std::lognormal_distribution<float> length(0, 1);
      for (std::size_t row = 0; row < data.rows(); ++row) {
        const float scale = length(generator);
        for (std::size_t j = 0; j < 32; ++j)
          data.values[row * 32 + j] *= scale;
      }
    }
    flat_index oracle(32, distance_kind::dot);
    hnsw_index index(32, distance_kind::dot, {});
    for (std::size_t first = 0; first < data.rows(); first += 500) {
      const matrix_view batch(data.row(first).data(), 500, 32);
      REQUIRE(oracle.insert(row_range(first, 500), batch));
      REQUIRE(index.insert(row_range(first, 500), batch));
    }
    check_sound(index);
    INFO("varied lengths: " << varied);
    CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
    check_truthful(index, distance_kind::dot, data, queries, 10, 100);
    CHECK(index.scans() == 0);
  }
}

TEST_CASE("hnsw: there is no cap on k or ef, and k results come whenever k exist") {
  constexpr std::size_t count = 3000;
  const auto data = clustered_points(count, 16, 8);
  const auto queries = clustered_points(5, 16, 9);
  flat_index oracle(16, distance_kind::l2);
  hnsw_index index(16, distance_kind::l2, {});
  REQUIRE(oracle.insert(row_range(0, count), data.view()));
  REQUIRE(index.insert(row_range(0, count), data.view()));
  for (const std::size_t k : {std::size_t{1}, std::size_t{70}, std::size_t{700}, count - 1, count,
                              count + 1, std::numeric_limits<std::size_t>::max()})
    for (const std::size_t ef :
         {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::numeric_limits<std::size_t>::max()})
      for (std::size_t q = 0; q < queries.rows(); ++q) {
        const auto found = index.search(queries.row(q), k, ef);
        REQUIRE(found.size() == std::min(k, count));
        if (k >= count)
          CHECK(found == oracle.search(queries.row(q), k, ef));
      }
  CHECK(index.search(queries.row(0), 0, 10).empty());
}

TEST_CASE("hnsw: an empty index answers nothing and can be filled and emptied again") {
  hnsw_index index(4, distance_kind::l2, {});
  const auto data = normal_points(500, 4, 10);
  check_sound(index);
  CHECK(index.search(data.row(0), 5, 5).empty());
  CHECK(index.erase(row_range(0, 3)) == 0);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(index.insert(row_range(0, 500), data.view()));
    check_sound(index);
    CHECK(index.search(data.row(7), 1, 20) == std::vector<neighbor>{{7, 0}});
    CHECK(index.erase(row_range(0, 500)) == 500);
    check_sound(index);
    CHECK(index.search(data.row(0), 5, 5).empty());
  }
}

TEST_CASE("hnsw: a thousand copies of one vector form no island") {
  constexpr std::size_t copies = 1000;
  constexpr std::size_t others = 4000;
  auto data = clustered_points(copies + others, 24, 11);
  // Copies first: the entry point is one of them.
  for (std::size_t row = 1; row < copies; ++row)
    std::copy_n(data.values.begin(), 24,
                data.values.begin() + static_cast<std::ptrdiff_t>(row * 24));
  const auto queries = clustered_points(200, 24, 12);
  flat_index oracle(24, distance_kind::l2);
  hnsw_index index(24, distance_kind::l2, {});
  REQUIRE(oracle.insert(row_range(0, copies + others), data.view()));
  REQUIRE(index.insert(row_range(0, copies + others), data.view()));
  check_sound(index);
  CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
  CHECK(index.scans() == 0);
  const auto found = index.search(data.row(0), 100, 200);
  REQUIRE(found.size() == 100);
  CHECK(found.back().distance == 0);
  CHECK(index.erase(row_range(0, copies)) == copies);
  REQUIRE(oracle.erase(row_range(0, copies)) == copies);
  check_sound(index);
  CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
}

TEST_CASE("hnsw: nothing but copies works, too") {
  const points data{std::vector<float>(1000 * 5, 1.5f), 5};
  for (const auto kind : {distance_kind::l2, distance_kind::cosine, distance_kind::dot}) {
    hnsw_index index(5, kind, {});
    REQUIRE(index.insert(row_range(0, 1000), data.view()));
    check_sound(index);
    CHECK(index.search(data.row(0), 20, 50).size() == 20);
    CHECK(index.search(data.row(0), 200, 200).size() == 200);
    CHECK(index.erase(row_range(100, 800)) == 800);
    check_sound(index);
  }
}

TEST_CASE("hnsw: the smallest number of links still keeps every row reachable") {
  const auto data = clustered_points(2000, 8, 13);
  hnsw_index index(8, distance_kind::l2, {.m = 2, .ef_construction = 10});
  REQUIRE(index.insert(row_range(0, 2000), data.view()));
  check_sound(index);
  for (row_id first = 0; first < 1500; first += 250) {
    CHECK(index.erase(row_range(first, 250)) == 250);
    check_sound(index);
  }
}

TEST_CASE("hnsw: the same calls make the same graph") {
  const auto data = clustered_points(2000, 16, 14);
  const auto build = [&](std::uint64_t seed) {
    hnsw_index index(16, distance_kind::cosine, {.seed = seed});
    REQUIRE(index.insert(row_range(0, 2000), data.view()));
    index.erase(row_range(500, 300));
    return index.serialize();
  };
  CHECK(build(1) == build(1));
  CHECK(build(1) != build(2));
}

TEST_CASE("hnsw: values whose distances leave float32 are answered exactly") {
  auto data = normal_points(2000, 8, 15);
  for (float& value : data.values)
    value *= 5e37f;
  for (const auto kind : {distance_kind::l2, distance_kind::dot, distance_kind::cosine}) {
    hnsw_index index(8, kind, {});
    flat_index oracle(8, kind);
    REQUIRE(index.insert(row_range(0, 2000), data.view()));
    REQUIRE(oracle.insert(row_range(0, 2000), data.view()));
    check_sound(index);
    if (kind != distance_kind::cosine)
      for (std::size_t q = 0; q < 20; ++q)
        CHECK(index.search(data.row(q), 10, 50) == oracle.search(data.row(q), 10, 50));
    for (const auto& each : index.search(data.row(0), 10, 50))
      CHECK(std::isfinite(each.distance));
    CHECK(index.erase(row_range(0, 1000)) == 1000);
    check_sound(index);
  }
}

TEST_CASE("hnsw: wrong inserts are refused and change nothing") {
  hnsw_index index(3, distance_kind::l2, {});
  const auto data = normal_points(4, 3, 16);
  REQUIRE(index.insert(row_range(0, 4), data.view()));
  const auto code = [&](std::vector<row_id> rows, matrix_view vectors) {
    const auto inserted = index.insert(rows, vectors);
    return inserted ? errc{} : inserted.error().code;
  };
  CHECK(code({4, 5, 2, 6}, data.view()) == errc::already_exists);
  CHECK(code({4, 5, 6, 4}, data.view()) == errc::already_exists);
  CHECK(code({4}, data.view()) == errc::invalid_argument);
  CHECK(code({4, 5, 6}, {data.values.data(), 3, 4}) == errc::dimension_mismatch);
  CHECK(index.size() == 4);
  check_sound(index);
}

TEST_CASE("hnsw: ten rounds of replacing a third cost neither recall nor memory nor reach") {
  constexpr std::size_t count = 4000;
  constexpr std::size_t replaced = 1200;
  constexpr std::uint32_t dimension = 32;
  const auto stream = clustered_points(count + 10 * replaced, dimension, 17);
  const auto queries = clustered_points(300, dimension, 18);
  const auto part = [&](std::size_t first, std::size_t rows) {
    return matrix_view(stream.row(first).data(), rows, dimension);
  };
  hnsw_index index(dimension, distance_kind::l2, {});
  flat_index oracle(dimension, distance_kind::l2);
  REQUIRE(index.insert(row_range(0, count), part(0, count)));
  REQUIRE(oracle.insert(row_range(0, count), part(0, count)));
  const std::size_t memory = index.memory_bytes();
  std::mt19937 random(19);
  std::vector<row_id> live = row_range(0, count);
  for (std::size_t round = 0; round < 10; ++round) {
    std::shuffle(live.begin(), live.end(), random);
    const std::vector<row_id> old(live.begin(), live.begin() + replaced);
    const auto fresh = row_range(count + round * replaced, replaced);
    std::copy(fresh.begin(), fresh.end(), live.begin());
    REQUIRE(index.erase(old) == replaced);
    REQUIRE(index.insert(fresh, part(fresh.front(), replaced)));
    REQUIRE(oracle.erase(old) == replaced);
    REQUIRE(oracle.insert(fresh, part(fresh.front(), replaced)));
    check_sound(index);
  }
  CHECK(index.memory_bytes() <= memory + memory / 20);

  std::sort(live.begin(), live.end());
  hnsw_index rebuilt(dimension, distance_kind::l2, {});
  for (const row_id row : live)
    REQUIRE(rebuilt.insert({&row, 1}, part(row, 1)));
  for (const std::size_t ef : {20u, 50u, 200u}) {
    INFO("ef " << ef);
    CHECK(recall(index, oracle, queries, 10, ef) >=
          recall(rebuilt, oracle, queries, 10, ef) - 0.01);
  }
  CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
}

}  // namespace
