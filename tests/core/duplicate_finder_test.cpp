#include "core/duplicate_finder.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using namespace hearth;
using rows = std::pair<std::size_t, std::size_t>;

TEST_CASE("batches without repetition have no duplicate") {
  CHECK(find_duplicate({}) == std::nullopt);
  CHECK(find_duplicate(std::vector<record_id>{"a"}) == std::nullopt);
  CHECK(find_duplicate(std::vector<record_id>{"b", "a", std::uint64_t{7}, "7"}) == std::nullopt);
}

TEST_CASE("the first repetition is found, wherever it is") {
  CHECK(find_duplicate(std::vector<record_id>{"a", "a"}) == rows{0, 1});
  CHECK(find_duplicate(std::vector<record_id>{"a", "b", "c", "b", "a"}) == rows{1, 3});
  CHECK(find_duplicate(std::vector<record_id>{std::uint64_t{9}, "9", std::uint64_t{9}}) ==
        rows{0, 2});
}

TEST_CASE("one repetition among many ids is found") {
  std::mt19937_64 random(1);
  for (const bool numbers : {true, false}) {
    std::vector<record_id> ids;
    for (std::uint64_t i = 0; i < 20'000; ++i)
      ids.push_back(numbers ? record_id(i) : record_id("id-" + std::to_string(i)));
    CHECK(find_duplicate(ids) == std::nullopt);  // numbers rise
    std::ranges::shuffle(ids, random);
    CHECK(find_duplicate(ids) == std::nullopt);
    for (int round = 0; round < 20; ++round) {
      auto repeated = ids;
      const auto from = random() % ids.size();
      const auto to = random() % ids.size();
      repeated[to] = ids[from];
      const auto found = find_duplicate(repeated);
      if (from == to)
        CHECK(found == std::nullopt);
      else
        CHECK(found == rows{std::min(from, to), std::max(from, to)});
    }
  }
}
