// Damaged items, payloads, orders and heads are said to be damaged, harm nothing else, and can be
// removed.
#include "storage/queue/queue_codec.hpp"
#include "tests/storage/queue/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

// Flips a bit of the first entry of a table; of its key or its value.
void damage(namespace_store& store, const char* table, bool in_key = false) {
  const auto& environment = dynamic_cast<lmdb_namespace_store&>(store).environment();
  auto in = need(environment->begin_write());
  const auto which = need(in.open_table(table, false));
  std::vector<std::byte> key;
  std::vector<std::byte> value;
  {
    auto entries = need(in.open_cursor(which));
    REQUIRE(need(entries.first()));
    key.assign(entries.key().begin(), entries.key().end());
    value.assign(entries.value().begin(), entries.value().end());
  }
  if (in_key) {
    REQUIRE(need(in.erase(which, key)));
    key.back() ^= std::byte{64};
  } else {
    value.back() ^= std::byte{1};
  }
  need(in.put(which, key, value));
  need(in.commit());
}

struct fixture {
  fixture() : store(create_with(home.path() / "docs", clock)) {
    need(store->apply(queue_batch({push_of("first"), push_of("second")})));
    auto other = push_of("other");
    other.queue = "zz";
    run(*store, other);
  }

  // The other queue, and all that is not a queue, goes on.
  void check_others() const {
    auto lease = lease_of(1);
    lease.queue = "zz";
    CHECK(run(*store, lease).leased.size() == 1);
    write_batch key;
    key.keys = {{.key = "k", .value = "v"}};
    write(*store, key);
    CHECK_FALSE(store->read_only_reason().has_value());
  }

  temporary_directory home;
  test_clock clock;
  std::unique_ptr<namespace_store> store;
};

}  // namespace

TEST_CASE("a damaged item or payload is refused by name, and can be removed") {
  for (const auto* table : {"queue_items", "queue_payloads"}) {
    CAPTURE(table);
    const fixture it;
    damage(*it.store, table);
    const auto refused = it.store->apply(queue_batch({lease_of(1)}));
    REQUIRE(code_of(refused) == errc::corruption);
    CHECK(refused.error().message.find("item 1") != std::string::npos);
    CHECK(code_of(need(it.store->read())->scan_items({.queue = "tasks"}, no_limit)) ==
          errc::corruption);
    it.check_others();
    REQUIRE(run(*it.store, named(queue_change::remove, 1)).changed);
    CHECK(info_of(*it.store).ready == 1);
    CHECK(run(*it.store, lease_of(5)).leased.at(0).payload == "second");
  }
}

TEST_CASE("a damaged order or head of a queue is refused and harms no other") {
  for (const auto* table : {"queue_order", "queues"}) {
    for (const bool in_key : {false, true}) {
      CAPTURE(table, in_key);
      if (std::string_view(table) == "queues" && in_key)
        continue;  // that is another queue, whose checksum is wrong
      const fixture it;
      damage(*it.store, table, in_key);
      CHECK(code_of(it.store->apply(queue_batch({lease_of(1)}))) == errc::corruption);
      CHECK(code_of(need(it.store->read())->scan_items({.queue = "tasks"}, no_limit)) ==
            errc::corruption);
      it.check_others();
    }
  }
}

TEST_CASE("an entry of the order that its item does not know is refused") {
  const fixture it;
  const auto& environment = dynamic_cast<lmdb_namespace_store&>(*it.store).environment();
  auto in = need(environment->begin_write());
  const auto tables = need(queue_tables::open(in));
  stored_item ghost;
  ghost.priority = 5;
  need(write_place(in, tables, place_of({1, 99}, ghost)));
  need(in.commit());
  CHECK(code_of(it.store->apply(queue_batch({lease_of(1)}))) == errc::corruption);
  CHECK(code_of(need(it.store->read())->get_queues({"tasks"})) == errc::corruption);
  it.check_others();
}
