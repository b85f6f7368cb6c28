#include "core/value.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "core/limits.hpp"

using namespace hearth;

namespace {

// `levels` lists inside each other.
value nested_list(std::size_t levels) {
  value inner;
  for (std::size_t i = 0; i < levels; ++i) {
    value_list outer;
    outer.push_back(std::move(inner));
    inner = value(std::move(outer));
  }
  return inner;
}

error refused(const value_map& metadata) {
  const auto outcome = validate_metadata(metadata, "metadata[3]");
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

}  // namespace

TEST_CASE("values compare by type and content") {
  CHECK(value(1) == value(std::int64_t{1}));
  CHECK(value(1) != value(1.0));
  CHECK(value(true) != value(1));
  CHECK(value() == value(nullptr));
  CHECK(value("a") == value(std::string("a")));
  CHECK(value(value_list{1, "a"}) == value(value_list{1, "a"}));
  CHECK(value(value_map{{"a", 1}}) != value(value_map{{"a", 2}}));
  CHECK(value("true") != value(true));
  CHECK(value(timestamp{1}) != value(1));
  CHECK(value(timestamp{1}) == value(timestamp{1}));
  CHECK(value(geo_point{1, 2}) != value(geo_point{2, 1}));
}

TEST_CASE("ordinary metadata is accepted") {
  const value_map metadata{{"year", 2024},
                           {"score", 0.5},
                           {"draft", false},
                           {"nothing", nullptr},
                           {"title", "caf\xc3\xa9"},
                           {"", "an empty key"},
                           {"infinite", std::numeric_limits<double>::infinity()},
                           {"tags", value_list{"a", "b", value_list{}}},
                           {"first", earliest_timestamp},
                           {"last", latest_timestamp},
                           {"place", geo_point{-90, 180}},
                           {"author", value_map{{"name", "x"}}}};
  CHECK(validate_metadata(metadata, "metadata[0]").has_value());
  CHECK(validate_metadata({}, "metadata[0]").has_value());
}

TEST_CASE("the message names the path to the value that is wrong") {
  const auto nan = refused({{"a", value_map{{"b", value_list{1, 2, std::nan("")}}}}});
  CHECK(nan.code == errc::invalid_argument);
  CHECK(nan.message == "metadata[3].a.b[2] is NaN");

  const auto text = refused({{"title", "\xff"}});
  CHECK(text.code == errc::invalid_argument);
  CHECK(text.message == "metadata[3].title is not valid UTF-8");

  const auto key = refused({{"a", value_map{{"\xc0", 1}}}});
  CHECK(key.code == errc::invalid_argument);
  CHECK(key.message == "metadata[3].a has a key that is not valid UTF-8");
}

TEST_CASE("timestamps and places outside of their range are named") {
  const auto late =
      refused({{"at", value_list{timestamp{0}, timestamp{latest_timestamp.microseconds + 1}}}});
  CHECK(late.code == errc::invalid_argument);
  CHECK(late.message == "metadata[3].at[1] is a timestamp outside 0001-01-01T00:00:00Z to "
                        "9999-12-31T23:59:59.999999Z");
  CHECK(refused({{"at", timestamp{earliest_timestamp.microseconds - 1}}}).message ==
        "metadata[3].at is a timestamp outside 0001-01-01T00:00:00Z to "
        "9999-12-31T23:59:59.999999Z");

  const auto place = refused({{"home", geo_point{90.5, 12}}});
  CHECK(place.code == errc::invalid_argument);
  CHECK(place.message ==
        "metadata[3].home is at latitude 90.5, longitude 12; latitudes are -90 to 90, longitudes "
        "-180 to 180");
  CHECK(refused({{"home", geo_point{0, -180.5}}}).code == errc::invalid_argument);
  CHECK(refused({{"home", geo_point{std::nan(""), 0}}}).code == errc::invalid_argument);
}

TEST_CASE("a long or hostile key does not make a long or hostile message") {
  const std::string key = "\x1b[2J" + std::string(100'000, 'k');
  const auto failure = refused({{key, "\xff"}});
  CHECK(failure.message.size() < 150);
  CHECK(failure.message.starts_with("metadata[3].\\x1b[2Jkkk"));
}

TEST_CASE("depth is bounded, the record's own map being the first level") {
  CHECK(validate_metadata({{"a", nested_list(limits::metadata_depth - 1)}}, "m").has_value());
  const auto failure = refused({{"a", nested_list(limits::metadata_depth)}});
  CHECK(failure.code == errc::limit_exceeded);
  CHECK(failure.message == "metadata[3] nests lists and maps deeper than 32 levels");
}

TEST_CASE("very deep metadata neither overflows the stack nor passes as small") {
  const value_map metadata{{"a", nested_list(10'000)}};
  CHECK(refused(metadata).code == errc::limit_exceeded);
  CHECK(metadata_size(metadata) > limits::metadata_bytes);
}

TEST_CASE("size is bounded") {
  const auto base = metadata_size({{"key", ""}});
  const auto fitting = limits::metadata_bytes - base;
  CHECK(metadata_size({{"key", std::string(fitting, 'x')}}) == limits::metadata_bytes);
  CHECK(validate_metadata({{"key", std::string(fitting, 'x')}}, "metadata[3]").has_value());

  const auto one_over = refused({{"key", std::string(fitting + 1, 'x')}});
  CHECK(one_over.code == errc::limit_exceeded);
  CHECK(one_over.message == "metadata[3] is 1048577 bytes encoded; the limit is 1048576 bytes");

  const auto over = refused({{"key", std::string(1'468'000, 'x')}});
  CHECK(over.message == "metadata[3] is 1.4 MiB encoded; the limit is 1 MiB");
}

TEST_CASE("the size counts payload and a few bytes per value") {
  CHECK(metadata_size({}) == 5);
  CHECK(metadata_size({{"k", nullptr}}) == 5 + 5 + 1);
  CHECK(metadata_size({{"k", true}}) == 5 + 5 + 2);
  CHECK(metadata_size({{"k", 1}}) == 5 + 5 + 9);
  CHECK(metadata_size({{"k", 1.0}}) == 5 + 5 + 9);
  CHECK(metadata_size({{"k", timestamp{}}}) == 5 + 5 + 9);
  CHECK(metadata_size({{"k", geo_point{}}}) == 5 + 5 + 17);
  CHECK(metadata_size({{"k", "abc"}}) == 5 + 5 + 5 + 3);
  CHECK(metadata_size({{"k", value_list{nullptr, nullptr}}}) == 5 + 5 + 5 + 2);
  CHECK(metadata_size({{"k", value_map{}}}) == 5 + 5 + 5);
}

// Unicode 15, table 3-7: the corners of every row, and one step beyond each.
TEST_CASE("UTF-8 is checked as Unicode defines it") {
  for (const auto* text : {"",
                           "ascii",
                           "\x7f",
                           "\xc2\x80",
                           "\xdf\xbf",
                           "\xe0\xa0\x80",
                           "\xe0\xbf\xbf",
                           "\xe1\x80\x80",
                           "\xec\xbf\xbf",
                           "\xed\x80\x80",
                           "\xed\x9f\xbf",
                           "\xee\x80\x80",
                           "\xef\xbf\xbf",
                           "\xf0\x90\x80\x80",
                           "\xf0\xbf\xbf\xbf",
                           "\xf1\x80\x80\x80",
                           "\xf3\xbf\xbf\xbf",
                           "\xf4\x80\x80\x80",
                           "\xf4\x8f\xbf\xbf",
                           "a\xc3\xa9z"}) {
    CAPTURE(text);
    CHECK(is_utf8(text));
  }
  for (const auto* text : {"\x80",
                           "\xbf",
                           "\xc0\x80",
                           "\xc1\xbf",
                           "\xc2",
                           "\xc2\x7f",
                           "\xc2\xc0",
                           "\xdf\xc0",
                           "\xe0\x9f\xbf",
                           "\xe0\x80\x80",
                           "\xe0\xa0",
                           "\xe1\x80",
                           "\xe1\x80\x7f",
                           "\xe1\x7f\x80",
                           "\xed\xa0\x80",
                           "\xed\xbf\xbf",
                           "\xef\xbf\xc0",
                           "\xf0\x8f\xbf\xbf",
                           "\xf0\x90\x80",
                           "\xf0\x90\x80\x7f",
                           "\xf1\x80\x7f\x80",
                           "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80",
                           "\xf8\x88\x80\x80\x80",
                           "\xfe",
                           "\xff",
                           "abcdefgh\xff",
                           "caf\xc3\xa9\xa9"}) {
    CAPTURE(text);
    CHECK_FALSE(is_utf8(text));
  }
}

TEST_CASE("every code point is accepted and every surrogate refused, at every offset") {
  for (std::uint32_t point = 0; point < 0x11'0000; point += point < 0x1'1000 ? 1 : 257) {
    std::string text;
    if (point < 0x80)
      text = {static_cast<char>(point)};
    else if (point < 0x800)
      text = {static_cast<char>(0xc0 | (point >> 6)), static_cast<char>(0x80 | (point & 63))};
    else if (point < 0x1'0000)
      text = {static_cast<char>(0xe0 | (point >> 12)),
              static_cast<char>(0x80 | ((point >> 6) & 63)),
              static_cast<char>(0x80 | (point & 63))};
    else
      text = {
          static_cast<char>(0xf0 | (point >> 18)), static_cast<char>(0x80 | ((point >> 12) & 63)),
          static_cast<char>(0x80 | ((point >> 6) & 63)), static_cast<char>(0x80 | (point & 63))};
    const auto padded = std::string(point % 17, 'x') + text + std::string(point % 5, 'y');
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (is_utf8(padded) == surrogate)
      FAIL("wrong for U+" << std::hex << point);
    if (text.size() > 1 && is_utf8(padded.substr(0, point % 17 + text.size() - 1)))
      FAIL("a cut-off U+" << std::hex << point << " was accepted");
  }
}
