#include "core/filter/filter_text.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "core/limits.hpp"

using namespace hearth;

namespace {

filter parsed(std::string_view text) {
  INFO(text);
  auto tree = parse_filter(text);
  INFO((tree ? std::string() : tree.error().message));
  REQUIRE(tree.has_value());
  return *std::move(tree);
}

void check_refused(std::string_view text, const std::string& message) {
  INFO(text);
  const auto tree = parse_filter(text);
  REQUIRE_FALSE(tree.has_value());
  CHECK(tree.error().code == errc::invalid_argument);
  CHECK(tree.error().message == "filter, " + message);
}

}  // namespace

TEST_CASE("text makes the same trees as operators") {
  CHECK(parsed("category == \"A\" AND NOT price > 20") ==
        (K("category") == "A" && !(K("price") > 20)));
  CHECK(parsed("TRUE") == filter());
  CHECK(parsed("a = 1") == (K("a") == 1));
  CHECK(parsed("a <> 1") == (K("a") != 1));
  CHECK(parsed("a != null") == (K("a") != nullptr));
  CHECK(parsed("a>=-1.5e3") == (K("a") >= -1500.0));
  CHECK(parsed("a <= -Infinity") == (K("a") <= -std::numeric_limits<double>::infinity()));
  CHECK(parsed("a < 1 or b > 2 AND c==false") == (K("a") < 1 || (K("b") > 2 && K("c") == false)));
  CHECK(parsed("(a < 1 or b > 2) and c == true") == ((K("a") < 1 || K("b") > 2) && K("c") == true));
  CHECK(parsed("a IN (1, 2.0, 'x', null)") == K("a").in({1, 2.0, "x", nullptr}));
  CHECK(parsed("a not in ()") == K("a").not_in({}));
  CHECK(parsed("tags CONTAINS 'x'") == K("tags").contains("x"));
  CHECK(parsed("a PREFIX 'x' AND b STARTS WITH 'y'") == (K("a").prefix("x") && K("b").prefix("y")));
  CHECK(parsed("EXISTS a.b AND NOT NOT EXISTS c") == (K("a.b").exists() && !!K("c").exists()));
  CHECK(parsed("`and`.`a b`.c == 1") == (K("`and`.`a b`.c") == 1));
  CHECK(parsed("caf\xc3\xa9-au-lait == 'a\\n\\'\"\\\\'") ==
        (K("caf\xc3\xa9-au-lait") == "a\n'\"\\"));
  CHECK(parsed("at > timestamp(\"1970-01-01T00:00:00.000001Z\")") == (K("at") > timestamp{1}));
  CHECK(parsed("at == point(1, -2.5)") == (K("at") == geo_point{1, -2.5}));
  CHECK(parsed("geo_radius(at, point(48.1, 11), 500)") == K("at").geo_radius({48.1, 11}, 500));
  CHECK(parsed("GEO_BOX(a.b, point(-20, 170), point(-10, -170))") ==
        K("a.b").geo_box({-20, 170}, {-10, -170}));
  CHECK(parsed("geo_box == 1 AND Geo_Radius IN (2)") ==
        (K("geo_box") == 1 && K("Geo_Radius").in({2})));
  CHECK(parsed("\n\t a\r\n==\n1 ") == (K("a") == 1));
}

