#include "engine/index/ivf/ivf_flat_index.hpp"

#include "ivf_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr distance_kind kinds[] = {distance_kind::l2, distance_kind::cosine, distance_kind::dot};
constexpr std::size_t all_lists = 65'536;

TEST_CASE("ivf_flat: before it has learned lists it answers as a flat index") {
  for (const auto kind : kinds)
    for (const std::uint32_t dimension : {1u, 7u, 65u}) {
      const auto data = normal_points(700, dimension, dimension);
      const auto queries = normal_points(10, dimension, dimension + 1);
      ivf_flat_index index(dimension, kind, {});
      flat_index oracle(dimension, kind);
      REQUIRE(index.insert(row_range(0, 700), data.view()));
      REQUIRE(oracle.insert(row_range(0, 700), data.view()));
      CHECK(index.trainings() == 0);
      for (std::size_t q = 0; q < queries.rows(); ++q)
        for (const std::size_t k : {1u, 10u, 700u, 1000u})
          CHECK(index.search(queries.row(q), k, 1) == oracle.search(queries.row(q), k, 1));
    }
}

TEST_CASE("ivf_flat: with all lists looked into it answers as a flat index") {
  for (const auto kind : kinds) {
    const auto data = clustered_points(5000, 17, 2);
    const auto queries = clustered_points(50, 17, 3);
    ivf_flat_index index(17, kind, {});
    flat_index oracle(17, kind);
    REQUIRE(index.insert(row_range(0, 5000), data.view()));
    REQUIRE(oracle.insert(row_range(0, 5000), data.view()));
    REQUIRE(index.trainings() == 1);
    for (std::size_t q = 0; q < queries.rows(); ++q)
      for (const std::size_t k : {1u, 10u, 300u})
        CHECK(index.search(queries.row(q), k, {k, all_lists}) ==
              oracle.search(queries.row(q), k, k));
    CHECK(index.scans() == 0);
  }
}

