#include "core/query.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

using namespace hearth;

namespace {

namespace_config config() {
  return *make_config({.dimension = 3});
}

search_query query(std::size_t rows, std::uint32_t dimension = 3) {
  search_query result;
  result.vectors = matrix(std::vector<float>(rows * dimension, 1.0F), rows, dimension);
  return result;
}

error refused(const search_query& search) {
  const auto outcome = validate(search, config());
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

}  // namespace

TEST_CASE("searches inside the limits are accepted") {
  CHECK(validate(query(1), config()).has_value());
  auto large = query(limits::query_rows);
  large.k = limits::search_results / limits::query_rows;
  CHECK(validate(large, config()).has_value());
  auto deep = query(1);
  deep.k = limits::search_results;
  deep.ef = std::numeric_limits<std::uint32_t>::max();
  CHECK(validate(deep, config()).has_value());
}

TEST_CASE("searches outside the limits are refused by name") {
  CHECK(refused({}).message == "the search has no query vector");

  auto no_hits = query(1);
  no_hits.k = 0;
  CHECK(refused(no_hits).message == "k is 0; ask for at least 1 hit");

  const auto wrong = refused(query(1, 4));
  CHECK(wrong.code == errc::dimension_mismatch);
  CHECK(wrong.message == "vectors have dimension 4; namespace expects 3");

  const auto many = refused(query(limits::query_rows + 1));
  CHECK(many.code == errc::limit_exceeded);
  CHECK(many.message == "the search has 65537 query vectors; the limit is 65536");

  auto overflowing = query(2);
  overflowing.k = std::numeric_limits<std::uint32_t>::max();
  CHECK(refused(overflowing).code == errc::limit_exceeded);
  CHECK(refused(overflowing).message ==
        "2 query vectors times k 4294967295 are 8589934590 hits; the limit is 16777216");
}

TEST_CASE("a search for NaN is refused with its place") {
  search_query search;
  search.vectors = matrix({1, 2, 3, 4, std::numeric_limits<float>::quiet_NaN(), 6}, 2, 3);
  CHECK(refused(search).message == "vectors[1] holds NaN or infinity at position 1");
}

TEST_CASE("a get checks every id") {
  CHECK(validate(get_query{}).has_value());
  CHECK(validate(get_query{.ids = {"a", std::uint64_t{1}, "a"}}).has_value());
  const auto outcome = validate(get_query{.ids = {"a", ""}});
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().message == "ids[1] is the empty string");
  const auto many =
      validate(get_query{.ids = std::vector<record_id>(limits::batch_rows + 1, std::uint64_t{1})});
  REQUIRE_FALSE(many.has_value());
  CHECK(many.error().code == errc::limit_exceeded);
}

TEST_CASE("a scan checks its page size and its cursor") {
  CHECK(validate(scan_query{}).has_value());
  CHECK(validate(scan_query{.limit = limits::batch_rows}).has_value());
  CHECK_FALSE(validate(scan_query{.limit = 0}).has_value());
  CHECK_FALSE(validate(scan_query{.limit = limits::batch_rows + 1}).has_value());
  CHECK(validate(scan_query{.cursor = std::string(limits::id_bytes + 64, 'x')}).has_value());
  const auto outcome = validate(scan_query{.cursor = std::string(100'000, 'x')});
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == errc::limit_exceeded);
}
