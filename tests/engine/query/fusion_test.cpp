#include "engine/query/fusion.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using namespace hearth;
using namespace hearth::engine::query;

namespace {

const std::vector<scored_row> by_vector = {{1, -0.1}, {2, -0.2}, {3, -0.5}};
const std::vector<scored_row> by_text = {{3, 8.0}, {4, 6.0}, {1, 4.0}};

fusion_options options_of(fusion_kind kind) {
  fusion_options options;
  options.kind = kind;
  return options;
}

std::vector<std::uint64_t> rows_of(const std::vector<fused_row>& fused) {
  std::vector<std::uint64_t> rows;
  for (const auto& each : fused)
    rows.push_back(each.row);
  return rows;
}

}  // namespace

TEST_CASE("reciprocal rank fusion adds one over sixty plus the rank of each list") {
  const auto fused = fuse(by_vector, by_text, options_of(fusion_kind::reciprocal_rank));
  REQUIRE(rows_of(fused) == std::vector<std::uint64_t>{1, 3, 2, 4});
  CHECK(fused[0].score == Approx(1.0 / 61 + 1.0 / 63));
  CHECK(fused[1].score == Approx(1.0 / 63 + 1.0 / 61));
  CHECK(fused[2].score == Approx(1.0 / 62));
}

TEST_CASE("weighted fusion brings both scores to 0 to 1") {
  auto options = options_of(fusion_kind::weighted);
  options.text_weight = 2;
  const auto fused = fuse(by_vector, by_text, options);
  REQUIRE(rows_of(fused) == std::vector<std::uint64_t>{3, 1, 4, 2});
  CHECK(fused[0].score == Approx(0 + 2.0));
  CHECK(fused[1].score == Approx(1 + 0));
  CHECK(fused[2].score == Approx(2 * 0.5));
  CHECK(fused[3].score == Approx(0.75));
}

TEST_CASE("borda fusion counts the places behind a row") {
  const auto fused = fuse(by_vector, by_text, options_of(fusion_kind::borda));
  REQUIRE(rows_of(fused) == std::vector<std::uint64_t>{1, 3, 2, 4});
  CHECK(fused[0].score == 3 + 1);
  CHECK(fused[3].score == 2);
}

TEST_CASE("a fused row says its parts, and which it lacks") {
  const auto fused = fuse(by_vector, by_text, options_of(fusion_kind::reciprocal_rank));
  CHECK(fused[0].vector_part == -0.1);
  CHECK(fused[0].text_part == 4.0);
  CHECK(std::isnan(fused[2].text_part));
  CHECK(std::isnan(fused[3].vector_part));
}

TEST_CASE("fusion of one side alone keeps its order") {
  for (const auto kind :
       {fusion_kind::reciprocal_rank, fusion_kind::weighted, fusion_kind::borda}) {
    CHECK(rows_of(fuse(by_vector, {}, options_of(kind))) == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(rows_of(fuse({}, by_text, options_of(kind))) == std::vector<std::uint64_t>{3, 4, 1});
    CHECK(fuse({}, {}, options_of(kind)).empty());
  }
}

TEST_CASE("rows that are all alike get the full weight of their side") {
  const std::vector<scored_row> alike = {{7, 2.0}, {9, 2.0}};
  const auto fused = fuse(alike, {}, options_of(fusion_kind::weighted));
  CHECK(fused[0].score == 1);
  CHECK(fused[1].score == 1);
}
