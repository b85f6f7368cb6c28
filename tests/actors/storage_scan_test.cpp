// The scan of storage gives the distances that the flat index gives, also where float32 ends.
#include "actors/storage_scan.hpp"

#include <numeric>

#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;

void compare_with_flat(distance_kind distance, const matrix& vectors, const matrix& queries,
                       std::size_t k) {
  index_params params;
  params.kind = index_kind::flat;
  const auto oracle = engine::index::make_index(vectors.dimension(), distance, params);
  std::vector<row_id> rows;
  for (row_id row = 1; row <= vectors.rows(); ++row)
    rows.push_back(row);
  must(oracle->insert(rows, vectors.view()));

  const std::vector<std::size_t> bounds(queries.rows(), k);
  storage_scan scan(queries.view(), bounds, distance);
  const auto half = rows.size() / 2;
  scan.offer(std::span(rows).first(half), {vectors.view().data(), half, vectors.dimension()}, {});
  scan.offer(std::span(rows).subspan(half),
             {vectors.view().row(half).data(), rows.size() - half, vectors.dimension()}, {});
  for (std::size_t query = 0; query < queries.rows(); ++query) {
    const auto expected = oracle->search(queries.view().row(query), k, k);
    const auto found = scan.take(query);
    REQUIRE(found.size() == expected.size());
    for (std::size_t rank = 0; rank < found.size(); ++rank) {
      REQUIRE(std::isfinite(found[rank].distance));
      REQUIRE(found[rank].distance == Approx(expected[rank].distance).epsilon(1e-4).margin(1e-5));
    }
  }
}

matrix scaled(const matrix& source, float factor) {
  std::vector<float> values(source.view().values().begin(), source.view().values().end());
  for (auto& value : values)
    value *= factor;
  return {std::move(values), source.rows(), source.dimension()};
}

TEST_CASE("a scan agrees with the flat index on ordinary vectors") {
  const auto distance = GENERATE(distance_kind::l2, distance_kind::cosine, distance_kind::dot,
                                 distance_kind::manhattan);
  compare_with_flat(distance, random_vectors(300, 24, 1), random_vectors(5, 24, 2), 10);
}

TEST_CASE("a scan counts the bits that differ, exactly") {
  const auto bits = [](std::uint64_t seed) {
    const auto normal = random_vectors(300, 70, seed);
    std::vector<float> values;
    for (const float value : normal.view().values())
      values.push_back(value > 0 ? 1 : 0);
    return matrix(std::move(values), 300, 70);
  };
  const auto vectors = bits(1);
  const auto queries = bits(2);
  const std::vector<std::size_t> bounds(300, 300);
  storage_scan scan(queries.view(), bounds, distance_kind::hamming);
  std::vector<row_id> rows(300);
  std::iota(rows.begin(), rows.end(), row_id{0});
  scan.offer(rows, vectors.view(), {});
  for (const auto& each : scan.take(5)) {
    const auto one = queries.view().row(5);
    const auto other = vectors.view().row(each.row);
    float differing = 0;
    for (std::size_t i = 0; i < one.size(); ++i)
      differing += one[i] != other[i] ? 1.0F : 0.0F;
    REQUIRE(each.distance == differing);
  }
}

TEST_CASE("a scan agrees with the flat index where float32 ends") {
  const auto distance = GENERATE(distance_kind::l2, distance_kind::cosine, distance_kind::dot,
                                 distance_kind::manhattan);
  const auto factor = GENERATE(1e25F, 1e-30F);
  compare_with_flat(distance, scaled(random_vectors(40, 8, 3), factor),
                    scaled(random_vectors(3, 8, 4), factor), 40);
}

TEST_CASE("a scan agrees with the flat index where squared lengths lose their bits") {
  const auto factor = GENERATE(1e-21F, 3e-23F);
  compare_with_flat(distance_kind::cosine, scaled(random_vectors(40, 8, 3), factor),
                    random_vectors(3, 8, 4), 40);
  compare_with_flat(distance_kind::cosine, random_vectors(40, 8, 3),
                    scaled(random_vectors(3, 8, 4), factor), 40);
}

TEST_CASE("zero vectors have cosine distance 1") {
  const matrix zeros(std::vector<float>(8), 1, 8);
  compare_with_flat(distance_kind::cosine, random_vectors(20, 8, 5), zeros, 20);
  compare_with_flat(distance_kind::cosine, zeros, random_vectors(2, 8, 6), 1);
}

TEST_CASE("rows that are not wanted are left out, and a bound of zero keeps nothing") {
  const auto vectors = random_vectors(4, 8, 7);
  const std::vector<row_id> rows{1, 2, 3, 4};
  const std::vector<std::size_t> bounds{10, 0};
  const auto queries = random_vectors(2, 8, 8);
  storage_scan scan(queries.view(), bounds, distance_kind::l2);
  scan.offer(rows, vectors.view(), [](row_id row) { return row % 2 == 0; });
  auto found = scan.take(0);
  std::ranges::sort(found, {}, &neighbor::row);
  REQUIRE(found.size() == 2);
  REQUIRE(found[0].row == 2);
  REQUIRE(found[1].row == 4);
  REQUIRE(scan.take(1).empty());
}

TEST_CASE("merging names a row once, also if its sources round differently") {
  std::vector<neighbor> found{{3, 0.10F}, {1, 0.50F}};
  const std::vector<neighbor> more{{3, 0.11F}, {2, 0.20F}, {1, 0.49F}};
  merge_nearest(found, more, 10);
  REQUIRE(found == std::vector<neighbor>{{3, 0.10F}, {2, 0.20F}, {1, 0.49F}});
  merge_nearest(found, std::vector<neighbor>{{9, 0.0F}}, 2);
  REQUIRE(found == std::vector<neighbor>{{9, 0.0F}, {3, 0.10F}});
}

}  // namespace
