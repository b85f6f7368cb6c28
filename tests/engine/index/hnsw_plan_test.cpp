// Which searches of a graph compare all rows, and that they are then exact.
#include <catch2/catch.hpp>

#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr std::size_t rows = 6000;
constexpr std::uint32_t dimension = 72;

struct graph_and_truth {
  points data;
  points queries = clustered_points(40, dimension, 2);
  hnsw_index graph;
  flat_index truth;

  explicit graph_and_truth(distance_kind distance, index_params params = {})
      : data(clustered_points(rows, dimension, 1)), graph(dimension, distance, params),
        truth(dimension, distance) {
    REQUIRE(graph.insert(row_range(0, rows), data.view()));
    REQUIRE(truth.insert(row_range(0, rows), data.view()));
  }
};

TEST_CASE("hnsw: an exact effort answers as a flat index, alone and in batches") {
  for (const auto distance : {distance_kind::l2, distance_kind::cosine, distance_kind::dot})
    for (const auto quantization :
         {quantization_kind::automatic, quantization_kind::none, quantization_kind::binary}) {
      CAPTURE(to_string(distance), to_string(quantization));
      const graph_and_truth both(distance, {.m = 6, .quantization = quantization});
      const search_effort exact(1, 0, true);
      REQUIRE(both.graph.plan(1, 10, exact).exact);
      const auto expected = both.truth.search_batch(both.queries.view(), 10, 0);
      CHECK(both.graph.search_batch(both.queries.view(), 10, exact) == expected);
      for (std::size_t query = 0; query < both.queries.rows(); ++query)
        CHECK(both.graph.search(both.queries.row(query), 10, exact) == expected[query]);
      CHECK(both.graph.scans() == 2 * both.queries.rows());
    }
}

TEST_CASE("hnsw: both ways are measured, and the cheaper one is taken") {
  const graph_and_truth both(distance_kind::l2);
  const auto narrow = both.graph.plan(1, 1, 1);
  REQUIRE(narrow.walk_seconds > 0);
  REQUIRE(narrow.exact_seconds > 0);
  for (const std::size_t ef : {1U, 100U, 1'000U, 5'999U, 6'000U}) {
    const auto plan = both.graph.plan(1, 1, ef);
    CHECK(plan.walk_seconds >= narrow.walk_seconds);
    CHECK(plan.exact == (ef == rows || plan.exact_seconds < plan.walk_seconds));
  }
  // What reads the codes once serves a whole batch.
  CHECK(both.graph.plan(1'000, 1, 1).exact_seconds <= narrow.exact_seconds);
}

TEST_CASE("hnsw: batches that compare all rows see erased and new ones as other searches do") {
  graph_and_truth both(distance_kind::cosine);
  const search_effort exact(1, 0, true);
  std::vector<row_id> some;
  for (row_id row = 0; row < rows; row += 3)
    some.push_back(row);
  REQUIRE(both.graph.erase(some) == both.truth.erase(some));
  const auto more = clustered_points(500, dimension, 5);
  REQUIRE(both.graph.insert(row_range(rows, 500), more.view()));
  REQUIRE(both.truth.insert(row_range(rows, 500), more.view()));
  CHECK(both.graph.search_batch(both.queries.view(), 20, exact) ==
        both.truth.search_batch(both.queries.view(), 20, 0));
}

TEST_CASE("hnsw: without codes or measurements few rows and a large ef are scanned") {
  hnsw_index graph(8, distance_kind::l2, {});
  const auto data = clustered_points(1000, 8, 3);
  REQUIRE(graph.insert(row_range(0, 1000), data.view()));
  CHECK_FALSE(graph.plan(1, 10, 100).exact);
  CHECK(graph.plan(1, 10, 300).exact);
  CHECK(graph.plan(1, 300, 1).exact);
  CHECK(graph.plan(1, 10, 100).walk_seconds == 0);
}

}  // namespace
