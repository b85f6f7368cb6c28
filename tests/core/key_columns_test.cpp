#include "core/key_columns.hpp"

#include <catch2/catch.hpp>

#include "core/limits.hpp"

using namespace hearth;

namespace {

using ends = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("columns give back what was appended, in order and in place") {
  key_columns columns;
  CHECK(columns.empty());
  CHECK(columns.begin() == columns.end());
  columns.append("b", "", 7);
  columns.append("", std::string_view("\0x", 2), 8);
  columns.append("long key", "v", 9);
  REQUIRE(columns.size() == 3);
  CHECK(columns.key(2) == "long key");
  CHECK(columns.value(1) == std::string_view("\0x", 2));
  CHECK(columns.version(0) == 7);
  CHECK(columns.back() == key_entry{"long key", "v", 9});
  std::string keys;
  lsn_t versions = 0;
  for (const auto& [key, value, version] : columns) {
    keys += key;
    versions += version;
    CHECK(key.data() >= columns.keys().bytes().data());
  }
  CHECK(keys == "blong key");
  CHECK(versions == 24);
  CHECK(columns ==
        key_columns{{"b", "", 7}, {"", std::string_view("\0x", 2), 8}, {"long key", "v", 9}});
  CHECK_FALSE(columns == key_columns{{"b", "", 7}});
}

TEST_CASE("a column is refused whose ends do not fit its bytes") {
  const auto column = byte_column::from("abc", {1, 1, 3}, "keys", 2);
  REQUIRE(column);
  CHECK(column->size() == 3);
  CHECK((*column)[0] == "a");
  CHECK((*column)[1].empty());
  CHECK((*column)[2] == "bc");
  CHECK(byte_column::from("", {}, "keys", 2));

  CHECK(byte_column::from("abc", ends{2, 1, 3}, "keys", 9).error().code == errc::invalid_argument);
  CHECK(byte_column::from("abc", ends{1, 2}, "keys", 9).error().message ==
        "keys are 3 bytes; their ends say 2");
  CHECK(byte_column::from("abc", ends{4}, "keys", 9).error().code == errc::invalid_argument);
  CHECK(byte_column::from("abc", {}, "keys", 9).error().code == errc::invalid_argument);
  CHECK(byte_column::from("abc", ends{3}, "keys", 2).error().code == errc::limit_exceeded);
}

TEST_CASE("columns of different lengths are refused") {
  const auto one = byte_column::from("a", {1}, "keys", 9);
  CHECK(key_columns::from(*one, *one, {1}));
  CHECK_FALSE(key_columns::from(*one, *one, {}).has_value());
  CHECK_FALSE(key_columns::from(*one, {}, {1}).has_value());
  CHECK_FALSE(key_columns::from({}, *one, {1}).has_value());
}
