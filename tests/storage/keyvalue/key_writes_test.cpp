#include "storage/keyvalue/key_writes.hpp"

#include <algorithm>
#include <map>

#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

write_batch keys_of(std::vector<key_write> keys) {
  write_batch batch;
  batch.keys = std::move(keys);
  return batch;
}

std::vector<std::string> scan(const namespace_store& store, const key_scan& wanted,
                              std::size_t max_bytes = no_limit) {
  std::vector<std::string> keys;
  auto page_wanted = wanted;
  for (;;) {
    const auto page = need(need(store.read())->scan_keys(page_wanted, max_bytes));
    for (const auto& entry : page.entries)
      keys.emplace_back(entry.key);
    if (page.next.empty())
      return keys;
    page_wanted.cursor = page.next;
  }
}

std::optional<key_value> get(const namespace_store& store, const std::string& key) {
  return need(need(store.read())->get_keys({{key}}, no_limit)).found.front();
}

}  // namespace

TEST_CASE("keys and records of a batch are there together or not at all") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  auto store = create(directory, 2);
  auto both = batch_of(write_kind::add, {"a"}, vectors_of(1, 2, 1));
  both.keys = {{.key = "k", .value = "v"}, {.key = "n", .change = key_change::add, .amount = 7}};
  const auto done = write(*store, both);
  REQUIRE(done.result.keys == 2);
  REQUIRE(done.result.sums == std::vector<std::int64_t>{7});
  REQUIRE(get(*store, "k") == key_value{"k", "v", 1});
  REQUIRE(get(*store, "n")->value == "7");

  // The record is refused, or the key is: neither is written.
  both.keys = {{.key = "k", .value = "other"}};
  REQUIRE(code_of(store->apply(both)) == errc::already_exists);
  both.ids = {"b"};
  both.keys = {{.key = "new", .value = ""}, {.key = "k", .value = "other", .expected = 99}};
  REQUIRE(code_of(store->apply(both)) == errc::conflict);
  need(store->commit());
  store.reset();
  store = need(namespace_store::open(directory, {}));
  REQUIRE(scan(*store, {}) == std::vector<std::string>{"k", "n"});
  REQUIRE(get(*store, "k")->value == "v");
  REQUIRE(need(store->read())->record_count() == 1);
}

TEST_CASE("a batch of keys alone changes no record, and has an entry in the history") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, batch_of(write_kind::add, {"a"}, vectors_of(1, 2, 1)));
  const auto done = write(*store, keys_of({{.key = "a", .value = "1"}, {.key = "b"}}));
  REQUIRE(done.result.affected == 0);
  REQUIRE(done.result.lsn == 2);
  const auto erased = write(*store, keys_of({{.key = "a", .change = key_change::erase},
                                             {.key = "none", .change = key_change::erase}}));
  REQUIRE(erased.result.keys == 1);
  REQUIRE(scan(*store, {}) == std::vector<std::string>{"b"});
  REQUIRE(get(*store, "b")->value.empty());
  const auto view = need(store->read());
  REQUIRE(view->record_count() == 1);
  const auto history = need(view->changes(0, 10));
  REQUIRE(history.size() == 3);
  REQUIRE(history[1].added.empty());
}

TEST_CASE("a compare and set meets the version that its batch was written under") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, keys_of({{.key = "a", .value = "1", .expected = 0}}));
  REQUIRE(code_of(store->apply(keys_of({{.key = "a", .value = "2", .expected = 0}}))) ==
          errc::conflict);
  // Also within one transaction, where nothing has been committed in between.
  need(store->apply(keys_of({{.key = "a", .value = "2", .expected = 1}})));
  REQUIRE(code_of(store->apply(keys_of({{.key = "a", .value = "3", .expected = 1}}))) ==
          errc::conflict);
  need(store->apply(keys_of({{.key = "a", .change = key_change::erase, .expected = 2}})));
  need(store->commit());
  REQUIRE_FALSE(get(*store, "a").has_value());
}

TEST_CASE("numbers are added to exactly, or the batch is refused") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  const auto add = [](const std::string& key, std::int64_t amount) {
    return keys_of({{.key = key, .change = key_change::add, .amount = amount}});
  };
  const auto most = std::numeric_limits<std::int64_t>::max();
  REQUIRE(write(*store, add("n", most)).result.sums.front() == most);
  REQUIRE(code_of(store->apply(add("n", 1))) == errc::invalid_argument);
  REQUIRE(write(*store, add("n", -most)).result.sums.front() == 0);
  for (const auto* text : {"", "x", "1 ", "+1", "1.0", "9223372036854775808"}) {
    write(*store, keys_of({{.key = "word", .value = text}}));
    REQUIRE(code_of(store->apply(add("word", 1))) == errc::invalid_argument);
  }
}

