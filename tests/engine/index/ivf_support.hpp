#pragma once
// What the tests of both kinds of inverted files share.
#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <set>

#include "engine/index/flat_index.hpp"
#include "engine/index/ivf/ivf_index.hpp"
#include "index_support.hpp"

namespace hearth::test {

/// What searches must answer whatever their effort: k rows, true distances, in order.
inline void check_answer(const vector_index& index, distance_kind kind, const points& data,
                         std::span<const float> query, std::size_t k, std::size_t ef) {
  const auto found = index.search(query, k, ef);
  REQUIRE(found.size() == std::min(k, index.size()));
  CHECK(std::is_sorted(found.begin(), found.end()));
  std::set<row_id> rows;
  for (const auto& each : found) {
    rows.insert(each.row);
    const auto vector = data.row(each.row);
    CHECK(std::abs(static_cast<double>(each.distance) - true_distance(kind, query, vector)) <=
          distance_tolerance(kind, query, vector));
  }
  CHECK(rows.size() == found.size());
}

/// Replaces 30 % of the rows ten times, and checks that neither recall nor memory suffers.
template <class Index>
void check_replacing(const index_params& params, double least_recall) {
  constexpr std::size_t count = 4000;
  constexpr std::size_t replaced = 1200;
  constexpr std::uint32_t dimension = 24;
  const auto stream = clustered_points(count + 10 * replaced, dimension, 17);
  const auto queries = clustered_points(100, dimension, 18);
  const auto part = [&](std::size_t first, std::size_t rows) {
    return matrix_view(stream.row(first).data(), rows, dimension);
  };
  Index index(dimension, distance_kind::l2, params);
  engine::index::flat_index oracle(dimension, distance_kind::l2);
  REQUIRE(index.insert(row_range(0, count), part(0, count)));
  REQUIRE(oracle.insert(row_range(0, count), part(0, count)));
  std::mt19937 random(19);
  auto live = row_range(0, count);
  std::size_t memory = 0;
  for (std::size_t round = 0; round < 10; ++round) {
    std::shuffle(live.begin(), live.end(), random);
    const std::vector<row_id> old(live.begin(), live.begin() + replaced);
    const auto fresh = row_range(count + round * replaced, replaced);
    std::copy(fresh.begin(), fresh.end(), live.begin());
    REQUIRE(index.erase(old) == replaced);
    REQUIRE(index.insert(fresh, part(fresh.front(), replaced)));
    REQUIRE(oracle.erase(old) == replaced);
    REQUIRE(oracle.insert(fresh, part(fresh.front(), replaced)));
    if (round == 4)  // lists were learned for as many rows by now
      memory = index.memory_bytes();
    const std::set<row_id> there(live.begin(), live.end());
    for (std::size_t q = 0; q < 10; ++q)
      for (const auto& each : index.search(queries.row(q), 20, 60))
        REQUIRE(there.contains(each.row));
  }
  CHECK(index.size() == count);
  CHECK(index.memory_bytes() <= memory + memory / 10);

  std::sort(live.begin(), live.end());
  Index rebuilt(dimension, distance_kind::l2, params);
  for (const row_id row : live)
    REQUIRE(rebuilt.insert({&row, 1}, part(row, 1)));
  for (const std::size_t ef : {40u, 100u, 200u}) {
    INFO("ef " << ef);
    CHECK(recall(index, oracle, queries, 10, ef) >=
          recall(rebuilt, oracle, queries, 10, ef) - 0.02);
  }
  CHECK(recall(index, oracle, queries, 10, 200) >= least_recall);
}

/// Huge values make every search a scan, until they are gone.
template <class Index>
void check_huge_values() {
  constexpr std::size_t count = 3000;
  constexpr std::uint32_t dimension = 8;
  auto data = clustered_points(count + 1, dimension, 20);
  std::fill_n(data.values.end() - dimension, dimension, 3e38f);
  for (const auto kind : {distance_kind::l2, distance_kind::cosine, distance_kind::dot}) {
    Index index(dimension, kind, {});
    engine::index::flat_index oracle(dimension, kind);
    REQUIRE(index.insert(row_range(0, count), {data.values.data(), count, dimension}));
    REQUIRE(oracle.insert(row_range(0, count), {data.values.data(), count, dimension}));
    const auto huge = std::vector<row_id>{count};
    const matrix_view vector(data.row(count).data(), 1, dimension);
    REQUIRE(index.insert(huge, vector));
    REQUIRE(oracle.insert(huge, vector));
    for (const std::size_t q : {std::size_t{0}, count}) {
      const auto found = index.search(data.row(q), 10, 20);
      const auto truth = oracle.search(data.row(q), 10, 20);
      if (kind == distance_kind::cosine)  // of which only directions matter
        CHECK(found.front() == truth.front());
      else
        CHECK(found == truth);
    }
    CHECK((index.scans() > 0) == (kind != distance_kind::cosine));
    REQUIRE(index.erase(huge) == 1);
    REQUIRE(oracle.erase(huge) == 1);
    const auto scans = index.scans();
    CHECK(index.search(data.row(0), 10, 200).front() == oracle.search(data.row(0), 1, 1).front());
    CHECK(index.scans() == scans);
  }
}

/// Rows of equal vectors, and zeros, are all found.
template <class Index>
void check_duplicates(const index_params& params) {
  constexpr std::uint32_t dimension = 6;
  points data{std::vector<float>(3000 * dimension, 0.0f), dimension};
  for (std::size_t i = 1000; i < 2000; ++i)
    std::fill_n(data.values.begin() + static_cast<std::ptrdiff_t>(i * dimension), dimension, 1.5f);
  const auto others = normal_points(1000, dimension, 21);
  std::copy(others.values.begin(), others.values.end(),
            data.values.begin() + static_cast<std::ptrdiff_t>(2000 * dimension));
  for (const auto kind : {distance_kind::l2, distance_kind::cosine, distance_kind::dot}) {
    Index index(dimension, kind, params);
    REQUIRE(index.insert(row_range(0, 3000), data.view()));
    CHECK(index.trainings() > 0);
    for (const std::size_t q : {0u, 1500u, 2500u})
      for (const std::size_t k : {1u, 10u, 500u})
        check_answer(index, kind, data, data.row(q), k, 20);
    if (kind == distance_kind::l2)
      for (const auto& each : index.search(data.row(1500), 900, 900))
        CHECK(each.distance == 0.0f);
  }
}

}  // namespace hearth::test
