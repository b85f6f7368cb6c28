#include "core/filter/field_path.hpp"

#include <catch2/catch.hpp>

using namespace hearth;

TEST_CASE("paths split at dots that do not stand in backticks") {
  const auto keys = [](std::string_view text) { return parse_path(text).value(); };
  CHECK(keys("year") == field_path{"year"});
  CHECK(keys("author.name.first") == field_path{"author", "name", "first"});
  CHECK(keys("`a.b`.c") == field_path{"a.b", "c"});
  CHECK(keys("a.````") == field_path{"a", "`"});
  CHECK(keys("``") == field_path{""});
  CHECK(keys("two words.$x") == field_path{"two words", "$x"});
}

TEST_CASE("malformed paths are refused with an example") {
  for (const auto* text : {"", ".", "a.", ".a", "a..b", "`a", "a.`b", "`a`b", "a`b`", "a`"}) {
    INFO(text);
    const auto path = parse_path(text);
    REQUIRE_FALSE(path.has_value());
    CHECK(path.error().code == errc::invalid_argument);
    CHECK(path.error().hint.find("backticks") != std::string::npos);
  }
}

TEST_CASE("any keys read back from their text") {
  for (const field_path& path : std::vector<field_path>{{"year"},
                                                        {"a-b_c", "\xc3\xa4", "x1"},
                                                        {"", "."},
                                                        {"`", "``", "a`b"},
                                                        {"and"},
                                                        {"Timestamp", "x"},
                                                        {"1", "-a", "two words", "\n"}}) {
    INFO(path_text(path));
    CHECK(parse_path(path_text(path)).value() == path);
  }
  CHECK(path_text({"author", "name"}) == "author.name");
  CHECK(path_text({"not", "a b"}) == "`not`.`a b`");
}
