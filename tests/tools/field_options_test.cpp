// Words of the command line that say something about fields, and how values are shown.
#include <catch2/catch.hpp>

#include "tools/field_options.hpp"
#include "tools/fields.hpp"
#include "tools/namespace_view.hpp"

using namespace hearth;
using namespace hearth::tools;

TEST_CASE("field options: text fields have a name and perhaps a weight") {
  CHECK(parse_field_weight("text").value() == field_weight{"text", 1});
  CHECK(parse_field_weight("title:2").value() == field_weight{"title", 2});
  CHECK(parse_field_weight("author.name:0.5").value() == field_weight{"author.name", 0.5});
  CHECK(parse_field_weight("`a:b`.c").value() == field_weight{"`a:b`.c", 1});
  CHECK(parse_field_weight("`a:b`:3").value() == field_weight{"`a:b`", 3});
  for (const auto* word : {"", ":2", "title:", "title:two", "title:2x", "title:-1", "title:nan",
                           "title:inf", "title:1e999"}) {
    INFO(word);
    const auto refused = parse_field_weight(word);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::invalid_argument);
    CHECK_FALSE(refused.error().hint.empty());
  }
}

TEST_CASE("field options: rules have a path, a type and marks in any order") {
  CHECK(parse_field_rule("year:int").value() == field_rule{"year", field_type::integer});
  CHECK(parse_field_rule("a.b:string:required:indexed").value() ==
        field_rule{"a.b", field_type::string, true, true});
  CHECK(parse_field_rule("a:geo:indexed:required").value() ==
        field_rule{"a", field_type::geo_point, true, true});
  CHECK(parse_field_rule("`x:``y`:any").value() == field_rule{"`x:``y`", field_type::any});
  CHECK(parse_field_rule("indexed:bool").value() == field_rule{"indexed", field_type::boolean});
  for (const auto* word : {"", "year", ":int", "year:", "year:float", "year:required",
                           "year:int:unique", "`a:int`", ":"}) {
    INFO(word);
    const auto refused = parse_field_rule(word);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::invalid_argument);
    CHECK(refused.error().message.starts_with("--field is \""));
    CHECK_FALSE(refused.error().hint.empty());
  }
}

TEST_CASE("field options: what is printed reads back") {
  for (const auto* word : {"year:int", "a.b:string:required", "t:list:required:indexed"})
    CHECK(to_word(parse_field_rule(word).value()) == word);
  for (const auto* word : {"text", "title:2", "`a:b`:0.25"})
    CHECK(to_word(parse_field_weight(word).value()) == word);
}

TEST_CASE("field options: a filter is a filter, and nothing is not everything") {
  CHECK_FALSE(parse_where(std::nullopt).value().has_value());
  CHECK(parse_where("year >= 2020 AND tag IN (\"a\")").value() ==
        (K("year") >= 2020 && K("tag").in({"a"})));
  CHECK(parse_where("TRUE").value() == filter{});
  for (const auto* text : {"", "  ", "\n", "year >", "year == == 1"}) {
    INFO(text);
    CHECK(parse_where(text).error().code == errc::invalid_argument);
  }
}

TEST_CASE("fields: a string that reads as something else is quoted") {
  CHECK(describe_value(value("red"), 20) == "red");
  CHECK(describe_value(value("red bicycle"), 6) == "red b…");
  CHECK(describe_value(value(5), 20) == "5");
  CHECK(describe_value(value("5"), 20) == "\"5\"");
  CHECK(describe_value(value("null"), 20) == "\"null\"");
  CHECK(describe_value(value(nullptr), 20) == "null");
  CHECK(describe_value(value(true), 20) == "true");
  CHECK(describe_value(value(""), 20) == "\"\"");
  CHECK(describe_value(value(" x"), 20) == "\" x\"");
  CHECK(describe_value(value(geo_point{48.1, 11.6}), 40) == R"({"lat":48.1,"lon":11.6})");
}

TEST_CASE("namespace view: a schema and texts in words") {
  namespace_config config;
  CHECK(describe_schema(config).empty());
  CHECK(describe_text(config.text) == "(none)");
  config.schema = {{"year", field_type::integer, true, true}, {"tag", field_type::any}};
  CHECK(describe_schema(config) ==
        std::vector<std::string>{"year:int:required:indexed", "tag:any"});
  config.text.fields = {{"text", 1}, {"title", 2.5}};
  config.text.language = "english";
  CHECK(describe_text(config.text) == "text, title:2.5; language english");
  config.text.stop_words = {"english"};
  CHECK(describe_text(config.text) == "text, title:2.5; language english; stop words: english");
  config.text.stop_words = {"a", "the"};
  CHECK(describe_text(config.text) == "text, title:2.5; language english; 2 stop words");
  const auto document = to_json(config);
  CHECK(document["schema"]["year"] == json{{"type", "int"}, {"required", true}, {"indexed", true}});
  CHECK(document["text_fields"]["title"] == 2.5);
}
