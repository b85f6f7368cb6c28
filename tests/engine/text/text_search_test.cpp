#include "engine/text/text_search.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "core/limits.hpp"
#include "tests/engine/text/memory_source.hpp"
#include "tests/engine/text/plain_bm25.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::text;
using namespace hearth::engine::text::test;

const analyzer& words() {
  static const auto made = analyzer::make({});
  return *made;
}

const std::vector<searched_field>& two_fields() {
  static const std::vector<searched_field> fields{{"title", 0, 2.5, true}, {"body", 1, 1, true}};
  return fields;
}

text_plan plan_of(const text_query& query, std::span<const searched_field> fields = two_fields()) {
  auto plan = make_text_plan(query, words(), fields);
  if (!plan)
    FAIL(to_string(plan.error()));
  return *std::move(plan);
}

text_plan plan_of(std::string_view query) {
  return plan_of(*parse_text_query(query));
}

text_search_result search(memory_source& source, const text_plan& plan,
                          const text_search_options& options = {}) {
  auto found = search_text(plan, source, options);
  if (!found)
    FAIL(to_string(found.error()));
  return *std::move(found);
}

std::vector<row_id> rows_of(memory_source& source, std::string_view query) {
  std::vector<row_id> rows;
  for (const auto& hit : search(source, plan_of(query)).hits)
    rows.push_back(hit.row);
  std::ranges::sort(rows);
  return rows;
}

int rounds(int few) {
  return std::getenv("HEARTH_FUZZ") != nullptr ? 20 * few : few;
}

using rows = std::vector<row_id>;

}  // namespace

TEST_CASE("a text search answers exactly what scoring every text gives") {
  std::mt19937_64 random(21);
  for (int round = 0; round < rounds(6); ++round) {
    const auto texts = random_corpus(random, 50 + random() % 600, 2);
    memory_source source(texts, 1 + random() % (round % 2 == 0 ? 8 : posting_block_rows));
    auto fields = two_fields();
    fields[random() % 2].weight = static_cast<double>(random() % 5);
    const plain_bm25 plain(texts, fields);
    for (int queries = 0; queries < 60; ++queries) {
      const auto query = random_query(random, static_cast<int>(random() % 4));
      const auto plan = plan_of(query, fields);
      text_search_options options;
      options.k = std::size_t{1} << (random() % 11);
      if (random() % 3 == 0)
        options.min_score = static_cast<double>(random() % 60) / 10;
      if (random() % 3 == 0)
        options.accepts = [](row_id row) { return row % 3 != 0; };
      INFO(to_string(query) << " k " << options.k);
      const auto found = search(source, plan, options);
      REQUIRE(found.hits == plain.search(query, options));
    }
  }
}

TEST_CASE(
    "given rows are scored as a search scores them, in any order, and 0 if they do not match") {
  std::mt19937_64 random(22);
  for (int round = 0; round < rounds(3); ++round) {
    const auto texts = random_corpus(random, 400, 2);
    memory_source source(texts, 16);
    const plain_bm25 plain(texts, two_fields());
    for (int queries = 0; queries < 40; ++queries) {
      const auto query = random_query(random, static_cast<int>(random() % 4));
      std::vector<row_id> asked(random() % 60);
      for (auto& row : asked)
        row = random() % 4000;
      const auto scores = score_rows(plan_of(query), source, asked);
      REQUIRE(scores.has_value());
      for (std::size_t i = 0; i < asked.size(); ++i)
        REQUIRE((*scores)[i] == plain.score(query, asked[i]).value_or(0));
    }
  }
}

