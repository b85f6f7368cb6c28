#include "core/record_id.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <unordered_set>
#include <vector>

#include "core/limits.hpp"

using namespace hearth;

TEST_CASE("a number and a string with its digits are different ids") {
  CHECK(record_id(std::uint64_t{7}) != record_id("7"));
  CHECK(record_id("a") == record_id(std::string("a")));
  CHECK(record_id().is_number());
  const std::unordered_set<record_id> ids{record_id(std::uint64_t{7}), record_id("7"),
                                          record_id("7")};
  CHECK(ids.size() == 2);
}

TEST_CASE("numbers sort before strings, and strings by byte") {
  std::vector<record_id> ids{"b", "\xc3\xa9", std::numeric_limits<std::uint64_t>::max(),
                             "a", "ab",       std::uint64_t{2}};
  std::ranges::sort(ids);
  CHECK(ids == std::vector<record_id>{std::uint64_t{2}, std::numeric_limits<std::uint64_t>::max(),
                                      "a", "ab", "b", "\xc3\xa9"});
}

TEST_CASE("ids print so that they cannot be mistaken or move a terminal") {
  CHECK(to_string(record_id(std::uint64_t{7})) == "7");
  CHECK(to_string(record_id(std::numeric_limits<std::uint64_t>::max())) == "18446744073709551615");
  CHECK(to_string(record_id("7")) == "'7'");
  CHECK(to_string(record_id("it's\n\x1b[2J")) == "'it's\\x0a\\x1b[2J'");
  CHECK(to_string(record_id("\xc3\xa9")) == "'\xc3\xa9'");
}

TEST_CASE("ids at the limits are accepted and beyond refused") {
  CHECK(validate_id(std::uint64_t{0}, "ids[0]").has_value());
  CHECK(validate_id(std::numeric_limits<std::uint64_t>::max(), "ids[0]").has_value());
  CHECK(validate_id(std::string(limits::id_bytes, 'x'), "ids[0]").has_value());

  const auto empty = validate_id("", "ids[3]");
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().code == errc::invalid_argument);
  CHECK(empty.error().message == "ids[3] is the empty string");

  const auto one_over = validate_id(std::string(limits::id_bytes + 1, 'x'), "ids[3]");
  REQUIRE_FALSE(one_over.has_value());
  CHECK(one_over.error().code == errc::limit_exceeded);
  CHECK(one_over.error().message == "ids[3] is 4097 bytes; the limit is 4096 bytes");

  const auto long_id = validate_id(std::string(10'000, 'x'), "ids[3]");
  REQUIRE_FALSE(long_id.has_value());
  CHECK(long_id.error().message == "ids[3] is 9.8 KiB; the limit is 4 KiB");

  const auto bytes = validate_id("\xff", "ids[3]");
  REQUIRE_FALSE(bytes.has_value());
  CHECK(bytes.error().code == errc::invalid_argument);
  CHECK(bytes.error().message == "ids[3] is not valid UTF-8");
}
