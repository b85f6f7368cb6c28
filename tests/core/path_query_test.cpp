#include "core/path_query.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "core/filter/filter_text.hpp"

using namespace hearth;

namespace {

using store = std::map<std::string, std::string>;

// Runs a query over pages of `page_keys` keys. `pages` counts them.
std::vector<typed_object> rows_of(const store& keys, path_query query, std::size_t page_keys,
                                  std::size_t* pages = nullptr) {
  auto run = path_query_run::start(std::move(query));
  REQUIRE(run.has_value());
  std::vector<typed_object> rows;
  while (!run->done()) {
    const auto wanted = run->wanted();
    REQUIRE(validate(wanted));
    key_page page;
    auto at =
        wanted.cursor.empty() ? keys.lower_bound(wanted.prefix) : keys.upper_bound(wanted.cursor);
    for (; at != keys.end() && at->first.starts_with(wanted.prefix); ++at) {
      if (page.entries.size() == page_keys) {
        page.next = page.entries.back().key;
        break;
      }
      page.entries.append(at->first, at->second, 1);
    }
    auto some = run->take(std::move(page));
    REQUIRE(some.has_value());
    rows.insert(rows.end(), some->begin(), some->end());
    if (pages != nullptr)
      ++*pages;
  }
  return rows;
}

store people() {
  store keys{{"users", "3"},
             {"users/al", R"({"name":"Own","age":1})"},
             {"users/al!/name", "Between"},
             {"users/al/age", "30"},
             {"users/al/address/city", "Berlin"},
             {"users/bo/name", "\"5\""},
             {"users/c\\/d/age", "7"},
             {"users/e", "text"},
             {"usersx/f/age", "9"}};
  return keys;
}

}  // namespace

TEST_CASE("keys that share two segments are a row, also where others lie between them") {
  using rows = std::vector<typed_object>;
  const rows all{{{"name", "Between"}},
                 {{"name", "Own"}, {"address/city", "Berlin"}, {"age", 30}},
                 {{"name", "5"}},
                 {{"age", 7}},
                 {{"", "text"}}};
  for (const std::size_t page : {1U, 2U, 3U, 100U}) {
    REQUIRE(rows_of(people(), {.prefix = "users/"}, page) == all);
    REQUIRE(rows_of(people(), {.prefix = "users/", .select = {"age", "no"}}, page) ==
            rows{{}, {{"age", 30}}, {}, {{"age", 7}}, {}});
    REQUIRE(rows_of(people(), {.prefix = "users/", .path_column = "id", .offset = 3, .limit = 1},
                    page) == rows{{{"id", "users/c\\/d"}, {"age", 7}}});
    REQUIRE(rows_of(people(),
                    {.prefix = "users/",
                     .where = *parse_filter("age > 5 OR `address/city` == \"Berlin\""),
                     .order_by = "age"},
                    page) == rows{{{"age", 7}}, all[1]});
    REQUIRE(rows_of(people(), {.prefix = "users/", .order_by = "age", .descending = true}, page) ==
            rows{all[1], all[3], all[0], all[2], all[4]});
  }
  REQUIRE(rows_of(people(), {}, 2).size() == 7);  // the key "users" and the row below "usersx", too
}

TEST_CASE("a limit ends the reading, and an order keeps no more than it needs") {
  store keys;
  for (int i = 0; i < 20'000; ++i)
    keys["r/" + std::to_string(100'000 + i) + "/v"] = std::to_string(i * 7919 % 20'000);
  std::size_t pages = 0;
  REQUIRE(rows_of(keys, {.limit = 5}, 100, &pages).size() == 5);
  REQUIRE(pages == 1);
  const auto least = rows_of(keys, {.order_by = "v", .offset = 10, .limit = 3}, 1'000);
  REQUIRE(least == std::vector<typed_object>{{{"v", 10}}, {{"v", 11}}, {{"v", 12}}});
  REQUIRE(rows_of(keys, {.limit = 0}, 100, &pages).empty());
}

TEST_CASE("a column that is not UTF-8 is refused with its key") {
  auto run = path_query_run::start({});
  key_page page;
  page.entries.append("a/b/\xff", "1", 1);
  const auto rows = run->take(std::move(page));
  REQUIRE_FALSE(rows.has_value());
  REQUIRE(rows.error().message.find("a/b/\\xff") != std::string::npos);
}
