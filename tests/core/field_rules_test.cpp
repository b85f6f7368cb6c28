#include "core/field_rules.hpp"

#include <catch2/catch.hpp>

using namespace hearth;

namespace {

const std::vector<field_rule> rules = {
    {.path = "year", .type = field_type::integer, .required = true},
    {.path = "price", .type = field_type::number},
    {.path = "author.name", .type = field_type::string},
};

std::string refusal(const value_map& metadata) {
  const auto checked = check_rules(rules, metadata, "metadata[3]");
  return checked ? "" : checked.error().message;
}

}  // namespace

TEST_CASE("metadata that keeps the rules is taken, with whatever else it holds") {
  CHECK(refusal({{"year", 2020}}).empty());
  CHECK(refusal({{"year", 2020}, {"price", 3}, {"more", value_list{1, "a"}}}).empty());
  CHECK(refusal({{"year", 2020}, {"price", 3.5}, {"author", value_map{{"name", "Ann"}}}}).empty());
}

TEST_CASE("a required field that is missing or null is refused by name") {
  CHECK(refusal({}) == "metadata[3] lacks \"year\", which the schema requires");
  CHECK(refusal({{"year", nullptr}}) == "metadata[3] lacks \"year\", which the schema requires");
}

TEST_CASE("a field of another type is refused, naming both types") {
  CHECK(refusal({{"year", 2020.0}}) ==
        "metadata[3]: \"year\" is of type number; the schema says int");
  CHECK(refusal({{"year", 2020}, {"author", value_map{{"name", 5}}}}) ==
        "metadata[3]: \"author.name\" is of type int; the schema says string");
  CHECK(refusal({{"year", 2020}, {"author", "Ann"}}).empty());  // there is no author.name
}

TEST_CASE("rules with bad paths, twins or too many fields are refused") {
  CHECK_FALSE(validate(std::vector<field_rule>{{.path = "a..b"}}));
  CHECK_FALSE(validate(std::vector<field_rule>{{.path = "a"}, {.path = "a"}}));
  CHECK_FALSE(validate(std::vector<field_rule>(300)));
  CHECK(validate(rules));
}

TEST_CASE("text settings are checked") {
  CHECK(validate(text_settings{
      .fields = {{"text", 1}, {"title", 2}}, .language = "english", .stop_words = {}}));
  CHECK_FALSE(
      validate(text_settings{.fields = {{"text", -1}}, .language = "none", .stop_words = {}}));
  CHECK_FALSE(validate(
      text_settings{.fields = {}, .language = "none", .stop_words = {std::string(70'000, 'x')}}));
}

TEST_CASE("field types have names that are read back") {
  using enum field_type;
  for (const auto type : {any, boolean, integer, number, string, timestamp, geo_point, list, map})
    CHECK(field_type_from_string(to_string(type)) == type);
  CHECK_FALSE(field_type_from_string("text"));
}
