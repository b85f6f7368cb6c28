#include "storage/consumer_table.hpp"

#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

write_batch key_batch() {
  write_batch batch;
  batch.keys = {{.key = "k"}};
  return batch;
}

result<feed_position> update(namespace_store& store, const std::string& name,
                             consumer_action action, std::optional<feed_position> position = {}) {
  HEARTH_TRY(const auto moved, store.update_consumer({name, action, position}));
  HEARTH_CHECK(store.commit());
  return moved;
}

std::vector<feed_consumer> consumers(const namespace_store& store) {
  return need(need(store.read())->consumers());
}

}  // namespace

TEST_CASE("consumers are opened where they want, move forward only, and survive reopening") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  for (int i = 0; i < 5; ++i)
    write(*store, key_batch());
  using enum consumer_action;
  REQUIRE(code_of(update(*store, "a", acknowledge, feed_position{1, 0})) == errc::not_found);
  REQUIRE(code_of(update(*store, "a", erase)) == errc::not_found);
  REQUIRE(need(update(*store, "now", open)) == feed_position{5, 0});
  REQUIRE(need(update(*store, "a", open, feed_position{1, 0})) == feed_position{1, 0});
  REQUIRE(need(update(*store, "a", open, feed_position{4, 0})) == feed_position{1, 0});
  REQUIRE(need(update(*store, "a", acknowledge, feed_position{2, 3})) == feed_position{2, 3});
  REQUIRE(need(update(*store, "a", acknowledge, feed_position{2, 1})) == feed_position{2, 3});
  REQUIRE(code_of(update(*store, "a", acknowledge, feed_position{5, 1})) == errc::invalid_argument);
  REQUIRE(code_of(update(*store, "b", open, feed_position{6, 0})) == errc::invalid_argument);
  store.reset();
  store = need(namespace_store::open(home.path() / "docs", {}));
  REQUIRE(consumers(*store) == std::vector<feed_consumer>{{"a", {2, 3}}, {"now", {5, 0}}});
  REQUIRE(need(store->read())->lsn() == 5);  // a position is no write
  REQUIRE(need(update(*store, "a", erase)) == feed_position{2, 3});
  REQUIRE(consumers(*store).size() == 1);
}

TEST_CASE("a position that was not committed is not there") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, key_batch());
  need(store->update_consumer({"a", consumer_action::open, {}}));
  REQUIRE(consumers(*store).empty());
  store.reset();  // as a crash would
  store = need(namespace_store::open(home.path() / "docs", {}));
  REQUIRE(consumers(*store).empty());
}

TEST_CASE("history is kept for consumers, up to ten times what is kept anyway") {
  const temporary_directory home;
  namespace_store_options options;
  options.history_batches = 5;
  auto store = create(home.path() / "docs", 2, options);
  write(*store, key_batch());
  need(update(*store, "slow", consumer_action::open));
  const auto reaches = [&](lsn_t after) {
    const auto walked =
        need(store->read())->for_each_change(after, [](const changed_name&) { return true; });
    REQUIRE((walked || walked.error().code == errc::not_found));
    return walked.has_value();
  };
  for (lsn_t lsn = 2; lsn <= 51; ++lsn)
    write(*store, key_batch());
  maintain_all(*store, 51);
  REQUIRE(reaches(1));
  REQUIRE_FALSE(reaches(0));
  for (lsn_t lsn = 52; lsn <= 61; ++lsn)
    write(*store, key_batch());
  maintain_all(*store, 61);
  REQUIRE(reaches(11));  // fifty
  REQUIRE_FALSE(reaches(10));
  need(update(*store, "slow", consumer_action::acknowledge, feed_position{30, 0}));
  maintain_all(*store, 61);
  REQUIRE(reaches(30));
  REQUIRE_FALSE(reaches(29));
  need(update(*store, "slow", consumer_action::erase));
  maintain_all(*store, 61);
  REQUIRE(reaches(56));
  REQUIRE_FALSE(reaches(55));
}

TEST_CASE("there are as many consumers as the limit says, and a damaged one is corruption") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  for (std::size_t i = 0; i < limits::feed_consumers; ++i)
    need(store->update_consumer({std::to_string(i), consumer_action::open, {}}));
  REQUIRE(code_of(store->update_consumer({"more", consumer_action::open, {}})) ==
          errc::limit_exceeded);
  need(store->update_consumer({"7", consumer_action::erase, {}}));
  need(store->update_consumer({"more", consumer_action::open, {}}));
  need(store->commit());

  const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
  auto transaction = need(environment->begin_write());
  const auto all = need(tables::open(transaction, false));
  const auto key = lmdb::as_key("3");
  const auto found = *need(transaction.get(all.consumers, key));
  const buffer good(found.begin(), found.end());
  for_each_damage(good, [&](const buffer& damaged) {
    need(transaction.put(all.consumers, key, damaged));
    REQUIRE(code_of(list_consumers(transaction, all)) == errc::corruption);
  });
}
