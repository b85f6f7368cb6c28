#include "storage/change_log.hpp"

#include "storage/bytes.hpp"
#include "storage/change_codec.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

// "3+a" is: batch 3 put record a. Keys are in quotes, numbers as they are.
std::string as_text(const changed_name& name) {
  auto text = std::to_string(name.lsn) + (name.erased ? '-' : '+');
  if (name.kind == name_kind::key)
    return text + '\'' + std::string(name.text) + '\'';
  if (name.kind == name_kind::record)
    return text + std::string(name.text);
  return text + std::to_string(name.first) +
         (name.count == 1 ? "" : ".." + std::to_string(name.first + name.count - 1));
}

result<std::vector<std::string>> changed_after(const namespace_store& store, lsn_t after) {
  std::vector<std::string> found;
  HEARTH_CHECK(
      need(store.read())->for_each_change(after, [&](const changed_name& name) -> result<bool> {
        found.push_back(as_text(name));
        return true;
      }));
  return found;
}

write_batch keys_of(std::vector<key_write> writes) {
  write_batch batch;
  batch.keys = std::move(writes);
  return batch;
}

// What an older build left behind: the same rows, without names.
void forget_names(const namespace_store& store, lsn_t last) {
  const auto& environment = dynamic_cast<const lmdb_namespace_store&>(store).environment();
  auto transaction = need(environment->begin_write());
  const auto all = need(tables::open(transaction, false));
  for (lsn_t lsn = 1; lsn <= last; ++lsn) {
    buffer bytes;
    begin_checked(bytes);
    bytes.push_back(std::byte{0x81});
    finish_checked(bytes, lsn * 0x9E3779B97F4A7C15U);
    need(transaction.put(all.changes, encode_change({lsn, 0}), bytes));
    for (std::uint32_t part = 1; part < 3; ++part)
      need(transaction.erase(all.changes, encode_change({lsn, part})));
  }
  need(write_format(transaction, all.meta, 5));
  need(transaction.commit());
}

}  // namespace

TEST_CASE("the change table names what every kind of write put and erased") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, batch_of(write_kind::add, {"b", 7, "a", 6, 8}, vectors_of(5, 2, 1)));
  auto update = batch_of(write_kind::update, {"a"});
  update.metadata = {{{"k", 1}}};
  write(*store, update);
  auto both = batch_of(write_kind::upsert, {"c", "a"});
  both.metadata = {{{"k", 1}}, {{"k", 2}}};
  both.keys = {{.key = "x", .value = "1"}, {.key = "n", .change = key_change::add, .amount = 2}};
  write(*store, both);
  write(*store, batch_of(write_kind::erase, {"a", "none", 7}));
  auto by_filter = batch_of(write_kind::erase, {});
  by_filter.where = K("k") == 1;
  write(*store, by_filter);
  write(*store, keys_of({{.key = "y"},
                         {.key = "x", .change = key_change::erase},
                         {.key = "none", .change = key_change::erase}}));
  write(*store, batch_of(write_kind::erase, {"none"}));  // changes nothing
  auto assigned = batch_of(write_kind::add, {});
  assigned.metadata.resize(3);
  write(*store, assigned);
  REQUIRE(need(changed_after(*store, 0)) ==
          std::vector<std::string>{"1+6..8", "1+a", "1+b", "2+a", "3+a", "3+c", "3+'x'", "3+'n'",
                                   "4-7", "4-a", "5-c", "6+'y'", "6-'x'", "8+9..11"});
  REQUIRE(need(changed_after(*store, 5)) == std::vector<std::string>{"6+'y'", "6-'x'", "8+9..11"});
  REQUIRE(need(changed_after(*store, 8)).empty());
  REQUIRE(need(changed_after(*store, 1000)).empty());
  // The indexes read past the names.
  const auto rows = need(need(store->read())->changes(0, 100));
  REQUIRE(rows.size() == 8);
  REQUIRE(rows[0].added.size() == 5);
  REQUIRE(rows[3].removed.size() == 1);
  REQUIRE(rows[7].lsn == 8);
}

TEST_CASE("the change table names every key that a prefix erases, but not what was put again") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  const auto erase = [](std::string prefix) {
    return key_write{.key = std::move(prefix), .change = key_change::erase_prefix};
  };
  write(*store,
        keys_of({{.key = "a"}, {.key = "a/1"}, {.key = "a/2"}, {.key = "b/1"}, {.key = "c"}}));
  write(*store, keys_of({{.key = "a/2"},
                         erase("a/"),
                         {.key = "c", .change = key_change::erase},
                         {.key = "a/3"},
                         erase("b")}));
  write(*store, keys_of({erase("none")}));
  REQUIRE(need(changed_after(*store, 1)) ==
          std::vector<std::string>{"2+'a/2'", "2+'a/3'", "2-'c'", "2-'a/1'", "2-'b/1'"});
}

