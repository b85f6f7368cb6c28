#include "core/timestamp.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace hearth;

TEST_CASE("timestamps are written as ISO 8601 in UTC with the decimals they need") {
  CHECK(to_string(timestamp{0}) == "1970-01-01T00:00:00Z");
  CHECK(to_string(timestamp{-1}) == "1969-12-31T23:59:59.999999Z");
  CHECK(to_string(timestamp{1'709'209'800'250'000}) == "2024-02-29T12:30:00.25Z");
  CHECK(to_string(earliest_timestamp) == "0001-01-01T00:00:00Z");
  CHECK(to_string(latest_timestamp) == "9999-12-31T23:59:59.999999Z");
  CHECK(to_string(timestamp{INT64_MIN}) == "-9223372036854775808 us since 1970");
}

TEST_CASE("timestamps are read with any offset from UTC") {
  const timestamp noon{1'709'208'000'000'000};
  for (const auto* text :
       {"2024-02-29T12:00:00Z", "2024-02-29T12:00Z", "2024-02-29t12:00:00z", "2024-02-29 12:00:00Z",
        "2024-02-29T13:00:00+01:00", "2024-02-29T06:30:00-05:30", "2024-02-29T12:00:00.000000Z",
        "2024-03-01T00:00:00+12:00"}) {
    INFO(text);
    const auto read = parse_timestamp(text);
    REQUIRE(read.has_value());
    CHECK(*read == noon);
  }
  CHECK(parse_timestamp("2024-02-29T12:00:00.000001Z")->microseconds == noon.microseconds + 1);
  CHECK(parse_timestamp("2024-02-29T12:00:00.5Z")->microseconds == noon.microseconds + 500'000);
}

TEST_CASE("what is not one moment is refused with an example") {
  for (const auto* text : {"",
                           "2024",
                           "2024-02-29",
                           "2024-02-29T12:00:00",
                           "2023-02-29T12:00:00Z",
                           "2024-13-01T12:00:00Z",
                           "2024-00-01T12:00:00Z",
                           "2024-01-00T12:00:00Z",
                           "2024-02-29T24:00:00Z",
                           "2024-02-29T12:60:00Z",
                           "2024-02-29T12:00:60Z",
                           "2024-02-29T12:00:00.Z",
                           "2024-02-29T12:00:00.1234567Z",
                           "2024-02-29T12:00:00+1:00",
                           "2024-02-29T12:00:00+24:00",
                           "2024-02-29T12:00:00Z ",
                           "-024-02-29T12:00:00Z",
                           "0000-12-31T23:59:59Z",
                           "0001-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01"}) {
    INFO(text);
    const auto read = parse_timestamp(text);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == errc::invalid_argument);
    CHECK(read.error().message.find("is not a timestamp") != std::string::npos);
    CHECK(read.error().hint.find("2024-02-29T12:30:00Z") != std::string::npos);
  }
}

TEST_CASE("any stored timestamp reads back from its text") {
  std::mt19937_64 random(5);
  std::uniform_int_distribution<std::int64_t> any(earliest_timestamp.microseconds,
                                                  latest_timestamp.microseconds);
  for (int i = 0; i < 20'000; ++i) {
    const timestamp moment{any(random)};
    const auto back = parse_timestamp(to_string(moment));
    REQUIRE(back.has_value());
    REQUIRE(*back == moment);
  }
}
