#include "core/typed_value.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/text_forms.hpp"

using namespace hearth;

namespace {

errc refusal(const typed_value& from) {
  const auto stored = stored_bytes_of(from);
  REQUIRE_FALSE(stored.has_value());
  return stored.error().code;
}

typed_value nested(std::size_t levels) {
  typed_value made = 1;
  for (std::size_t i = 0; i < levels; ++i)
    made = i % 2 == 0 ? typed_value(typed_list{made}) : typed_value(typed_object{{"a", made}});
  return made;
}

}  // namespace

TEST_CASE("stored bytes are JSON, or else text, or else bytes") {
  CHECK(typed_value_of("5") == typed_value(5));
  CHECK(typed_value_of("\"5\"") == typed_value("5"));
  CHECK(typed_value_of(" true\n") == typed_value(true));
  CHECK(typed_value_of("null").is_null());
  CHECK(typed_value_of("1.0") == typed_value(1.0));
  CHECK(typed_value_of("18446744073709551615") == typed_value::of_number(UINT64_MAX));
  CHECK(typed_value_of(R"({"b":[1,"x",{}],"a":null})") ==
        typed_value(typed_object{{"b", typed_list{1, "x", typed_object()}}, {"a", typed_value()}}));
  CHECK(typed_value_of(R"({"a":1,"b":2,"a":3})") == typed_value(typed_object{{"b", 2}, {"a", 3}}));
  for (const auto* text :
       {"", " ", "alice", "alice@example.com", "05", "{", "[1", "1 2", "NaN", "-", "1e999", "nul",
        "123456789012345678901234567890", "[18446744073709551616]", "'a'"})
    CHECK(typed_value_of(text) == typed_value(text));
  CHECK(typed_value_of("\xff\x00") == typed_value(blob{"\xff"}));
}

TEST_CASE("values come back from the bytes they are stored as") {
  const double least = std::numeric_limits<double>::denorm_min();
  const typed_list values{typed_value(),
                          true,
                          0,
                          std::numeric_limits<std::int64_t>::min(),
                          typed_value::of_number(UINT64_MAX),
                          0.1,
                          1.0,
                          1e22,
                          1e300,
                          least,
                          "",
                          "5",
                          "null",
                          "\x01\x7f\"\\/\n\u20ac",
                          typed_list(),
                          typed_object(),
                          typed_object{{"", typed_list{1, 2.5, "x"}}, {"a b", typed_value()}},
                          nested(typed_value_depth)};
  for (const auto& each : values)
    CHECK(typed_value_of(*stored_bytes_of(each)) == each);
  const auto zero = typed_value_of(*stored_bytes_of(-0.0));
  CHECK(std::signbit(*zero.get_if<double>()));
  CHECK(*stored_bytes_of(blob{"5"}) == "5");  // bytes stay what they are, and may say something
}

TEST_CASE("what JSON has no form for is refused, and what nests too deep") {
  CHECK(refusal(std::nan("")) == errc::invalid_argument);
  CHECK(refusal(typed_list{HUGE_VAL}) == errc::invalid_argument);
  CHECK(refusal(typed_list{blob{"a"}}) == errc::invalid_argument);
  CHECK(refusal(timestamp{1}) == errc::invalid_argument);
  CHECK(refusal(geo_point{1, 2}) == errc::invalid_argument);
  CHECK(refusal("\xff") == errc::invalid_argument);
  CHECK(refusal(nested(typed_value_depth + 1)) == errc::limit_exceeded);
  // Such a text stays a text.
  const auto deep = std::string(40, '[') + std::string(40, ']');
  CHECK(typed_value_of(deep) == typed_value(deep));
  CHECK(json_text_of(typed_list{blob{"a"}, timestamp{0}, geo_point{1, 2.5}, std::nan("")}) ==
        R"(["YQ==","1970-01-01T00:00:00Z",{"lat":1.0,"lon":2.5},null])");
}

TEST_CASE("values have an order in which numbers are compared exactly") {
  const auto large = typed_value::of_number(UINT64_MAX);
  const typed_list rising{typed_value(),
                          false,
                          true,
                          -HUGE_VAL,
                          -1,
                          -0.5,
                          0,
                          9007199254740992.0,
                          std::int64_t{9007199254740993},
                          INT64_MAX,
                          9223372036854775808.0,
                          typed_value::of_number(9223372036854775809U),
                          large,
                          18446744073709551616.0,
                          HUGE_VAL,
                          std::nan(""),
                          "",
                          "a",
                          "b",
                          blob{"a"},
                          timestamp{5}};
  for (std::size_t i = 0; i < rising.size(); ++i)
    for (std::size_t j = 0; j < rising.size(); ++j) {
      INFO(i << " and " << j);
      CHECK((compare(rising[i], rising[j]) < 0) == (i < j));
    }
  CHECK((compare(0, -0.0) == 0));
  CHECK((compare(typed_list{1}, typed_object()) == 0));
}

TEST_CASE("base64 has one text for each run of bytes") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    append_base64(text, bytes);
    REQUIRE(read_base64(text) == bytes);
    bytes += static_cast<char>(i * 37);
  }
  for (const auto* text :
       {"a", "ab", "abc", "ab=c", "====", "a===", "YR==", "YWF=", "YQ==YQ==", "YQ= =", "Y\nQ=="})
    CHECK_FALSE(read_base64(text).has_value());
}