TEST_CASE("a search for a few of many rows passes over most of them") {
  std::mt19937_64 random(23);
  const auto texts = random_corpus(random, 30'000, 1);
  memory_source source(texts, posting_block_rows);
  const std::vector<searched_field> field{{"title", 0, 1, true}};
  const auto plan = plan_of(plain_text_query("w0 w1 w90"), field);
  const auto few = search(source, plan, {.k = 10, .min_score = {}, .accepts = {}});
  const auto all = search(source, plan, {.k = 100'000, .min_score = {}, .accepts = {}});
  REQUIRE(std::equal(few.hits.begin(), few.hits.end(), all.hits.begin()));
  REQUIRE(all.work.rows_scored == all.hits.size());
  REQUIRE(few.work.rows_scored < all.work.rows_scored / 10);
  REQUIRE(few.work.postings == all.work.postings);
}

TEST_CASE("rows of equal score come in the order of rows") {
  corpus texts;
  for (row_id row = 1; row <= 2000; ++row)
    texts[0][row] = {"same", "words"};
  memory_source source(texts, posting_block_rows);
  const auto found = search(source, plan_of("same words"));
  REQUIRE(found.hits.size() == 10);
  for (std::size_t i = 0; i < 10; ++i)
    REQUIRE(found.hits[i].row == i + 1);
}

TEST_CASE("a row on the minimum of scores is kept") {
  std::mt19937_64 random(24);
  const auto texts = random_corpus(random, 300, 2);
  memory_source source(texts, 32);
  const auto plan = plan_of("w1 w5");
  const auto all = search(source, plan, {.k = 1000, .min_score = {}, .accepts = {}}).hits;
  const auto& middle = all[all.size() / 2];
  const auto kept =
      search(source, plan, {.k = 1000, .min_score = middle.score, .accepts = {}}).hits;
  REQUIRE(kept.back().score == middle.score);
  REQUIRE(std::equal(kept.begin(), kept.end(), all.begin()));
}

TEST_CASE("operators of text queries select rows") {
  corpus texts;
  texts[0] = {{1, {"red", "apple"}}, {2, {"green", "apple"}}, {3, {"apple", "red"}},
              {4, {"red", "car"}},   {5, {"redder", "cat"}},  {6, {}}};
  texts[1] = {{2, {"red"}}, {7, {"a", "long", "green", "car"}}};
  memory_source source(texts, 2);
  REQUIRE(rows_of(source, "red") == rows{1, 2, 3, 4});
  REQUIRE(rows_of(source, "title:red") == rows{1, 3, 4});
  REQUIRE(rows_of(source, "red AND apple") == rows{1, 2, 3});
  REQUIRE(rows_of(source, "\"red apple\"") == rows{1});
  REQUIRE(rows_of(source, "red-apple") == rows{1});
  REQUIRE(rows_of(source, "red -apple") == rows{4});
  REQUIRE(rows_of(source, "+red apple") == rows{1, 2, 3, 4});
  REQUIRE(rows_of(source, "red*") == rows{1, 2, 3, 4, 5});
  REQUIRE(rows_of(source, "ca* -red") == rows{5, 7});
  REQUIRE(rows_of(source, "red AND (NOT apple)") == rows{4});
  REQUIRE(rows_of(source, "red (-apple -car)").empty());
  REQUIRE(rows_of(source, "(green OR cat) AND (car OR apple)") == rows{2, 7});
  REQUIRE(rows_of(source, "-apple").empty());
  REQUIRE(rows_of(source, "NOT (NOT apple)").empty());
  REQUIRE(rows_of(source, "").empty());
  REQUIRE(rows_of(source, "nowhere").empty());
  REQUIRE(rows_of(source, "apple AND nowhere").empty());
  REQUIRE(rows_of(source, "apple ...") == rows{1, 2, 3});
  REQUIRE(rows_of(source, "apple AND ...") == rows{1, 2, 3});
}

TEST_CASE("words that are left out are left out of queries, and phrases keep their gaps") {
  const auto english = analyzer::make({"english", {"english"}});
  REQUIRE(english.has_value());
  corpus texts;
  texts[0] = {{1, {"state", "x", "x", "art"}}, {2, {"state", "art"}}};
  memory_source source(texts, 2);
  const std::vector<searched_field> field{{"title", 0, 1, true}};
  const auto find = [&](std::string_view text) {
    const auto plan = make_text_plan(*parse_text_query(text), *english, field);
    REQUIRE(plan.has_value());
    rows found;
    for (const auto& hit : search(source, *plan).hits)
      found.push_back(hit.row);
    return found;
  };
  REQUIRE(find("\"state of the arts\"") == rows{1});
  REQUIRE(find("\"state arts\"") == rows{2});
  REQUIRE(find("the").empty());
  REQUIRE(find("the AND of").empty());
  REQUIRE(find("+the +states") == rows{2, 1});
  REQUIRE(find("states -the") == rows{2, 1});
}

TEST_CASE("plain text is words and nothing else, and never an error") {
  corpus texts;
  texts[0] = {{1, {"not", "a"}}, {2, {"title"}}, {3, {"b"}}};
  memory_source source(texts, 2);
  const auto find = [&](std::string_view text) {
    return search(source, plan_of(plain_text_query(text))).hits.size();
  };
  REQUIRE(find("NOT (a title:\"b") == 3);
  REQUIRE(find("-a") == 1);
  REQUIRE(find("*^\\") == 0);
  std::string many;
  for (std::size_t i = 0; i < 2 * limits::text_query_clauses; ++i)
    many += "x" + std::to_string(i) + " ";
  REQUIRE(find("b " + many) == 1);
  REQUIRE(find(many + " b") == 0);
}

TEST_CASE("a word that a plain query repeats weighs more") {
  corpus texts;
  texts[0] = {{1, {"red"}}, {2, {"car"}}};
  memory_source source(texts, 2);
  const auto twice = search(source, plan_of(plain_text_query("red red car"))).hits;
  REQUIRE(twice[0].row == 1);
  REQUIRE(twice[0].score == 2 * twice[1].score);
}

TEST_CASE("fields that are not there, odd weights and wide prefixes are refused") {
  const auto refused = [](const text_query& query, std::vector<searched_field> fields) {
    const auto plan = make_text_plan(query, words(), fields);
    REQUIRE_FALSE(plan.has_value());
    return plan.error();
  };
  const auto unknown = refused(*parse_text_query("author:me"), two_fields());
  REQUIRE(unknown.code == errc::invalid_argument);
  REQUIRE(unknown.message.find("author") != std::string::npos);
  REQUIRE(unknown.message.find("title, body") != std::string::npos);
  const auto word = *parse_text_query("a");
  REQUIRE(refused(word, {{"a", 0, -1, true}}).code == errc::invalid_argument);
  REQUIRE(refused(word, {{"a", 0, NAN, true}}).code == errc::invalid_argument);
  REQUIRE(refused(*parse_text_query("a-b*"), two_fields()).code == errc::invalid_argument);
  std::string phrase;
  for (std::size_t i = 0; i <= limits::text_query_clauses; ++i)
    phrase += "a ";
  REQUIRE(refused(*parse_text_query("\"" + phrase + "\""), two_fields()).code ==
          errc::limit_exceeded);

  corpus texts;
  for (row_id row = 0; row <= limits::text_prefix_terms; ++row)
    texts[0][row + 1] = {"a" + std::to_string(row)};
  memory_source source(texts, 2);
  const auto wide = search_text(plan_of("a*"), source, {});
  REQUIRE_FALSE(wide.has_value());
  REQUIRE(wide.error().code == errc::limit_exceeded);
  texts[0].erase(1);
  memory_source fewer(texts, 2);
  REQUIRE(search(fewer, plan_of("a*")).hits.size() == 10);
}
