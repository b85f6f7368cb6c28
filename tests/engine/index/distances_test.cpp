// Indexes by the distances that are not computed from inner products or that need bits.
#include <catch2/catch.hpp>

#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/index_snapshot.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

/// Answers are rows at their true distances, nearest first.
void check_truthful(const vector_index& index, distance_kind kind, const points& data,
                    std::span<const float> query, std::size_t k, std::size_t ef) {
  const auto found = index.search(query, k, ef);
  REQUIRE(found.size() == std::min(k, index.size()));
  CHECK(std::is_sorted(found.begin(), found.end()));
  for (const auto& each : found) {
    const auto vector = data.row(each.row);
    CHECK(std::abs(static_cast<double>(each.distance) - true_distance(kind, query, vector)) <=
          distance_tolerance(kind, query, vector));
  }
}

fetch_vectors reader_of(const points& data, std::size_t& reads) {
  return [&data, &reads](std::span<const row_id> rows, float* out) -> result<std::vector<bool>> {
    reads += rows.size();
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::ranges::copy(data.row(rows[i]), out + i * data.dimension);
    return std::vector<bool>(rows.size(), true);
  };
}

TEST_CASE("distances: a graph by manhattan finds what a scan finds, at true distances") {
  constexpr std::size_t count = 4000;  // too few for a walk to be measured against a scan
  for (const std::uint32_t dimension : {7U, 64U}) {
    const auto data = clustered_points(count, dimension, 1);
    const auto queries = clustered_points(100, dimension, 2);
    flat_index oracle(dimension, distance_kind::manhattan);
    hnsw_index index(dimension, distance_kind::manhattan, {});
    REQUIRE(oracle.insert(row_range(0, count), data.view()));
    REQUIRE(index.insert(row_range(0, count), data.view()));
    REQUIRE(index.check());
    CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
    CHECK(recall(index, oracle, queries, 10, 50) >= 0.95);
    for (std::size_t q = 0; q < 20; ++q)
      check_truthful(index, distance_kind::manhattan, data, queries.row(q), 10, 50);
    REQUIRE(index.erase(row_range(0, count / 2)) == count / 2);
    REQUIRE(oracle.erase(row_range(0, count / 2)) == count / 2);
    CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
    CHECK(index.scans() == 0);
  }
}

TEST_CASE("distances: by manhattan, a graph is not the graph by l2") {
  // Nearest by the one is the farther one by the other.
  points data{std::vector<float>(2 * 64, 0.0F), 64};
  data.values[0] = 10;                              // l2 10, manhattan 10
  std::fill_n(data.values.begin() + 64, 64, 1.0F);  // l2 8, manhattan 64
  const std::vector<float> origin(64, 0.0F);
  for (const auto kind : {index_kind::flat, index_kind::hnsw, index_kind::kd_tree}) {
    const auto index = make_index(64, distance_kind::manhattan, {.kind = kind});
    REQUIRE(index->insert(row_range(0, 2), data.view()));
    CHECK(index->search(origin, 2, 10) == std::vector<neighbor>{{0, 10}, {1, 64}});
  }
}

TEST_CASE("distances: sums that float32 cannot hold are ranked in float64 by manhattan, too") {
  auto data = clustered_points(3000, 6, 3);
  for (float& value : data.values)
    value *= 1e37F;
  const auto kind = GENERATE(index_kind::flat, index_kind::hnsw, index_kind::kd_tree);
  const auto index = make_index(6, distance_kind::manhattan, {.kind = kind});
  REQUIRE(index->insert(row_range(0, 3000), data.view()));
  // Each sum is beyond float32, so it is not the sums of float32 that put them in order.
  const std::vector<float> far(6, -3e38F);
  const auto expected = naive_search(distance_kind::manhattan, data, 0, far, 1);
  const auto found = index->search(far, 1, 10);
  REQUIRE(found.size() == 1);
  CHECK(found[0] == neighbor{expected[0].row, std::numeric_limits<float>::max()});
}

TEST_CASE("distances: manhattan is scanned without codes, hamming with them, both exactly") {
  constexpr std::uint32_t dimension = 100;
  for (const auto kind : {distance_kind::manhattan, distance_kind::hamming}) {
    const auto data = points_for(kind, 6000, dimension, 1);
    const auto queries = points_for(kind, 40, dimension, 2);
    flat_index plain(dimension, kind);
    flat_index coded(dimension, kind, flat_codes::learned);
    REQUIRE(plain.insert(row_range(0, 6000), data.view()));
    REQUIRE(coded.insert(row_range(0, 6000), data.view()));
    CHECK((coded.memory_bytes() > plain.memory_bytes()) == (kind == distance_kind::hamming));
    for (const std::size_t k : {1U, 10U, 500U}) {
      const auto together = coded.search_batch(queries.view(), k, k);
      for (std::size_t q = 0; q < queries.rows(); ++q) {
        CHECK(together[q] == plain.search(queries.row(q), k, k));
        CHECK(coded.search(queries.row(q), k, k) == together[q]);
      }
    }
  }
}

