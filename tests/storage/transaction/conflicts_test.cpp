// What was read must not have changed when a transaction commits.
#include "storage/transaction/conflicts.hpp"

#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

write_batch key_batch(std::vector<key_write> keys) {
  write_batch batch;
  batch.keys = std::move(keys);
  return batch;
}

struct fixture {
  temporary_directory home;
  std::unique_ptr<namespace_store> store = create(home.path() / "docs", 2);
  transaction_batch committed;

  fixture() {
    write(*store, batch_of(write_kind::add, {"a", "b", 1, 2, 3}, vectors_of(5, 2, 1)));
    write(*store, key_batch({{.key = "k", .value = "1"}, {.key = "m", .value = "2"}}));
    committed.snapshot = 2;
    committed.parts = {key_batch({{.key = "mine", .value = "x"}})};
  }

  // Whether it may commit after another one has written `batch`.
  errc after(const write_batch& batch) {
    write(*store, batch);
    const auto outcome = store->apply(committed);
    need(store->commit());
    return outcome ? errc{} : outcome.error().code;
  }
};

}  // namespace

TEST_CASE("a record or a key that was read and then changed is a conflict, and others are not") {
  fixture test;
  test.committed.reads.add_record("a");
  test.committed.reads.add_record(2);
  test.committed.reads.add_key("k");
  CHECK(test.after(batch_of(write_kind::upsert, {"b", 1, 3}, vectors_of(3, 2, 2))) == errc{});
  CHECK(test.after(key_batch({{.key = "k0", .value = ""}, {.key = "m"}})) == errc{});
  SECTION("a record") {
    auto update = batch_of(write_kind::update, {"a"});
    update.metadata = {{{"x", 1}}};
    CHECK(test.after(update) == errc::conflict);
  }
  SECTION("a record among numbers that follow each other") {
    CHECK(test.after(batch_of(write_kind::upsert, {1, 2, 3}, vectors_of(3, 2, 2))) ==
          errc::conflict);
  }
  SECTION("an erased record") {
    CHECK(test.after(batch_of(write_kind::erase, {"a"})) == errc::conflict);
  }
  SECTION("a key") {
    CHECK(test.after(key_batch({{.key = "k", .change = key_change::erase}})) == errc::conflict);
  }
  CHECK(need(need(test.store->read())->get_keys({{"mine"}}, no_limit)).found.front().has_value());
}

TEST_CASE("a key that comes into a range that was read is a conflict") {
  fixture test;
  test.committed.reads.add_keys("k", "l");
  CHECK(test.after(key_batch({{.key = "l", .value = ""}, {.key = "j", .value = ""}})) == errc{});
  CHECK(test.after(key_batch({{.key = "kk", .value = ""}})) == errc::conflict);
}

TEST_CASE("any record that is written is a conflict for who depends on all of them") {
  fixture test;
  test.committed.reads.add_all_records();
  CHECK(test.after(key_batch({{.key = "k", .value = ""}})) == errc{});
  CHECK(test.after(batch_of(write_kind::add, {"new"}, vectors_of(1, 2, 3))) == errc::conflict);
}

TEST_CASE(
    "a change that is applied and not committed yet counts, and what is refused leaves none") {
  fixture test;
  test.committed.reads.add_key("k");
  need(test.store->apply(key_batch({{.key = "k", .value = "other"}})));
  const auto refused = test.store->apply(test.committed);
  REQUIRE(code_of(refused) == errc::conflict);
  CHECK(refused.error().message.find("key 'k'") != std::string::npos);
  REQUIRE(need(test.store->commit()) == 3);
  CHECK_FALSE(
      need(need(test.store->read())->get_keys({{"mine"}}, no_limit)).found.front().has_value());
}

TEST_CASE("a transaction that is older than the history is a conflict") {
  const temporary_directory home;
  namespace_store_options options;
  options.history_batches = 2;
  auto store = create(home.path() / "docs", 2, options);
  for (int i = 0; i < 10; ++i)
    write(*store, key_batch({{.key = "other", .value = "1"}}));
  maintain_all(*store, 8);
  transaction_batch committed;
  committed.snapshot = 1;
  committed.parts = {key_batch({{.key = "mine", .value = "x"}})};
  committed.reads.add_key("k");
  REQUIRE(code_of(store->apply(committed)) == errc::conflict);
}

TEST_CASE("parts with different vectors commit under one LSN and survive reopening") {
  const temporary_directory home;
  auto config = config_of(2);
  config.named.push_back({.name = "image", .dimension = 3});
  auto store = need(create_store(home.path() / "docs", config, {}, {}));
  write(*store, batch_of(write_kind::add, {"old", "z"}, vectors_of(2, 2, 9)));
  transaction_batch committed;
  committed.snapshot = 1;
  committed.parts.push_back(batch_of(write_kind::upsert, {"m", "zz"}, vectors_of(2, 2, 1)));
  committed.parts.push_back(batch_of(write_kind::upsert, {"b", "y"}));
  committed.parts.back().named.push_back({"image", vectors_of(2, 3, 2)});
  committed.parts.push_back(batch_of(write_kind::erase, {"old"}));
  const auto applied = need(store->apply(committed));
  CHECK(applied.result.affected == 5);
  CHECK(applied.changes.added.size() == 4);
  CHECK(applied.changes.removed.size() == 1);
  REQUIRE(need(store->commit()) == 2);
  store.reset();
  store = need(namespace_store::open(home.path() / "docs", {}));
  const auto view = need(store->read());
  const auto found = need(view->get({{"m", "zz", "b", "y", "old", "z"}}, no_limit));
  CHECK(found.found.ids == std::vector<record_id>{"m", "zz", "b", "y", "z"});
  CHECK(found.found.versions == std::vector<lsn_t>{2, 2, 2, 2, 1});
  CHECK(found.missing == std::vector<record_id>{"old"});
  CHECK(need(view->changes(1, 10)).front().added.size() == 4);
}