TEST_CASE("a visit of changes ends when it is told to, or with the error of the visitor") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  for (int i = 0; i < 5; ++i)
    write(*store, keys_of({{.key = "a"}, {.key = "b"}}));
  std::size_t visited = 0;
  need(need(store->read())->for_each_change(1, [&](const changed_name&) -> result<bool> {
    return ++visited < 3;
  }));
  REQUIRE(visited == 3);
  const auto failed =
      need(store->read())->for_each_change(0, [](const changed_name&) -> result<bool> {
        return fail(errc::conflict, "it changed");
      });
  REQUIRE(code_of(failed) == errc::conflict);
}

TEST_CASE("names of large batches come back whole, and row changes skip them") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 1);
  std::vector<record_id> ids;
  for (int i = 0; i < 9000; ++i)
    ids.emplace_back("record " + std::to_string(i));
  auto batch = batch_of(write_kind::add, ids, vectors_of(ids.size(), 1, 1));
  batch.keys = {{.key = std::string(limits::key_bytes, 'k')}, {.key = "short"}};
  write(*store, batch);
  write(*store, batch_of(write_kind::erase, ids));
  const auto names = need(changed_after(*store, 0));
  REQUIRE(names.size() == 2 * ids.size() + 2);
  REQUIRE(std::ranges::count_if(names, [](const auto& name) { return name.starts_with("2-"); }) ==
          9000);
  const auto rows = need(need(store->read())->changes(0, 100));
  REQUIRE(rows.size() == 2);
  REQUIRE(rows[0].added.size() == 9000);
  REQUIRE(rows[1].removed.size() == 9000);
  REQUIRE(need(need(store->read())->changes(0, 1)).size() == 1);
}

TEST_CASE("an open transaction sees the changes of its own batches that are not committed") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, keys_of({{.key = "a"}}));
  const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
  auto transaction = need(environment->begin_write());
  const auto all = need(tables::open(transaction, false));
  change_encoder out(2, [&](change_position at, byte_span bytes) {
    return transaction.put(all.changes, encode_change(at), bytes);
  });
  need(out.key(false, "b"));
  need(out.finish());
  std::vector<std::string> found;
  const visit_change note = [&](const changed_name& name) -> result<bool> {
    found.push_back(as_text(name));
    return true;
  };
  need(for_each_change(transaction, all, 0, note));
  need(for_each_change(transaction, all, 1, note));
  need(for_each_change(transaction, all, 2, note));
  REQUIRE(found == std::vector<std::string>{"1+'a'", "2+'b'", "2+'b'"});
}

TEST_CASE("changes that were trimmed or written before format 6 are not found") {
  const temporary_directory home;
  namespace_store_options options;
  options.history_batches = 0;  // the newest stays all the same
  const auto directory = home.path() / "docs";
  auto store = create(directory, 2, options);
  for (int i = 0; i < 10; ++i)
    write(*store, keys_of({{.key = "k"}}));
  maintain_all(*store, 4);
  REQUIRE(code_of(changed_after(*store, 3)) == errc::not_found);
  REQUIRE(need(changed_after(*store, 4)).size() == 6);
  maintain_all(*store, 10);
  REQUIRE(code_of(changed_after(*store, 8)) == errc::not_found);
  REQUIRE(need(changed_after(*store, 9)).size() == 1);
  REQUIRE(need(changed_after(*store, 10)).empty());

  auto old = create(home.path() / "old", 2);
  write(*old, keys_of({{.key = "k"}}));
  write(*old, keys_of({{.key = "k"}}));
  forget_names(*old, 2);
  old.reset();
  old = need(namespace_store::open(home.path() / "old", {}));
  write(*old, keys_of({{.key = "new"}}));
  REQUIRE(code_of(changed_after(*old, 0)) == errc::not_found);
  REQUIRE(code_of(changed_after(*old, 1)) == errc::not_found);
  REQUIRE(need(changed_after(*old, 2)) == std::vector<std::string>{"3+'new'"});
  REQUIRE(need(need(old->read())->changes(0, 10)).size() == 3);
}

TEST_CASE("a change table that lost a part is corruption") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 1);
  write(*store, batch_of(write_kind::add, {"a"}, vectors_of(1, 1, 1)));
  write(*store, batch_of(write_kind::add, {"b"}, vectors_of(1, 1, 1)));
  write(*store, batch_of(write_kind::add, {"c"}, vectors_of(1, 1, 1)));
  const auto without = [&](change_position lost, const auto& check) {
    const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
    auto transaction = need(environment->begin_write());
    const auto all = need(tables::open(transaction, false));
    REQUIRE(need(transaction.erase(all.changes, encode_change(lost))));
    check(for_each_change(transaction, all, 0, [](const changed_name&) { return true; }));
  };
  const auto corrupt = [](const result<void>& outcome) {
    REQUIRE(code_of(outcome) == errc::corruption);
  };
  without({1, 1}, corrupt);
  without({2, 0}, corrupt);
  without({3, 1}, corrupt);
}