TEST_CASE("distances: a graph of bits finds what a scan finds, at exact distances") {
  const auto codes =
      GENERATE(quantization_kind::automatic, quantization_kind::binary, quantization_kind::none);
  // So that walks are not measured against scans: too few rows, or vectors out of memory.
  const std::size_t count = codes == quantization_kind::none ? 4000 : 8000;
  for (const std::uint32_t dimension : {40U, 64U, 257U}) {
    INFO(to_string(codes) << ", dimension " << dimension);
    const auto data = bit_points(count, dimension, 1);
    const auto queries = bit_points(100, dimension, 2);
    std::size_t reads = 0;
    flat_index oracle(dimension, distance_kind::hamming);
    hnsw_index index(dimension, distance_kind::hamming,
                     {.quantization = codes, .memory = memory_kind::lean}, reader_of(data, reads));
    REQUIRE(oracle.insert(row_range(0, count), data.view()));
    REQUIRE(index.insert(row_range(0, count), data.view()));
    REQUIRE(index.check());
    CHECK(recall(index, oracle, queries, 10, 200) >= 0.99);
    CHECK(recall(index, oracle, queries, 10, 30) >= 0.97);
    for (std::size_t q = 0; q < 20; ++q)
      check_truthful(index, distance_kind::hamming, data, queries.row(q), 10, 50);
    CHECK(index.scans() == 0);
    for (std::size_t q = 0; q < 20; ++q)
      CHECK(index.search(queries.row(q), 10, {1, 0, true}) == oracle.search(queries.row(q), 10, 1));
    CHECK(index.scans() == 20);
    CHECK(reads == 0);
  }
}

TEST_CASE("distances: bits are all that a lean graph by hamming needs") {
  const auto memory = GENERATE(memory_kind::balanced, memory_kind::lean);
  constexpr std::uint32_t dimension = 200;
  const auto data = bit_points(7000, dimension, 1);
  const auto queries = bit_points(50, dimension, 2);
  std::size_t reads = 0;
  snapshot_header header;
  header.dimension = dimension;
  header.distance = distance_kind::hamming;
  header.params.memory = memory;
  const auto reader = reader_of(data, reads);
  flat_index oracle(dimension, distance_kind::hamming);
  hnsw_index fast(dimension, distance_kind::hamming, {});
  hnsw_index index(dimension, distance_kind::hamming, header.params, reader);
  REQUIRE(oracle.insert(row_range(0, 7000), data.view()));
  REQUIRE(fast.insert(row_range(0, 7000), data.view()));
  REQUIRE(index.insert(row_range(0, 6500), {data.values.data(), 6500, dimension}));
  REQUIRE(index.insert(row_range(6500, 500), {data.row(6500).data(), 500, dimension}));
  // Codes and links: a row has 64 bytes of the one instead of 800 of the vector.
  CHECK(index.memory_bytes() + 7000 * 750 < fast.memory_bytes());
  CHECK(recall(index, oracle, queries, 10, 100) >= 0.98);
  CHECK(reads == 0);
  const auto loaded = decode_snapshot(encode_snapshot(header, index), header, reader, reader);
  REQUIRE(loaded);
  CHECK(reads == 0);
  for (std::size_t q = 0; q < queries.rows(); ++q)
    CHECK(loaded->index->search(queries.row(q), 10, 100) == index.search(queries.row(q), 10, 100));
  CHECK(loaded->index->memory_bytes() <= index.memory_bytes());
  CHECK(reads == 0);
}

TEST_CASE("distances: snapshots bring back what manhattan and hamming have found") {
  constexpr std::uint32_t dimension = 24;
  for (const auto distance : {distance_kind::manhattan, distance_kind::hamming})
    for (const auto kind :
         {index_kind::flat, index_kind::hnsw, index_kind::kd_tree, index_kind::ivf_flat}) {
      if (distance == distance_kind::manhattan && kind == index_kind::ivf_flat)
        continue;
      const auto data = points_for(distance, 5000, dimension, 1);
      std::size_t reads = 0;
      const auto reader = reader_of(data, reads);
      snapshot_header header;
      header.dimension = dimension;
      header.distance = distance;
      header.params.kind = kind;
      const auto saved = make_index(dimension, distance, header.params);
      REQUIRE(saved->insert(row_range(0, 5000), data.view()));
      const auto file = encode_snapshot(header, *saved);
      const auto loaded = decode_snapshot(file, header, reader);
      REQUIRE(loaded);
      for (std::size_t q = 0; q < 30; ++q)
        CHECK(loaded->index->search(data.row(q), 10, 60) == saved->search(data.row(q), 10, 60));
      header.distance = distance_kind::l2;
      CHECK_FALSE(decode_snapshot(file, header, reader));
    }
}

}  // namespace