TEST_CASE("scans keep to their bounds, pages and bytes") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  std::vector<key_write> writes;
  for (const auto* key : {"", "a", "a\xff", "a\xff\xff", "ab", "b", "b1", "\xff", "\xff\xff"})
    writes.push_back({.key = key, .value = std::string(100, 'v')});
  write(*store, keys_of(writes));
  using keys = std::vector<std::string>;
  REQUIRE(scan(*store, {.prefix = "a", .limit = 1}) == keys{"a", "ab", "a\xff", "a\xff\xff"});
  REQUIRE(scan(*store, {.prefix = "a\xff", .reverse = true}) == keys{"a\xff\xff", "a\xff"});
  REQUIRE(scan(*store, {.prefix = "\xff", .limit = 1}) == keys{"\xff", "\xff\xff"});
  REQUIRE(scan(*store, {.start = "b", .end = "b1"}) == keys{"b"});
  REQUIRE(scan(*store, {.start = "ab", .prefix = "a", .reverse = true}) ==
          keys{"a\xff\xff", "a\xff", "ab"});
  REQUIRE(scan(*store, {.end = ""}).empty());
  REQUIRE(scan(*store, {.start = "c", .end = "b"}).empty());
  REQUIRE(scan(*store, {}, 10) == scan(*store, {}));  // a page has a key at least
  REQUIRE(code_of(need(store->read())->scan_keys({.cursor = "x"}, no_limit)) ==
          errc::invalid_argument);
  REQUIRE(code_of(need(store->read())->get_keys({{"a", "b"}}, 200)) == errc::limit_exceeded);
  REQUIRE(need(need(store->read())->get_keys({{"a", "b"}, false}, 200)).found[1].has_value());
}

TEST_CASE("scans of short keys and long ones end where they should, whatever the page") {
  const temporary_directory home;
  const auto store = create(home.path() / "docs", 2);
  // Runs of short keys, longer than what is awaited at a time, with long keys among them.
  std::map<std::string, std::string> model;
  for (int i = 0; i < 150; ++i) {
    const auto number = std::to_string(1'000 + i);
    model[number] = std::string(static_cast<std::size_t>(i % 40) * 20, 'v') + number;
    if (i % 47 == 0)
      for (const auto* end : {"a", "b"})
        model[number + std::string(900, 'x') + end] = "long" + number;
  }
  std::vector<key_write> writes;
  for (const auto& [key, value] : model)
    writes.push_back({.key = key, .value = value});
  write(*store, keys_of(writes));
  const auto view = need(store->read());
  for (const bool reverse : {false, true})
    for (const std::uint32_t limit : {1, 2, 31, 32, 33, 64, 1'000})
      for (const std::size_t max_bytes : {std::size_t{5'000}, no_limit})
        for (const std::string start : {"", "1031", "1033"}) {
          key_scan wanted{.start = start, .end = "1140", .reverse = reverse, .limit = limit};
          std::vector<std::pair<std::string, std::string>> found;
          std::vector<std::pair<std::string, std::string>> expected(model.lower_bound(start),
                                                                    model.lower_bound("1140"));
          do {
            const auto page = need(view->scan_keys(wanted, max_bytes));
            REQUIRE(page.entries.size() <= limit);
            for (const auto& [key, value, version] : page.entries)
              found.emplace_back(key, value);
            wanted.cursor = page.next;
          } while (!wanted.cursor.empty());
          if (reverse)
            std::ranges::reverse(expected);
          REQUIRE(found == expected);
        }
}

TEST_CASE("a prefix goes with all its keys, and one batch can put others in their place") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  auto store = create(directory, 2);
  const auto erase = [](std::string prefix) {
    return key_write{.key = std::move(prefix), .change = key_change::erase_prefix};
  };
  std::vector<key_write> writes;
  for (int i = 0; i < 3'000; ++i) {
    // Long ones, too, that share what LMDB takes of a key.
    const auto name = std::string(i % 3 == 0 ? 1'000 : 3, 'x') + std::to_string(i);
    writes.push_back({.key = "a/" + name, .value = std::string(600, 'v')});
  }
  for (const auto* key : {"a", "a.", "a0", "b"})
    writes.push_back({.key = key, .value = "stays"});
  write(*store, keys_of(writes));
  // Wherever the prefix stands, what the batch puts below it stays.
  const auto done = write(*store, keys_of({{.key = "a/new", .value = "1"},
                                           erase("a/"),
                                           {.key = writes[0].key, .value = "2", .expected = 1}}));
  REQUIRE(done.result.keys == 3'002);
  using keys = std::vector<std::string>;
  REQUIRE(scan(*store, {}) == keys{"a", "a.", "a/new", writes[0].key, "a0", "b"});
  REQUIRE(write(*store, keys_of({erase("nothing")})).result.keys == 0);
  // A batch that is refused erases nothing.
  REQUIRE(code_of(store->apply(keys_of({erase("a/"), {.key = "b", .expected = 99}}))) ==
          errc::conflict);
  need(store->commit());
  store.reset();
  store = need(namespace_store::open(directory, {}));
  REQUIRE(scan(*store, {}).size() == 6);
  REQUIRE(write(*store, keys_of({erase("")})).result.keys == 6);
  REQUIRE(scan(*store, {}).empty());
}

TEST_CASE("a batch erases so many keys by prefixes, of so many bytes, and no more") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, keys_of({{.key = "a/1"}, {.key = "a/2"}, {.key = "b/1"}, {.key = "c"}}));
  const auto& environment = dynamic_cast<const lmdb_namespace_store&>(*store).environment();
  auto transaction = need(environment->begin_write());
  const auto all = need(tables::open(transaction, false));
  const std::vector<key_write> writes{{.key = "a/", .change = key_change::erase_prefix},
                                      {.key = "b/", .change = key_change::erase_prefix}};
  const auto prepared = [&](erase_limits most) {
    return key_applier(transaction, all, writes, most).prepare();
  };
  REQUIRE(prepared({.keys = 3, .bytes = 9}));
  REQUIRE(code_of(prepared({.keys = 2})) == errc::limit_exceeded);
  REQUIRE(code_of(prepared({.bytes = 8})) == errc::limit_exceeded);
}