TEST_CASE("errors carry line and column and say what was expected") {
  check_refused("", "line 1, column 1: expected a path, found the end");
  check_refused("a",
                "line 1, column 2: expected a comparison (== != > >= < <= IN, NOT IN, CONTAINS, "
                "PREFIX, STARTS WITH), found the end");
  check_refused("a ==", "line 1, column 5: expected a value, found the end");
  check_refused("a == b", "line 1, column 6: expected a value, found b");
  check_refused("a == 1\n  AND\n  AND b == 2", "line 3, column 3: expected a path, found AND");
  check_refused("caf\xc3\xa9 == \xc3\xa4", "line 1, column 9: expected a value, found \xc3\xa4");
  check_refused("a == 1 b", "line 1, column 8: expected AND, OR or the end, found b");
  check_refused("(a == 1", "line 1, column 8: expected \")\", found the end");
  check_refused("a == 1)", "line 1, column 7: expected AND, OR or the end, found )");
  check_refused("a IN (1 2)", "line 1, column 9: expected \",\", found 2");
  check_refused("a IN (1,)", "line 1, column 9: expected a value, found )");
  check_refused("a NOT CONTAINS 1", "line 1, column 7: expected IN, found CONTAINS");
  check_refused("a STARTS 'x'", "line 1, column 10: expected WITH, found 'x'");
  check_refused("a > true", "line 1, column 5: a bool has no order");
  check_refused("a PREFIX 1", "line 1, column 10: a prefix is a string, not an int64");
  check_refused("a == 'x", "line 1, column 6: a string that does not end");
  check_refused("a == 'x\\", "line 1, column 8: a backslash that means nothing");
  check_refused("a == 'x\\q'", "line 1, column 8: a backslash that means nothing");
  check_refused("`a == 1", "line 1, column 1: a key in backticks that does not end");
  check_refused("a. == 1", "line 1, column 3: expected a key after the dot");
  check_refused("`a`b == 1", "line 1, column 4: expected a comparison (== != > >= < <= IN, NOT IN, "
                             "CONTAINS, PREFIX, STARTS WITH), found b");
  check_refused("a == 9223372036854775808",
                "line 1, column 6: an integer outside of -2^63 to 2^63-1");
  check_refused("a == 1e999", "line 1, column 6: a number outside of what float64 holds");
  check_refused("a == 12x", "line 1, column 6: \"12x\" is no number");
  check_refused("a == 1.", "line 1, column 6: \"1.\" is no number");
  check_refused("a == -", "line 1, column 6: \"-\" is no number");
  check_refused("a == 1.2.3", "line 1, column 6: \"1.2.3\" is no number");
  check_refused("a ! 1", "line 1, column 3: \"!\" means nothing here");
  check_refused("a == timestamp('noon')", "line 1, column 16: \"noon\" is not a timestamp");
  check_refused("a == timestamp(1)", "line 1, column 16: expected a string, found 1");
  check_refused("a == point(91, 0)", "line 1, column 6: latitude 91, longitude 0 is no place");
  check_refused("geo_radius(a, point(1, 1), -5)",
                "line 1, column 1: the radius is -5 metres; it must be finite and not negative");
  check_refused("geo_radius(a, 5, 5)",
                "line 1, column 15: expected point(latitude, longitude), found 5");
}

TEST_CASE("text is bounded before it is read") {
  const auto code = [](const std::string& text) { return parse_filter(text).error().code; };
  CHECK(code(std::string(1'000'000, '(')) == errc::limit_exceeded);
  std::string denials;
  for (int i = 0; i < 100'000; ++i)
    denials += "NOT ";
  CHECK(code(denials + "a == 1") == errc::limit_exceeded);
  CHECK(code(std::string(limits::filter_text_bytes + 1, ' ')) == errc::limit_exceeded);
  std::string list = "a IN (0";
  for (std::size_t i = 1; i <= limits::filter_list; ++i)
    list += ",0";
  CHECK(code(list + ")") == errc::limit_exceeded);
  std::string many = "a==1";
  for (std::size_t i = 0; i < limits::filter_nodes; ++i)
    many += " OR a==1";
  CHECK(code(many) == errc::limit_exceeded);
  CHECK(code("a == '\xff'") == errc::invalid_argument);
}

TEST_CASE("trees are written so that they read well") {
  const auto rewritten = [](std::string_view text) { return to_string(parsed(text)); };
  CHECK(rewritten("category = 'A' and not (price > 20 or a != 1)") ==
        "category == \"A\" AND NOT (price > 20 OR a != 1)");
  CHECK(rewritten("a == 1 OR b == 2 AND (c == 3 OR d == 4)") ==
        "a == 1 OR b == 2 AND (c == 3 OR d == 4)");
  CHECK(rewritten("NOT a IN (1, 'x')") == "a NOT IN (1, \"x\")");
  CHECK(rewritten("NOT (NOT EXISTS a)") == "NOT NOT EXISTS a");
  CHECK(rewritten("a STARTS WITH 'x\t\"\\''") == R"(a PREFIX "x\t\"'")");
  CHECK(rewritten("a == 1.0 AND b == 1e300 AND c < -infinity") ==
        "a == 1.0 AND b == 1e+300 AND c < -infinity");
  CHECK(rewritten("geo_radius(`in`, POINT(1, 2.5), 10)") ==
        "geo_radius(`in`, point(1, 2.5), 10.0)");
  CHECK(rewritten("when == timestamp('2024-02-29T13:00:00+01:00')") ==
        "when == timestamp(\"2024-02-29T12:00:00Z\")");
  CHECK(to_string(filter()) == "TRUE");
}
