#include "storage/keyvalue/key_names.hpp"

#include <map>
#include <random>

#include "core/key_path.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

using names = std::vector<std::pair<std::string, int>>;  // with flags

void put(namespace_store& store, const std::vector<std::string>& keys) {
  write_batch batch;
  for (const auto& key : keys)
    batch.keys.push_back({.key = key, .value = "value of " + key});
  write(store, batch);
}

// All pages of a listing; `between` runs after each.
names listed(const namespace_store& store, key_scan wanted,
             const std::function<void()>& between = {}) {
  names found;
  wanted.delimiter = wanted.delimiter.empty() ? std::string(path_delimiter) : wanted.delimiter;
  for (;;) {
    const auto page = need(need(store.read())->scan_keys(wanted, no_limit));
    REQUIRE(page.names.size() == page.entries.size());
    REQUIRE(page.entries.size() <= wanted.limit);
    for (std::size_t i = 0; i < page.entries.size(); ++i) {
      const auto entry = page.entries[i];
      const bool is_key = (page.names[i] & key_name::has_value) != 0;
      REQUIRE(is_key == (entry.version != 0));
      REQUIRE(entry.value == (is_key && wanted.values ? "value of " + std::string(entry.key) : ""));
      found.emplace_back(entry.key, page.names[i]);
    }
    if (page.next.empty())
      return found;
    wanted.cursor = page.next;
    if (between)
      between();
  }
}

// What a listing has to say, by looking at all keys.
std::map<std::string, int> expected(const std::set<std::string>& keys, const std::string& prefix,
                                    const std::string& delimiter) {
  std::map<std::string, int> found;
  for (const auto& key : keys) {
    if (!key.starts_with(prefix))
      continue;
    const auto at = find_delimiter(key, prefix.size(), delimiter);
    found[key.substr(0, at)] |= at == std::string::npos ? key_name::has_value : key_name::has_more;
  }
  return found;
}

}  // namespace

TEST_CASE("a listing names what is directly below a prefix, once") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  put(*store, {"users", "users!", "users/al", "users/al!/x", "users/al/email", "users/al/name",
               "users/bo", "users/cy/a/b/c", "users/d\\/e/f", "users0"});
  const names below{
      {"users/al", 3}, {"users/al!", 2}, {"users/bo", 1}, {"users/cy", 2}, {"users/d\\/e", 2}};
  for (const std::uint32_t limit : {1U, 2U, 3U, 1000U}) {
    REQUIRE(listed(*store, {.prefix = "users/", .limit = limit}) == below);
    REQUIRE(listed(*store, {.prefix = "users/", .values = false, .limit = limit}) == below);
    auto backwards = listed(*store, {.prefix = "users/", .reverse = true, .limit = limit});
    std::ranges::sort(backwards);
    REQUIRE(backwards == below);
  }
  REQUIRE(listed(*store, {}) == names{{"users", 3}, {"users!", 1}, {"users0", 1}});
  REQUIRE(listed(*store, {.start = "users/al/", .end = "users/c", .prefix = "users/"}) ==
          names{{"users/al", 3}, {"users/bo", 1}});
  REQUIRE(listed(*store, {.prefix = "none/"}).empty());
  REQUIRE(code_of(need(store->read())->scan_keys({.cursor = "n", .delimiter = "/"}, no_limit)) ==
          errc::invalid_argument);
}

TEST_CASE("listings of random keys say what all keys say") {
  std::mt19937 random(5);  // NOLINT: the same keys every time
  const temporary_directory home;
  for (int round = 0; round < 30; ++round) {
    auto store = create(home.path() / std::to_string(round), 2);
    std::set<std::string> keys;
    for (int i = 0; i < 60; ++i) {
      std::string key;
      for (auto length = random() % 9; length > 0; --length)
        key += std::string("a!/\\\xff", 5)[random() % 5];
      if (random() % 8 == 0)
        key = std::string(600, 'l') + key;
      keys.insert(key);
    }
    put(*store, {keys.begin(), keys.end()});
    for (const auto* prefix : {"", "a", "a/", "/", "\\", "\xff", "\xff/"})
      for (const auto* delimiter : {"/", "!", "a/", "\xff"}) {
        const auto wanted = expected(keys, prefix, delimiter);
        for (const bool reverse : {false, true}) {
          auto found = listed(*store, {.prefix = prefix,
                                       .reverse = reverse,
                                       .limit = 1 + static_cast<std::uint32_t>(random() % 9),
                                       .delimiter = delimiter});
          std::ranges::sort(found);
          REQUIRE(found == names(wanted.begin(), wanted.end()));
        }
      }
  }
}

TEST_CASE("names that are there throughout a listing are in it, whatever is written meanwhile") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  put(*store, {"a/1", "b", "b!", "b/1", "c", "d/1"});
  int pages = 0;
  const auto found = listed(*store, {.limit = 1}, [&] {
    // The key of a name of which the keys below come later, and keys below a name that has passed.
    if (++pages == 1)
      put(*store, {"a", "b/0", "d"});
  });
  // A name whose own key is written while pages are read may be there twice, and is there once.
  REQUIRE(found == names{{"a", 2}, {"b", 3}, {"b!", 1}, {"c", 1}, {"d", 3}, {"d", 3}});
}
