#include "core/filter/compiled_filter.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "core/filter/filter_dict.hpp"
#include "core/filter/filter_text.hpp"
#include "core/metadata_codec.hpp"
#include "tests/core/filter/oracle.hpp"
#include "tests/core/filter/random_filters.hpp"

using namespace hearth;

namespace {

using buffer = std::vector<std::byte>;

buffer encoded(const value_map& metadata) {
  buffer bytes;
  byte_writer out(bytes);
  encode_metadata(metadata, out);
  return bytes;
}

bool matches(const filter& tree, const value_map& metadata) {
  const auto compiled = compiled_filter::compile(tree);
  REQUIRE(compiled.has_value());
  const auto verdict = compiled->matches(encoded(metadata));
  REQUIRE(verdict != filter_verdict::damaged);
  return verdict == filter_verdict::yes;
}

// The dict form of a tree, with every and and or spelled out, so that nothing changes its order.
value_map to_dict(const filter& tree) {
  value_list parts;
  for (const auto& part : tree.parts)
    parts.emplace_back(to_dict(part));
  const auto leaf = [&tree](const char* op, value operand) {
    return value_map{{path_text(tree.path), value_map{{op, std::move(operand)}}}};
  };
  switch (tree.op) {
  case filter_op::conjunction:
    return parts.empty() ? value_map{} : value_map{{"$and", std::move(parts)}};
  case filter_op::disjunction:
    return {{"$or", std::move(parts)}};
  case filter_op::negation:
    return {{"$not", to_dict(tree.parts[0])}};
  case filter_op::one_of:
    return leaf("$in", tree.operands);
  case filter_op::exists:
    return leaf("$exists", true);
  case filter_op::geo_radius:
    return leaf("$geo_radius",
                value_map{{"center", tree.operands[0]}, {"meters", tree.operands[1]}});
  case filter_op::geo_box:
    return leaf("$geo_box",
                value_map{{"south_west", tree.operands[0]}, {"north_east", tree.operands[1]}});
  case filter_op::equal:
    return leaf("$eq", tree.operands[0]);
  case filter_op::greater:
    return leaf("$gt", tree.operands[0]);
  case filter_op::greater_equal:
    return leaf("$gte", tree.operands[0]);
  case filter_op::less:
    return leaf("$lt", tree.operands[0]);
  case filter_op::less_equal:
    return leaf("$lte", tree.operands[0]);
  case filter_op::contains:
    return leaf("$contains", tree.operands[0]);
  case filter_op::prefix:
    return leaf("$prefix", tree.operands[0]);
  }
  return {};
}

int rounds(int ordinary) {
  const char* more = std::getenv("HEARTH_FUZZ");
  return more != nullptr && *more != '\0' ? 20 * ordinary : ordinary;
}

}  // namespace

TEST_CASE("numbers compare across types, and no other types do") {
  const value_map record{{"i", 1}, {"f", 1.0}, {"b", true}, {"s", "1"}, {"t", timestamp{1}}};
  CHECK(matches(K("i") == 1.0 && K("f") == 1 && K("i") <= 1.0 && K("f") < 2, record));
  CHECK(matches(K("i").in({0.5, 1.0}) && K("f").in({1}), record));
  for (const auto* key : {"b", "s", "t"}) {
    INFO(key);
    CHECK_FALSE(matches(K(key) == 1 || K(key) > 0 || K(key) < 2 || K(key).in({1, 0}), record));
    CHECK(matches(K(key) != 1 && K(key).not_in({1}), record));
  }
  CHECK_FALSE(
      matches(K("i") == true || K("i") == "1" || K("i") >= "" || K("i") >= timestamp{}, record));
  CHECK(
      matches(K("big") != 9'007'199'254'740'992.0, {{"big", std::int64_t{9'007'199'254'740'993}}}));
}

TEST_CASE("null equals null only, and a missing field is not null") {
  const value_map record{{"null", nullptr}, {"zero", 0}};
  CHECK(matches(K("null") == nullptr && K("null").exists() && K("null").in({nullptr}), record));
  CHECK_FALSE(matches(K("zero") == nullptr || K("missing") == nullptr, record));
  CHECK(matches(K("missing") != nullptr && K("missing") != 1 && K("missing").not_in({1}), record));
  CHECK(matches(!K("missing").exists() && !(K("missing") > 0) && !(K("missing") <= 0), record));
  CHECK_FALSE(matches(K("null").contains(nullptr) || K("null").prefix(""), record));
}

TEST_CASE("a list matches if one of its elements does") {
  const value_map record{{"tags", value_list{"red", "blue", 7}},
                         {"empty", value_list{}},
                         {"nested", value_list{value_list{1}}},
                         {"authors", value_list{value_map{{"name", "x"}, {"age", 20}},
                                                value_map{{"name", "y"}, {"age", 60}}, "z"}}};
  CHECK(matches(K("tags") == "red" && K("tags") > 6 && K("tags").in({"blue"}), record));
  CHECK(matches(K("tags").prefix("bl") && K("tags").contains("blue"), record));
  CHECK_FALSE(matches(K("tags").contains("blu"), record));  // elements, not parts of elements
  CHECK_FALSE(matches(K("tags") != "red", record));         // not (one of them is)
  CHECK(matches(K("tags") != "green", record));
  CHECK(matches(K("empty").exists() && K("empty") != 1, record));
  CHECK_FALSE(matches(K("empty") == nullptr, record));
  CHECK_FALSE(matches(K("nested") == 1 || K("nested").contains(1), record));
  CHECK(matches(K("authors.name") == "y" && K("authors.age") < 30, record));
  CHECK(matches(K("authors.name").in({"q", "x"}) && !K("authors.shoe").exists(), record));
  // Each bound may be met by another element.
  CHECK(matches(K("authors.age") > 50 && K("authors.age") < 30, record));
}

