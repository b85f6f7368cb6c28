#include "core/filter/filter_dict.hpp"

#include <catch2/catch.hpp>

#include "core/limits.hpp"

using namespace hearth;

namespace {

filter parsed(const value_map& dict) {
  auto tree = parse_filter(dict);
  INFO((tree ? std::string() : tree.error().message));
  REQUIRE(tree.has_value());
  return *std::move(tree);
}

void check_refused(const value_map& dict, const std::string& message) {
  const auto tree = parse_filter(dict);
  REQUIRE_FALSE(tree.has_value());
  CHECK(tree.error().code == errc::invalid_argument);
  CHECK(tree.error().message == message);
}

value_map one(const char* key, value content) {
  return {{key, std::move(content)}};
}

}  // namespace

TEST_CASE("dicts make the same trees as operators") {
  CHECK(parsed({}) == filter());
  CHECK(parsed({{"year", 2020}}) == (K("year") == 2020));
  CHECK(parsed({{"a", 1}, {"b", nullptr}}) == (K("a") == 1 && K("b") == nullptr));
  CHECK(parsed({{"a", one("$gte", 1.5)}}) == (K("a") >= 1.5));
  CHECK(parsed({{"a", value_map{{"$gt", 1}, {"$lt", 9}}}}) == (K("a") > 1 && K("a") < 9));
  CHECK(parsed({{"a", one("$ne", "x")}}) == (K("a") != "x"));
  CHECK(parsed({{"a", one("$in", value_list{1, "x"})}}) == K("a").in({1, "x"}));
  CHECK(parsed({{"a", one("$nin", value_list{})}}) == K("a").not_in({}));
  CHECK(parsed({{"a", one("$contains", "x")}}) == K("a").contains("x"));
  CHECK(parsed({{"a", one("$prefix", "x")}}) == K("a").prefix("x"));
  CHECK(parsed({{"a", one("$exists", true)}}) == K("a").exists());
  CHECK(parsed({{"a", one("$exists", false)}}) == !K("a").exists());
  CHECK(parsed({{"a.b.`c.d`", one("$lte", timestamp{5})}}) == (K("a.b.`c.d`") <= timestamp{5}));
  CHECK(parsed({{"`$x`", 1}}) == (K("`$x`") == 1));
}

TEST_CASE("dicts nest, and take all parts of MongoDB's logic") {
  const value_map year{{"year", one("$gte", 2020)}};
  const value_map tag{{"tag", one("$in", value_list{"a"})}};
  const auto first = K("year") >= 2020;
  const auto second = K("tag").in({"a"});
  CHECK(parsed({{"$and", value_list{year, tag}}}) == (first && second));
  CHECK(parsed({{"$or", value_list{year, tag}}}) == (first || second));
  CHECK(parsed({{"$nor", value_list{year, tag}}}) == !(first || second));
  CHECK(parsed({{"$not", year}}) == !first);
  CHECK(parsed({{"year", one("$not", one("$gte", 2020))}}) == !first);
  CHECK(parsed({{"$or", value_list{value_map{{"$and", value_list{year, tag}}}, year}}, {"z", 1}}) ==
        (((first && second) || first) && K("z") == 1));
  CHECK(parsed({{"$and", value_list{value_map{}}}}) == filter());
}

