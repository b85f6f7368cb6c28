#include "core/filter/filter.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "core/limits.hpp"

using namespace hearth;

namespace {

error refused(const filter& tree) {
  const auto outcome = validate(tree);
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

}  // namespace

TEST_CASE("operators make the tree that they spell") {
  const auto tree = K("year") >= 2020 && K("tag").in({"a", "b"}) && !K("author.name").exists();
  REQUIRE(tree.op == filter_op::conjunction);
  REQUIRE(tree.parts.size() == 3);
  CHECK(tree.parts[0] ==
        filter{.op = filter_op::greater_equal, .path = {"year"}, .operands = {2020}});
  CHECK(tree.parts[1] == filter{.op = filter_op::one_of, .path = {"tag"}, .operands = {"a", "b"}});
  CHECK(tree.parts[2].op == filter_op::negation);
  CHECK(tree.parts[2].parts[0] == filter{.op = filter_op::exists, .path = {"author", "name"}});
  CHECK(validate(tree).has_value());
  CHECK((K("a") != 1) == !(K("a") == 1));
  CHECK(K("a").not_in({1}) == !K("a").in({1}));
}

TEST_CASE("trees have a normal form") {
  const auto a = K("a") == 1;
  const auto b = K("b") == 2;
  const auto c = K("c") == 3;
  CHECK((a && (b && c)) == ((a && b) && c));
  CHECK((a && b && c).parts.size() == 3);
  CHECK((a || (b || c)).parts.size() == 3);
  CHECK((a || (b && c)).parts[1].parts.size() == 2);
  CHECK(all_of({a}) == a);
  CHECK(any_of({all_of({a})}) == a);
  CHECK((filter() && a) == a);
  CHECK(all_of({}) == filter());
  CHECK(validate(filter()).has_value());
}

TEST_CASE("the message names the position in the tree") {
  const auto year = K("year") == 1;
  const auto ordered = refused(year && !(year || K("draft") > true));
  CHECK(ordered.code == errc::invalid_argument);
  CHECK(ordered.message == "filter.$and[1].$not.$or[1].draft.$gt: a bool has no order");
  CHECK(refused(K("a") < nullptr).message == "filter.a.$lt: null has no order");
  CHECK(refused(K("a") <= geo_point{}).message == "filter.a.$lte: a geo point has no order");
  CHECK(refused(K("a") == std::nan("")).message == "filter.a.$eq: NaN compares with nothing");
  CHECK(refused(K("a") == value_list{1}).message ==
        "filter.a.$eq: a list is not compared as a whole");
  CHECK(refused(K("a").contains(value_map{})).message ==
        "filter.a.$contains: a map is not compared as a whole");
  CHECK(refused(K("a").in({1, "\xff"})).message ==
        "filter.a.$in: value 1: the string is not valid UTF-8");
  CHECK(refused(K("a") > timestamp{INT64_MAX}).message ==
        "filter.a.$gt: the timestamp is outside of the years 1 to 9999");
  CHECK(refused(K("a..b") == 1).message.find("the path is empty or malformed") !=
        std::string::npos);
  CHECK(refused(K("\xff") == 1).message.find("the path is not valid UTF-8") != std::string::npos);
}

TEST_CASE("areas are checked") {
  const geo_point munich{48.137, 11.575};
  CHECK(validate(K("at").geo_radius(munich, 0)).has_value());
  CHECK(validate(K("at").geo_box({-20, 170}, {-10, -170})).has_value());
  CHECK(refused(K("at").geo_radius(munich, -1)).message ==
        "filter.at.$geo_radius: the radius is -1 metres; it must be finite and not negative");
  CHECK(refused(K("at").geo_radius(munich, std::numeric_limits<double>::infinity())).code ==
        errc::invalid_argument);
  CHECK(refused(K("at").geo_radius({91, 0}, 1))
            .message.starts_with("filter.at.$geo_radius: latitude 91, longitude 0 is no place"));
  CHECK(refused(K("at").geo_box({10, 0}, {-10, 0})).message ==
        "filter.at.$geo_box: the southern border 10 is north of the northern border -10");
  CHECK(refused(K("at").geo_box({10, 0}, {20, 181})).code == errc::invalid_argument);
}

TEST_CASE("trees that no front end makes are refused") {
  CHECK(refused({.op = filter_op::disjunction}).message == "filter: $or without alternatives");
  CHECK(refused({.op = filter_op::negation}).message == "filter: $not with 0 parts; it takes one");
  CHECK(refused({.op = filter_op::equal, .path = {"a"}}).message ==
        "filter.a.$eq: 0 operands; it takes 1");
  CHECK(refused({.op = filter_op::exists, .path = {"a"}, .operands = {1}}).message ==
        "filter.a.$exists: 1 operands; it takes 0");
  CHECK(refused({.op = static_cast<filter_op>(99)}).message ==
        "filter: no operator has the number 99");
  CHECK(refused({.op = filter_op::geo_box, .path = {"a"}, .operands = {1, 2}}).message ==
        "filter.a.$geo_box: a box takes two geo points");
  CHECK(refused({.op = filter_op::prefix, .path = {"a"}, .operands = {1}}).message ==
        "filter.a.$prefix: a prefix is a string, not an int64");
}

TEST_CASE("filters are bounded in depth, nodes, values and bytes") {
  auto deep = K("a") == 1;
  for (std::size_t i = 1; i < limits::filter_depth; ++i)
    deep = !std::move(deep);
  CHECK(validate(deep).has_value());
  CHECK(refused(!deep).code == errc::limit_exceeded);
  CHECK(refused(!deep).message.ends_with("the filter is nested deeper than 32 levels"));

  std::vector<filter> parts(limits::filter_nodes - 1, K("a") == 1);
  CHECK(validate(any_of(parts)).has_value());
  parts.push_back(K("a") == 1);
  CHECK(refused(any_of(parts)).message.ends_with("the filter has more than 4096 nodes"));

  std::vector<value> values(limits::filter_list, 7);
  CHECK(validate(K("a").in(values)).has_value());
  values.emplace_back(7);
  CHECK(refused(K("a").in(values)).message ==
        "filter.a.$in: the list has 65537 values; the limit is 65536");

  const std::string text(limits::filter_bytes - 17, 'x');
  CHECK(validate(K("a") == text).has_value());
  CHECK(refused(K("ab") == text).message == "filter: the filter takes more than 4 MiB");

  const field_path path(limits::metadata_depth, "k");
  CHECK(validate(filter{.op = filter_op::exists, .path = path}).has_value());
  auto longer = path;
  longer.emplace_back("k");
  CHECK(refused({.op = filter_op::exists, .path = longer}).code == errc::limit_exceeded);
}