TEST_CASE("contains looks for a part of a string, prefix for its beginning") {
  const value_map record{{"title", "the quick fox"}};
  CHECK(matches(K("title").contains("quick") && K("title").contains(""), record));
  CHECK(matches(K("title").prefix("the ") && K("title").prefix(""), record));
  CHECK_FALSE(matches(K("title").prefix("quick") || K("title").contains("Quick"), record));
  CHECK_FALSE(matches(K("title").contains(1) || K("title").prefix("the quick fox!"), record));
}

TEST_CASE("keys with dots are reached through backticks only") {
  const value_map record{{"a.b", 1}, {"a", value_map{{"b", 2}}}};
  CHECK(matches(K("`a.b`") == 1 && K("a.b") == 2, record));
  CHECK_FALSE(matches(K("a.b.c").exists() || K("a.c").exists(), record));
}

TEST_CASE("places are found in circles and boxes") {
  const value_map record{{"home", geo_point{48.137, 11.575}},
                         {"stops", value_list{geo_point{-17, 178}, "no place"}}};
  CHECK(matches(K("home").geo_radius({48.14, 11.58}, 600), record));
  CHECK_FALSE(matches(K("home").geo_radius({48.14, 11.58}, 400), record));
  CHECK(matches(K("home").geo_radius({48.137, 11.575}, 0), record));
  CHECK(matches(K("stops").geo_box({-20, 176}, {-15, -178}), record));
  CHECK_FALSE(matches(K("home").geo_box({-20, 176}, {-15, -178}), record));
  CHECK(matches(K("home") == geo_point{48.137, 11.575}, record));
}

TEST_CASE("records without metadata match what denies") {
  const auto verdict = [](const filter& tree) {
    return compiled_filter::compile(tree).value().matches({});
  };
  CHECK(verdict(filter()) == filter_verdict::yes);
  CHECK(verdict(K("a") == 1) == filter_verdict::no);
  CHECK(verdict(K("a") != 1) == filter_verdict::yes);
  CHECK(verdict(!K("a").exists()) == filter_verdict::yes);
}

TEST_CASE("a filter that validate() refuses is not compiled") {
  CHECK(compiled_filter::compile(K("a") > true).error().code == errc::invalid_argument);
}

TEST_CASE("random filters agree with the oracle on random records, from all front ends") {
  test::random_filters random(20);
  std::vector<value_map> records;
  std::vector<buffer> bytes;
  for (int i = 0; i < 4'000; ++i) {
    records.push_back(random.record());
    bytes.push_back(encoded(records.back()));
  }
  int telling = 0;
  const int filters = rounds(600);
  for (int i = 0; i < filters; ++i) {
    const auto tree = random.tree();
    const auto text = to_string(tree);
    INFO(text);
    REQUIRE(validate(tree).has_value());
    const auto from_text = parse_filter(text);
    REQUIRE(from_text.has_value());
    REQUIRE(*from_text == tree);
    const auto from_dict = parse_filter(to_dict(tree));
    REQUIRE(from_dict.has_value());
    REQUIRE(*from_dict == tree);
    const auto compiled = compiled_filter::compile(tree).value();
    std::size_t matched = 0;
    for (std::size_t row = 0; row < records.size(); ++row) {
      const bool expected = test::matches(tree, records[row]);
      const auto verdict = compiled.matches(bytes[row]);
      if (verdict != (expected ? filter_verdict::yes : filter_verdict::no)) {
        CAPTURE(row);
        REQUIRE(verdict == (expected ? filter_verdict::yes : filter_verdict::no));
      }
      matched += expected ? 1 : 0;
    }
    telling += matched != 0 && matched != records.size() ? 1 : 0;
  }
  // Most filters tell records apart: they match some, and not all.
  CHECK(telling > filters / 2);
}

TEST_CASE("what is torn is damaged, also where the torn value would match") {
  // The last value is an integer of several bytes; without them it reads as 0.
  for (const auto& tree : {K("a") == 0, K("a.b") == 0, K("a.b.c") <= 0}) {
    value last(std::int64_t{1} << 40);
    for (auto key = tree.path.rbegin(); key + 1 != tree.path.rend(); ++key)
      last = value_list{value_map{{*key, std::move(last)}}};
    auto bytes = encoded({{"a", std::move(last)}});
    const auto compiled = compiled_filter::compile(tree).value();
    CHECK(compiled.matches(bytes) == filter_verdict::no);
    bytes.pop_back();
    CHECK(compiled.matches(bytes) == filter_verdict::damaged);
  }
}

TEST_CASE("damaged metadata is damaged or some metadata, and never worse") {
  test::random_filters random(21);
  std::mt19937_64 damage(22);
  std::size_t damaged = 0;
  const int tries = rounds(30'000);
  for (int i = 0; i < tries; ++i) {
    auto bytes = encoded(random.record());
    const auto compiled = compiled_filter::compile(random.tree()).value();
    for (auto changes = 1 + damage() % 3; changes > 0 && !bytes.empty(); --changes)
      bytes[damage() % bytes.size()] = static_cast<std::byte>(damage());
    bytes.resize(damage() % (bytes.size() + 1));
    damaged += compiled.matches(bytes) == filter_verdict::damaged ? 1 : 0;
  }
  CHECK(damaged > static_cast<std::size_t>(tries) / 10);
}
