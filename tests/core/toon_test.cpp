#include "core/toon.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

using namespace hearth;

namespace {

std::string text_of(const std::vector<typed_object>& rows) {
  return *write_toon(toon_table_of("result", rows));
}

toon_table parsed(std::string_view text) {
  auto table = parse_toon(text);
  INFO(text << ": " << (table ? "" : to_string(table.error())));
  REQUIRE(table.has_value());
  return *table;
}

std::string refusal(std::string_view text) {
  const auto table = parse_toon(text);
  INFO(text);
  REQUIRE_FALSE(table.has_value());
  REQUIRE(group_of(table.error().code) == error_group::caller);
  return table.error().message;
}

typed_value cell(std::string_view text) {
  return *parsed("r[1]{a}:" + std::string(text)).rows.at(0).at(0);
}

// One of everything, with every form that a header can say something about.
std::vector<typed_object> everything() {
  const typed_object nested{{"a b", typed_list{1, typed_list(), "x,y", typed_value()}},
                            {"", typed_object{{"c:d", blob{"\xff"}}}}};
  std::vector<typed_object> rows;
  for (int i = 0; i < 3; ++i)
    rows.push_back({{"name", "Alice"},
                    {"zip", "0123" + std::to_string(i)},
                    {"age", 30 + i},
                    {"weight", 70.0 + i},
                    {"photo", blob{std::string(static_cast<std::size_t>(i), '\0')}},
                    {"seen", timestamp{1'700'000'000'000'000 + i}},
                    {"home", geo_point{48.1, -11.5}},
                    {"large", typed_value::of_number(UINT64_MAX)},
                    {"more", nested},
                    {"line\nbreak", "a\tb\x01"},
                    {"flag", i == 1}});
  rows.push_back({{"name", typed_value()}, {"more", typed_value()}});
  rows.emplace_back();
  return rows;
}

}  // namespace

TEST_CASE("the example of the manual") {
  const std::vector<typed_object> rows{{{"name", "Alice"}, {"age", 30}}, {{"name", "Smith, Bob"}}};
  CHECK(text_of(rows) == R"(result[2]{name,age}:Alice,30;"Smith, Bob",∅)");
  CHECK(parsed(text_of(rows)) == toon_table_of("result", rows));
  CHECK(text_of({}) == "result[0]{}:");
  CHECK(*write_toon(toon_table_of("r", {{{"a", 1}, {"b", 2}}}, {"c", "b"})) == "r[1]{c,b,a}:∅,2,1");
  CHECK(text_of({{}, {}}) == "result[2]{}:;");
  CHECK(parsed("result[2]{}:;").rows.size() == 2);
  CHECK(*write_toon({.name = "a b", .columns = {"x", "y:z"}}) == R"(a b[0]{x,"y:z"}:)");
}

TEST_CASE("a header says the type where that makes the text shorter") {
  CHECK(text_of({{{"zip", "01234"}}, {{"zip", "98765"}}, {{"zip", "null"}}}) ==
        "result[3]{zip}:\"01234\";\"98765\";\"null\"");
  CHECK(text_of({{{"zip", "01234"}}, {{"zip", "true"}}, {{"zip", "7"}}, {{"zip", "null"}}}) ==
        "result[4]{zip:str}:01234;true;7;\"null\"");
  const typed_object whole{{"x", 1.0}};
  CHECK(text_of({whole, whole}) == "result[2]{x}:1.0;1.0");
  CHECK(text_of({whole, whole, whole, whole}) == "result[4]{x:float}:1;1;1;1");
  const typed_object null{{"x", blob{"\x9e\xe9\x65"}}};  // base64 spells the word null
  CHECK(text_of({null, {{"x", blob{"ab!"}}}, {{"x", blob{}}}}) ==
        "result[3]{x:bytes}:b\"null\";YWIh;b\"\"");
}

TEST_CASE("every value comes back from its text") {
  const double least = std::numeric_limits<double>::denorm_min();
  std::vector<typed_object> rows{everything()};
  for (const auto& each : typed_list{0.1,
                                     1e22,
                                     -1.5e-300,
                                     least,
                                     std::numeric_limits<double>::max(),
                                     HUGE_VAL,
                                     -HUGE_VAL,
                                     INT64_MIN,
                                     INT64_MAX,
                                     typed_value::of_number(1ULL << 63U),
                                     "",
                                     " a",
                                     "a ",
                                     "a b",
                                     "null",
                                     "true",
                                     "∅",
                                     "∅x",
                                     "-",
                                     "-a",
                                     "+1",
                                     ".5",
                                     "1",
                                     "inf",
                                     "nan",
                                     "b\"x\"",
                                     "a:b",
                                     "http://x/?a=b&c",
                                     "\\",
                                     "\"",
                                     "a\\n",
                                     "{",
                                     "[]",
                                     ";",
                                     "€",
                                     "b",
                                     typed_list{typed_list{}},
                                     typed_object{{"null", typed_value()}, {"∅", 1}}})
    rows.push_back({{"x", each}});
  const auto table = toon_table_of("a[b]", rows);
  const auto text = *write_toon(table);
  CHECK(parsed(text) == table);
  CHECK(text.find('\n') == std::string::npos);
  for (const auto& row : rows)  // alone, where headers have types
    CHECK(parsed(text_of({row, row, row, row, row})) ==
          toon_table_of("result", {row, row, row, row, row}));
  CHECK(std::isnan(*cell("nan").get_if<double>()));
  CHECK(std::signbit(*cell("-0.0").get_if<double>()));
}

TEST_CASE("what people write is read, too") {
  const auto table =
      parsed(" people [2] { name : str , age : int } :\n  5 , 30 ;\n \"x\" , null \n");
  CHECK(table == parsed("people[2]{name:str,age}:5,30;x,null"));
  CHECK(table.rows[0][0] == typed_value("5"));
  CHECK(cell("\"\\u20ac\\/\"") == typed_value("€/"));
  CHECK(cell("{ a : [ 1 , x ] }") == typed_value(typed_object{{"a", typed_list{1, "x"}}}));
  CHECK(cell("{a:b:c}") == typed_value(typed_object{{"a", "b:c"}}));
}

TEST_CASE("what is wrong in a text is refused where it stands") {
  CHECK(refusal("r[1]{a}:1;2") == "TOON, byte 9: expected the end after 1 rows, found \";2\"");
  CHECK(refusal("r[2]{a}:1").starts_with("TOON, byte 9: expected ';' after row 1 of 2"));
  CHECK(refusal("r[1]{a,b}:1").starts_with("TOON, byte 11: expected ',' and 1 more cells"));
  CHECK(refusal("r[99999999]{}:").find("more than the text holds") != std::string::npos);
  CHECK(refusal("r[1]{a:int}:x").find("column's type") != std::string::npos);
  for (const auto* text : {"",
                           "r",
                           "r[",
                           "r[]",
                           "r[-1]{}:",
                           "r[01]{}:",
                           "r[1]",
                           "r[1]{a",
                           "r[1]{a:}:1",
                           "r[1]{a:any}:1",
                           "r[1]{a,a}:1,2",
                           "r[1]{}",
                           "r[1]{a}:",
                           "r[2]{a}:;",
                           "r[1]{a}:01",
                           "r[1]{a}:1.",
                           "r[1]{a}:.5",
                           "r[1]{a}:1e999",
                           "r[1]{a}:18446744073709551616",
                           "r[1]{a}:\"",
                           "r[1]{a}:\"\\x\"",
                           "r[1]{a}:\"\\ud800\"",
                           "r[1]{a}:[1",
                           "r[1]{a}:[1,]",
                           "r[1]{a}:{a}",
                           "r[1]{a}:{a:1,a:2}",
                           "r[1]{a}:[∅]",
                           "r[1]{a}:b\"?\"",
                           "r[1]{a}:t\"now\"",
                           "r[1]{a}:g\"91,0\"",
                           "r[1]{a}:g\"1\"",
                           "r[1]{a:bytes}:x",
                           "r[1]{a:float}:x",
                           "r[1]{a:bool}:1",
                           "r[1]{a:time}:2024",
                           "r[1]{a:str}:[1]",
                           "r[1]{a}:x\x01",
                           "r[1]{a}:\xff",
                           "r[1]{a,}:1",
                           "r[1]{:int}:1",
                           "[1]{a}:1"})
    (void)refusal(text);
  const auto deep = "r[1]{a}:" + std::string(100'000, '[');
  CHECK(refusal(deep).find("nests deeper") != std::string::npos);
}

TEST_CASE("what has no text is refused with its place") {
  const auto message = [](const toon_table& table) { return write_toon(table).error().message; };
  CHECK(message(toon_table_of("r", {{{"a", "\xff"}}})) == "row 0, column 'a': a text is not UTF-8");
  CHECK(message({.columns = {"a"}, .rows = {{}}}) == "row 0 has 0 cells for 1 columns");
  CHECK(message({.columns = {"a", "a"}}) == "column 'a' appears twice");
  CHECK(message(toon_table_of("r", {{{"a", typed_object{{"b", 1}, {"b", 2}}}}})).find("twice") !=
        std::string::npos);
  CHECK(message(toon_table_of("r", {{{"a", timestamp{INT64_MAX}}}})).find("years") !=
        std::string::npos);
  CHECK(message(toon_table_of("r", {{{"a", geo_point{100, 0}}}})).find("globe") !=
        std::string::npos);
  typed_value deep = 1;
  for (std::size_t i = 0; i <= typed_value_depth; ++i)
    deep = typed_list{deep};
  CHECK(write_toon(toon_table_of("r", {{{"a", deep}}})).error().code == errc::limit_exceeded);
}

TEST_CASE("texts that are damaged anywhere are a table or an error") {
  const auto whole = text_of(everything());
  std::mt19937 random(11);  // NOLINT: the same damage every time
  const std::string_view bytes = "[]{}:;,\"\\∅nt0-. \n\xff";
  std::size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto text = whole;
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      const auto at = random() % text.size();
      switch (random() % 3) {
      case 0:
        text[at] = bytes[random() % bytes.size()];
        break;
      case 1:
        text.erase(at, 1 + random() % 4);
        break;
      default:
        text.insert(at, 1, bytes[random() % bytes.size()]);
      }
    }
    const auto table = parse_toon(text);
    if (!table)
      continue;
    ++read;
    const auto again = write_toon(*table);
    REQUIRE(again.has_value());
    REQUIRE(write_toon(parsed(*again)) == again);
  }
  CHECK(read > 100);
}