TEST_CASE("ivf_flat: more effort finds more, few lists find most") {
  for (const auto kind : kinds) {
    INFO(to_string(kind));
    const auto data = clustered_points(10'000, 32, 4);
    const auto queries = clustered_points(200, 32, 5);
    ivf_flat_index index(32, kind, {});
    flat_index oracle(32, kind);
    REQUIRE(index.insert(row_range(0, 10'000), data.view()));
    REQUIRE(oracle.insert(row_range(0, 10'000), data.view()));
    const double little = recall(index, oracle, queries, 10, 10);
    const double much = recall(index, oracle, queries, 10, 200);
    CHECK(little < much);
    CHECK(little > 0.4);
    CHECK(much > 0.95);
    CHECK(index.scans() == 0);
  }
}

TEST_CASE("ivf_flat: nprobe is the number of lists, whatever ef is") {
  const auto data = clustered_points(6000, 16, 6);
  const auto queries = clustered_points(100, 16, 7);
  flat_index oracle(16, distance_kind::l2);
  REQUIRE(oracle.insert(row_range(0, 6000), data.view()));
  std::vector<double> found;
  for (const std::uint32_t nprobe : {1u, 4u, 64u}) {
    ivf_flat_index index(16, distance_kind::l2, {.nlist = 64, .nprobe = nprobe});
    REQUIRE(index.insert(row_range(0, 6000), data.view()));
    found.push_back(recall(index, oracle, queries, 10, 10));
    // A little more, where the lists have less than 50 rows.
    const double wider = recall(index, oracle, queries, 10, 50);
    CHECK((wider >= found.back() && wider <= found.back() + 0.02));
  }
  CHECK(found[0] < found[1]);
  CHECK(found[1] < found[2]);
  CHECK(found[2] == 1);
}

TEST_CASE("ivf_flat: every answer has k rows at their true distances, also where k is large") {
  const auto data = clustered_points(3000, 10, 8);
  for (const auto kind : kinds) {
    ivf_flat_index index(10, kind, {});
    REQUIRE(index.insert(row_range(0, 3000), data.view()));
    for (const std::size_t k : {1u, 100u, 700u, 2999u, 5000u})
      check_answer(index, kind, data, data.row(k % 3000), k, 1);
    CHECK(index.search(data.row(0), 0, 10).empty());
  }
}

TEST_CASE("ivf_flat: lists are learned again as rows come, and the same way each time") {
  constexpr std::size_t step = 700;
  const auto data = clustered_points(13 * step, 8, 9);
  const auto build = [&] {
    auto index = std::make_unique<ivf_flat_index>(8, distance_kind::l2, index_params{});
    for (std::size_t first = 0; first < data.rows(); first += step)
      REQUIRE(index->insert(row_range(first, step), {data.row(first).data(), step, 8}));
    return index;
  };
  const auto index = build();
  CHECK(index->trainings() == 2);
  CHECK(index->serialize() == build()->serialize());
  for (std::size_t row = 0; row < data.rows(); row += 90)
    CHECK(index->search(data.row(row), 1, 10).front().row == row);
}

TEST_CASE("ivf_flat: rows unlike those that were learned from bring the lists back into balance") {
  const auto data = clustered_points(4000, 8, 10);
  auto other = normal_points(4000, 8, 11, 0.05f);
  for (float& value : other.values)
    value += 30;  // all of them near one centroid of the old lists
  ivf_flat_index index(8, distance_kind::l2, {});
  REQUIRE(index.insert(row_range(0, 4000), data.view()));
  const auto before = index.trainings();
  REQUIRE(index.insert(row_range(4000, 4000), other.view()));
  CHECK(index.trainings() > before);
  const auto scans = index.scans();
  for (std::size_t row = 0; row < 4000; row += 100)
    CHECK(index.search(other.row(row), 1, 20).front().row == 4000 + row);
  CHECK(index.scans() == scans);
}

TEST_CASE("ivf_flat: ten rounds of replacing a third cost neither recall nor memory") {
  check_replacing<ivf_flat_index>({}, 0.97);
}

TEST_CASE("ivf_flat: erased rows are gone, an emptied index takes rows again") {
  const auto data = clustered_points(3000, 8, 12);
  ivf_flat_index index(8, distance_kind::cosine, {});
  for (int round = 0; round < 3; ++round) {
    REQUIRE(index.insert(row_range(0, 3000), data.view()));
    CHECK(index.erase(std::vector<row_id>{1, 1, 77, 9999}) == 2);
    CHECK_FALSE(index.contains(77));
    CHECK(index.contains(78));
    CHECK(index.erase(row_range(0, 3000)) == 2998);
    CHECK(index.size() == 0);
    CHECK(index.search(data.row(0), 10, 10).empty());
  }
}

TEST_CASE("ivf_flat: copies and zero vectors are found like others") {
  check_duplicates<ivf_flat_index>({});
}

TEST_CASE("ivf_flat: values that float32 cannot square are scanned exactly") {
  check_huge_values<ivf_flat_index>();
}

TEST_CASE("ivf_flat: wrong inserts are refused and change nothing") {
  const auto data = normal_points(4, 3, 1);
  ivf_flat_index index(3, distance_kind::l2, {});
  REQUIRE(index.insert(row_range(0, 4), data.view()));
  const auto code = [&](std::vector<row_id> rows, matrix_view vectors) {
    const auto inserted = index.insert(rows, vectors);
    return inserted ? errc{} : inserted.error().code;
  };
  CHECK(code({4, 5, 2, 6}, data.view()) == errc::already_exists);
  CHECK(code({4, 5}, data.view()) == errc::invalid_argument);
  CHECK(code({4, 5, 6}, {data.values.data(), 3, 4}) == errc::dimension_mismatch);
  CHECK(index.size() == 4);
}

}  // namespace
