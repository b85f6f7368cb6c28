#include "engine/advice/index_advice.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "engine/index/vector_index.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine;
using namespace hearth::engine::advice;

std::uint64_t measured_memory(const index_params& params, std::uint64_t rows,
                              std::uint32_t dimension) {
  std::mt19937 random(3);
  std::normal_distribution<float> value;
  auto made = index::make_index(dimension, distance_kind::l2, params);
  std::vector<float> values(256 * std::size_t{dimension});
  std::vector<index::row_id> numbers;
  for (std::uint64_t row = 1; row <= rows;) {
    numbers.clear();
    while (numbers.size() < 256 && row <= rows)
      numbers.push_back(row++);
    for (auto& each : values)
      each = value(random);
    REQUIRE(made->insert(numbers, matrix_view(values.data(), numbers.size(), dimension)));
  }
  return made->memory_bytes();
}

TEST_CASE("predicted memory is what the structures take") {
  for (const auto kind : {index_kind::flat, index_kind::hnsw}) {
    for (const std::uint32_t dimension : {3U, 24U, 100U}) {
      for (const std::uint64_t rows : {1'000U, 5'000U}) {
        CAPTURE(to_string(kind), dimension, rows);
        const index_params params{.kind = kind, .m = 8, .ef_construction = 16};
        const auto predicted = static_cast<double>(predicted_memory(params, rows, dimension));
        const auto measured = static_cast<double>(measured_memory(params, rows, dimension));
        // The length of codes from principal components is a guess; the data decides.
        const double guess = kind == index_kind::hnsw && dimension >= 64 && rows > 4'096
                                 ? static_cast<double>(rows) * 64
                                 : 0;
        // The table of row numbers is up to three quarters full, and at least three eighths.
        const double table = static_cast<double>(rows) * 8;
        CHECK(predicted >= measured - guess - 0.02 * measured);
        CHECK(predicted <= measured + guess + table + 0.02 * measured);
      }
    }
  }
}

TEST_CASE("few vectors are compared one by one, many have a graph") {
  const auto few = suggest_index({.rows = 2'000, .dimension = 384});
  REQUIRE(few);
  CHECK(few->params.kind == index_kind::flat);
  CHECK(few->recall == 1);
  const auto many = suggest_index({.rows = 1'000'000, .dimension = 384});
  REQUIRE(many);
  CHECK(many->params.kind == index_kind::hnsw);
  CHECK(many->params.memory == memory_kind::fast);
  CHECK(many->recall >= 0.95);
  CHECK(many->fits);
  CHECK(many->searches_per_second > 10);
  CHECK(few->searches_per_second > many->searches_per_second);
  const auto exact = suggest_index({.rows = 1'000'000, .dimension = 384, .recall = 1});
  REQUIRE(exact);
  CHECK(exact->params.kind == index_kind::flat);
}

TEST_CASE("more recall and more rows cost effort and speed") {
  std::uint32_t ef = 0;
  double speed = 1e9;
  for (const double recall : {0.5, 0.8, 0.9, 0.95, 0.99}) {
    const auto advice = suggest_index({.rows = 500'000, .dimension = 128, .recall = recall});
    REQUIRE(advice);
    CHECK(advice->params.ef_search > ef);
    CHECK(advice->searches_per_second < speed);
    ef = advice->params.ef_search;
    speed = advice->searches_per_second;
  }
  const auto larger = suggest_index({.rows = 5'000'000, .dimension = 128, .recall = 0.99});
  REQUIRE(larger);
  CHECK(larger->params.ef_search > ef);
  CHECK(larger->searches_per_second < speed);
  CHECK(larger->build_seconds > 0);
}

TEST_CASE("what stays in memory shrinks until it fits, and says when nothing does") {
  index_needs needs{.rows = 1'000'000, .dimension = 768, .memory_bytes = 0, .recall = 0.9};
  const auto fast = suggest_index(needs);
  REQUIRE(fast);
  needs.memory_bytes = fast->memory_bytes - 1;
  const auto balanced = suggest_index(needs);
  REQUIRE(balanced);
  CHECK(balanced->params.memory == memory_kind::balanced);
  CHECK(balanced->memory_bytes <= needs.memory_bytes);
  needs.memory_bytes = balanced->memory_bytes - 1;
  const auto lean = suggest_index(needs);
  REQUIRE(lean);
  CHECK(lean->params.memory == memory_kind::lean);
  CHECK(lean->memory_bytes <= needs.memory_bytes);
  CHECK(lean->fits);
  needs.memory_bytes = lean->memory_bytes - 1;
  const auto none = suggest_index(needs);
  REQUIRE(none);
  CHECK_FALSE(none->fits);
  CHECK(none->reasons.back().starts_with("nothing takes less"));
}

TEST_CASE("every suggestion makes a namespace, and every need has its range") {
  for (const std::uint32_t dimension : {1U, 64U, 1'536U, 65'536U}) {
    for (const std::uint64_t rows : {std::uint64_t{1}, std::uint64_t{1} << 32}) {
      for (const double recall : {1e-9, 0.999, 1.0}) {
        const auto advice = suggest_index({.rows = rows, .dimension = dimension, .recall = recall});
        REQUIRE(advice);
        CHECK_FALSE(advice->reasons.empty());
        CHECK(make_config({.dimension = dimension,
                           .kind = advice->params.kind,
                           .m = advice->params.m,
                           .ef_construction = advice->params.ef_construction,
                           .ef_search = advice->params.ef_search})
                  .has_value());
      }
    }
  }
  const auto refused = [](const index_needs& needs) {
    const auto advice = suggest_index(needs);
    REQUIRE_FALSE(advice);
    return advice.error().message;
  };
  CHECK(refused({.rows = 0, .dimension = 3}).starts_with("n is 0"));
  CHECK(refused({.rows = 1, .dimension = 0}).starts_with("dimension is 0"));
  CHECK(refused({.rows = 1, .dimension = 3, .recall = 0}).starts_with("recall is 0"));
  CHECK(refused({.rows = 1, .dimension = 3, .recall = 2}).starts_with("recall is 2"));
}

}  // namespace
