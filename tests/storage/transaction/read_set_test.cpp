#include "storage/transaction/read_set.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace hearth;
using namespace hearth::storage;

TEST_CASE("a read set knows the records and keys that were read, and no others") {
  read_set reads;
  REQUIRE(reads.empty());
  reads.add_record("a");
  reads.add_record(7);
  reads.add_key("k");
  CHECK(reads.has_record("a"));
  CHECK(reads.has_record(7));
  CHECK_FALSE(reads.has_record("7"));
  CHECK(reads.has_key("k"));
  CHECK_FALSE(reads.has_key("a"));
  CHECK_FALSE(reads.has_key("k0"));
  CHECK_FALSE(reads.has_key(std::string("k\0", 2)));
  reads.add_all_records();
  CHECK(reads.has_record("any"));
  CHECK_FALSE(reads.has_key("any"));
}

TEST_CASE("ranges of keys that overlap or touch become one, as a set of keys would have it") {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    read_set reads;
    std::set<std::string> model;
    std::vector<std::string> keys;
    for (char first = 'a'; first <= 'h'; ++first)
      for (char second = 'a'; second <= 'c'; ++second)
        keys.push_back({first, second});
    for (int step = 0; step < 12; ++step) {
      const auto from = keys[random() % keys.size()];
      const auto to = keys[random() % keys.size()];
      if (random() % 3 == 0) {
        reads.add_key(from);
        model.insert(from);
      } else if (random() % 8 == 0) {
        reads.add_keys(from, std::nullopt);
        for (const auto& key : keys)
          if (key >= from)
            model.insert(key);
      } else {
        reads.add_keys(from, to);
        for (const auto& key : keys)
          if (key >= from && key < to)
            model.insert(key);
      }
      for (const auto& key : keys)
        REQUIRE(reads.has_key(key) == model.contains(key));
    }
  }
}

TEST_CASE("more names than a read set keeps become the whole, and none is missed") {
  read_set reads;
  for (std::uint64_t id = 0; id <= read_set::most_names; ++id)
    reads.add_record(id);
  CHECK(reads.has_record("never read"));
  for (std::size_t key = 0; key <= read_set::most_names; ++key)
    reads.add_key("k" + std::to_string(key));
  CHECK(reads.has_key("never read"));
}
