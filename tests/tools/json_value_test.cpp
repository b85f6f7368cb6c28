#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "tools/json_value.hpp"

using namespace hearth;
using namespace hearth::tools;

TEST_CASE("ids: numbers without leading zeros are numbers, everything else is text") {
  const auto id = [](std::string_view word) { return *id_from_text(word, id_style::automatic); };
  CHECK(id("7") == record_id{7});
  CHECK(id("0") == record_id{std::uint64_t{0}});
  CHECK(id("18446744073709551615") == record_id{std::numeric_limits<std::uint64_t>::max()});
  CHECK(id("18446744073709551616") == record_id{"18446744073709551616"});
  CHECK(id("007") == record_id{"007"});
  CHECK(id("-7") == record_id{"-7"});
  CHECK(id("7 ") == record_id{"7 "});
  CHECK(id("\"7\"") == record_id{"7"});
  CHECK(id("readme") == record_id{"readme"});
  CHECK(*id_from_text("7", id_style::strings) == record_id{"7"});
  CHECK(*id_from_text("\"7\"", id_style::strings) == record_id{"\"7\""});
  CHECK_FALSE(id_from_text("", id_style::automatic).has_value());
  CHECK_FALSE(id_from_text("\"broken\\\"", id_style::automatic).has_value());
}

TEST_CASE("ids: the text of an id reads back as the same id") {
  for (const record_id& id :
       {record_id{7}, record_id{"7"}, record_id{"007"}, record_id{"a b"}, record_id{" a"},
        record_id{"\"quoted\""}, record_id{"line\nbreak"}, record_id{"tab\t"}, record_id{"ü"}}) {
    const auto text = id_to_text(id);
    INFO(text);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(*id_from_text(text, id_style::automatic) == id);
  }
}

TEST_CASE("json: metadata keeps its types both ways") {
  const auto document = parse_json(
      R"({"n": null, "b": true, "i": -3, "f": 1.0, "s": "x", "l": [1, "a"], "m": {"k": 2}})");
  REQUIRE(document.has_value());
  const auto metadata = metadata_from_json(*document, "metadata");
  REQUIRE(metadata.has_value());
  CHECK(metadata->at("i") == value{std::int64_t{-3}});
  CHECK(metadata->at("f") == value{1.0});
  CHECK(metadata->at("l") == value{value_list{value{1}, value{"a"}}});
  CHECK(*metadata_from_json(to_json(*metadata), "metadata") == *metadata);
  CHECK(dump_json(to_json(*metadata)) ==
        R"({"b":true,"f":1.0,"i":-3,"l":[1,"a"],"m":{"k":2},"n":null,"s":"x"})");
}

TEST_CASE("json: a timestamp is ISO 8601, a place an object") {
  CHECK(dump_json(to_json(value_map{{"at", timestamp{1'709'209'800'250'000}},
                                    {"home", value_list{geo_point{48.5, -11}}}})) ==
        R"({"at":"2024-02-29T12:30:00.25Z","home":[{"lat":48.5,"lon":-11.0}]})");
}

TEST_CASE("json: an infinite number in metadata is found, however deep") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(infinite_field({{"a", 1.5}, {"b", value_list{value{"x"}, value{}}}}, "metadata") ==
        std::nullopt);
  CHECK(infinite_field({{"a", 1.5}, {"b", infinity}}, "metadata") == "metadata.b");
  const value_map inner{{"deep", value_list{value{1.0}, value{-infinity}}}};
  CHECK(infinite_field({{"a", inner}}, "metadata") == "metadata.a.deep[1]");
}

TEST_CASE("json: integers past int64 are refused by name") {
  const auto document = parse_json(R"({"a": {"b": 9223372036854775808}})");
  const auto metadata = metadata_from_json(*document, "metadata");
  REQUIRE_FALSE(metadata.has_value());
  CHECK(metadata.error().message.find("metadata.a.b") != std::string::npos);
}

TEST_CASE("json: deep nesting is refused, not followed") {
  const std::string deep = "{\"a\":" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  const auto document = parse_json(deep);
  REQUIRE(document.has_value());
  const auto metadata = metadata_from_json(*document, "metadata");
  REQUIRE_FALSE(metadata.has_value());
  CHECK(metadata.error().code == errc::limit_exceeded);
}

TEST_CASE("json: what is not JSON is an error that says where") {
  for (const auto* text : {"", "{", "{\"a\":}", "nul", "[1,]", "\"\xff\"", "1e999"}) {
    INFO(text);
    const auto document = parse_json(text);
    REQUIRE_FALSE(document.has_value());
    CHECK(document.error().code == errc::invalid_argument);
    CHECK(document.error().message.starts_with("not JSON: "));
  }
}

TEST_CASE("json: vectors are flat arrays of finite numbers") {
  const auto vector = [](const char* text) { return vector_from_json(*parse_json(text), "v"); };
  CHECK(*vector("[1, -2.5, 1e-3]") == std::vector<float>{1, -2.5F, 1e-3F});
  CHECK(vector("[]").error().code == errc::limit_exceeded);
  CHECK(vector("[1, \"2\"]").error().message == "v[1] is not a number");
  CHECK(vector("[1, 1e39]").error().message == "v[1] does not fit a float32");
  CHECK(vector("{\"a\": 1}").error().code == errc::invalid_argument);
  CHECK(vector("[[1]]").error().code == errc::invalid_argument);
}

TEST_CASE("json: float32 values print short and read back exactly") {
  CHECK(dump_json(to_json(std::vector<float>{0.1F, 1, -2.5F, 1e-10F})) == "[0.1,1.0,-2.5,1e-10]");
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    const auto number = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(number))
      continue;
    const auto back = parse_json(dump_json(printable(number)));
    REQUIRE(back.has_value());
    REQUIRE(static_cast<float>(back->get<double>()) == number);
  }
}

TEST_CASE("json: text that is not UTF-8 is replaced on output, not thrown over") {
  CHECK(dump_json("a\xff") == "\"a\xef\xbf\xbd\"");
}