TEST_CASE("places and times have forms for JSON") {
  const value_map munich{{"lat", 48.5}, {"lon", 11}};
  const auto circle = K("at").geo_radius({48.5, 11}, 1000);
  CHECK(parsed({{"at", one("$geo_radius", value_map{{"center", munich}, {"meters", 1000}})}}) ==
        circle);
  CHECK(parsed({{"at", one("$geo_radius", value_map{{"center", geo_point{48.5, 11}},
                                                    {"meters", 1000.0}})}}) == circle);
  CHECK(parsed({{"at", one("$geo_box", value_map{{"south_west", munich},
                                                 {"north_east", geo_point{50, 12}}})}}) ==
        K("at").geo_box({48.5, 11}, {50, 12}));
  const auto noon = one("$timestamp", "1970-01-01T12:00:00Z");
  CHECK(parsed({{"when", noon}}) == (K("when") == timestamp{43'200'000'000}));
  CHECK(parsed({{"when", one("$gt", noon)}}) == (K("when") > timestamp{43'200'000'000}));
  CHECK(parsed({{"when", one("$in", value_list{noon, 1})}}) ==
        K("when").in({timestamp{43'200'000'000}, 1}));
  CHECK(parsed({{"at", one("$point", munich)}}) == (K("at") == geo_point{48.5, 11}));
}

TEST_CASE("mistakes are named by their path in the dict") {
  check_refused({{"$and", value_list{value_map{{"a", 1}}, value_map{{"year", one("$gte2", 1)}}}}},
                "filter.$and[1].year.$gte2: no operator $gte2");
  check_refused({{"$xor", value_list{}}}, "filter.$xor: no operator $xor");
  check_refused({{"$and", value_list{}}}, "filter.$and: $and takes a list of at least one dict");
  check_refused({{"$or", 1}}, "filter.$or: $or takes a list of at least one dict");
  check_refused({{"$or", value_list{value_map{}, 3}}}, "filter.$or[1]: an int64 is no dict");
  check_refused({{"$not", true}}, "filter.$not: $not takes a dict, not a bool");
  check_refused({{"a", one("$not", 1)}},
                "filter.a.$not: $not takes a dict of operators, not an int64");
  check_refused({{"a", value_map{}}}, "filter.a: an empty dict compares with nothing");
  check_refused({{"a", one("b", 1)}},
                "filter.a.b: \"b\" is no operator, and a map is not compared as a whole");
  check_refused({{"a", value_list{1}}}, "filter.a: a list is not compared as a whole");
  check_refused({{"a", one("$gt", true)}}, "filter.a.$gt: a bool has no order");
  check_refused({{"a", one("$in", "x")}}, "filter.a.$in: $in takes a list, not a string");
  check_refused({{"a", one("$in", value_list{1, value_list{}})}},
                "filter.a.$in: value 1: a list is not compared as a whole");
  check_refused({{"a", one("$exists", 1)}},
                "filter.a.$exists: $exists takes true or false, not an int64");
  check_refused({{"a", one("$prefix", 1)}}, "filter.a.$prefix: a prefix is a string, not an int64");
  check_refused({{"a..b", 1}}, "filter.a..b: the path \"a..b\" has an empty key");
  check_refused({{"a", one("$geo_radius", value_map{{"center", geo_point{}}})}},
                "filter.a.$geo_radius: $geo_radius takes a dict of center and meters");
  check_refused({{"a", one("$geo_radius", value_map{{"center", 1}, {"meters", 1}})}},
                "filter.a.$geo_radius: an int64 is no place");
  check_refused({{"a", one("$geo_radius", value_map{{"center", geo_point{}}, {"meters", "1"}})}},
                "filter.a.$geo_radius: meters is a string; it must be a number");
  check_refused({{"a", one("$timestamp", "noon")}}, "filter.a: \"noon\" is not a timestamp");
  check_refused({{"a", one("$timestamp", 1)}}, "filter.a: $timestamp takes a string, not an int64");
}

TEST_CASE("dicts are bounded in depth") {
  value_map deep{{"a", 1}};
  for (std::size_t i = 1; i < limits::filter_depth; ++i)
    deep = one("$not", std::move(deep));
  CHECK(parse_filter(deep).has_value());
  for (int i = 0; i < 5'000; ++i)
    deep = one("$not", std::move(deep));
  const auto outcome = parse_filter(deep);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == errc::limit_exceeded);

  value operators = one("$gt", 1);
  for (int i = 0; i < 5'000; ++i)
    operators = one("$not", std::move(operators));
  CHECK(parse_filter({{"a", operators}}).error().code == errc::limit_exceeded);

  // What a chain of $and becomes is flat, but it is read one level at a time.
  value_map chain{{"a", 1}};
  for (int i = 0; i < 5'000; ++i)
    chain = one("$and", value_list{std::move(chain)});
  CHECK(parse_filter(chain).error().code == errc::limit_exceeded);
}
