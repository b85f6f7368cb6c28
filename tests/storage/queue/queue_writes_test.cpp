#include "storage/queue/queue_writes.hpp"

#include "tests/storage/queue/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

std::vector<std::string> payloads(const std::vector<queue_item>& items) {
  std::vector<std::string> found;
  for (const auto& each : items)
    found.push_back(each.payload);
  return found;
}

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("items are leased by priority, and equal ones in the order of their pushes") {
  const temporary_directory home;
  const test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  const auto done = need(store->apply(
      queue_batch({push_of("low", -2'147'483'647 - 1), push_of("a"), push_of("high", 2'147'483'647),
                   push_of("b"), push_of("up", 1), push_of("down", -1), push_of("c")})));
  need(store->commit());
  REQUIRE(done.result.queue.size() == 7);
  REQUIRE(done.result.queue[2].item == 3);
  REQUIRE(done.result.queue[2].state == item_state::ready);
  REQUIRE(payloads(items_in(*store, item_state::ready, 2)) ==
          texts{"high", "up", "a", "b", "c", "down", "low"});
  const auto first = run(*store, lease_of(3)).leased;
  REQUIRE(payloads(first) == texts{"high", "up", "a"});
  REQUIRE(first[1].id == 5);
  REQUIRE(first[1].attempts == 1);
  REQUIRE(first[1].max_attempts == 5);
  REQUIRE(first[1].due_ms == clock.now_ms + 1000);
  REQUIRE(first[1].consumer == "worker");
  REQUIRE(first[1].token != 0);
  REQUIRE(payloads(run(*store, lease_of(100)).leased) == texts{"b", "c", "down", "low"});
  REQUIRE(run(*store, lease_of(1)).leased.empty());
  const auto held = items_in(*store, item_state::leased);
  REQUIRE(held.size() == 7);
  REQUIRE(held.front().token == 0);  // who lists may not ack
}

TEST_CASE(
    "an operation sees those before it in its batch, and a batch happens whole or not at all") {
  const temporary_directory home;
  const test_clock clock;
  const auto directory = home.path() / "docs";
  auto store = create_with(directory, clock);
  auto batch = queue_batch({push_of("a"), lease_of(1), push_of("b", 3), push_of("c", 4),
                            lease_of(5), named(queue_change::remove, 2)});
  batch.kind = write_kind::add;
  batch.ids = {"record"};
  batch.vectors = vectors_of(1, 2, 1);
  batch.keys = {{.key = "k", .value = "v"}};
  const auto done = need(store->apply(batch)).result;
  REQUIRE(payloads(done.queue[1].leased) == texts{"a"});
  REQUIRE(payloads(done.queue[4].leased) == texts{"c", "b"});
  need(store->commit());

  // The record, the key or a token is refused: nothing of the others stays.
  batch.queue = {push_of("d"), named(queue_change::ack, 1, done.queue[1].leased[0].token)};
  REQUIRE(code_of(store->apply(batch)) == errc::already_exists);
  batch.ids = {"other"};
  batch.keys = {{.key = "k", .value = "w", .expected = 99}};
  REQUIRE(code_of(store->apply(batch)) == errc::conflict);
  batch.keys = {{.key = "k", .value = "w"}};
  batch.queue.push_back(named(queue_change::ack, 3, 7));
  const auto refused = store->apply(batch);
  REQUIRE(code_of(refused) == errc::conflict);
  REQUIRE(refused.error().message.find("queue[2]: the lease of item 3") != std::string::npos);
  need(store->commit());
  store = nullptr;
  namespace_store_options options;
  options.clock = &clock;
  store = need(namespace_store::open(directory, options));
  REQUIRE(info_of(*store) == queue_info{.name = "tasks", .leased = 2});
  REQUIRE(need(store->read())->record_count() == 1);
  REQUIRE(need(need(store->read())->get_keys({{"k"}}, no_limit)).found[0]->value == "v");

  batch.queue.pop_back();
  REQUIRE(need(store->apply(batch)).result.queue[1].state == item_state::gone);
  need(store->commit());
  REQUIRE(info_of(*store) == queue_info{.name = "tasks", .ready = 1, .leased = 1});
}

TEST_CASE("a lease that found nothing takes no LSN and needs no commit") {
  const temporary_directory home;
  const test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  const auto nothing = need(store->apply(queue_batch({lease_of(1)})));
  REQUIRE(nothing.idle);
  REQUIRE(nothing.result.lsn == 0);
  REQUIRE(nothing.result.queue.front().leased.empty());
  run(*store, push_of("later", 0, 50));
  const auto early = need(store->apply(queue_batch({lease_of(1)})));
  REQUIRE(early.idle);
  REQUIRE(early.result.lsn == 1);
  REQUIRE(need(store->commit()) == 1);
  REQUIRE_FALSE(need(store->apply(queue_batch({push_of("x"), lease_of(1)}))).idle);
  REQUIRE(need(store->commit()) == 2);
}

TEST_CASE("delays and leases end by the clock, also one that jumps") {
  const temporary_directory home;
  test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  run(*store, push_of("a", 0, 500));
  clock.now_ms += 499;
  REQUIRE(run(*store, lease_of(1)).leased.empty());
  REQUIRE(info_of(*store) == queue_info{.name = "tasks", .delayed = 1});
  clock.now_ms += 1;
  const auto first = run(*store, lease_of(1)).leased.at(0);
  clock.now_ms -= 3'600'000;  // back: the lease lasts longer
  REQUIRE(run(*store, lease_of(1)).leased.empty());
  clock.now_ms += 3'600'000 + 999;
  REQUIRE(run(*store, lease_of(1)).leased.empty());
  clock.now_ms += 1;
  const auto second = run(*store, lease_of(1)).leased.at(0);
  REQUIRE(second.id == first.id);
  REQUIRE(second.attempts == 2);
  REQUIRE(second.token != first.token);
  const auto stale = store->apply(queue_batch({named(queue_change::ack, first.id, first.token)}));
  REQUIRE(code_of(stale) == errc::conflict);
  REQUIRE(stale.error().message.find("leased again") != std::string::npos);
  run(*store, named(queue_change::ack, second.id, second.token));
  const auto done = store->apply(queue_batch({named(queue_change::ack, first.id, second.token)}));
  REQUIRE(code_of(done) == errc::conflict);
  REQUIRE(done.error().message.find("is done") != std::string::npos);
}

TEST_CASE("a lease whose time is over counts until somebody takes the item up") {
  const temporary_directory home;
  test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  run(*store, push_of("a"));
  const auto held = run(*store, lease_of(1)).leased.at(0);
  clock.now_ms += 5000;
  auto extension = named(queue_change::extend, held.id, held.token);
  extension.visibility_ms = 2000;
  REQUIRE(run(*store, extension).due_ms == clock.now_ms + 2000);
  clock.now_ms += 1999;
  REQUIRE(run(*store, lease_of(1)).leased.empty());
  clock.now_ms += 1;
  REQUIRE(run(*store, named(queue_change::ack, held.id, held.token)).state == item_state::gone);

  // An ack behind a lease that takes the item back is too late, in one batch as in two.
  run(*store, push_of("b"));
  const auto lost = run(*store, lease_of(1)).leased.at(0);
  clock.now_ms += 1000;
  REQUIRE(code_of(store->apply(queue_batch(
              {lease_of(1), named(queue_change::ack, lost.id, lost.token)}))) == errc::conflict);
  REQUIRE(
      need(store->apply(queue_batch({named(queue_change::ack, lost.id, lost.token), lease_of(1)})))
          .result.queue[1]
          .leased.empty());
}

TEST_CASE("what fails too often is dead, until it is requeued or removed") {
  const temporary_directory home;
  test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  run(*store, push_of("a", 0, 0, 2));
  auto held = run(*store, lease_of(1)).leased.at(0);
  auto back = named(queue_change::nack, held.id, held.token);
  back.delay_ms = 100;
  REQUIRE(run(*store, back).state == item_state::delayed);
  REQUIRE(code_of(store->apply(queue_batch({back}))) == errc::conflict);
  clock.now_ms += 100;
  held = run(*store, lease_of(1)).leased.at(0);
  clock.now_ms += 1000;
  REQUIRE(run(*store, lease_of(1)).leased.empty());  // its second lease ended: it is dead
  REQUIRE(info_of(*store) == queue_info{.name = "tasks", .dead = 1});
  REQUIRE(items_in(*store, item_state::dead).at(0).attempts == 2);
  REQUIRE(run(*store, named(queue_change::requeue, held.id)).state == item_state::ready);
  REQUIRE(code_of(store->apply(queue_batch({named(queue_change::requeue, held.id)}))) ==
          errc::not_found);
  REQUIRE(code_of(store->apply(queue_batch({named(queue_change::requeue, 99)}))) ==
          errc::not_found);
  held = run(*store, lease_of(1)).leased.at(0);
  REQUIRE(held.attempts == 1);
  back = named(queue_change::nack, held.id, held.token);
  back.dead = true;
  REQUIRE(run(*store, back).state == item_state::dead);
  REQUIRE(run(*store, named(queue_change::remove, held.id)).changed);
  REQUIRE_FALSE(run(*store, named(queue_change::remove, held.id)).changed);
  REQUIRE(need(need(store->read())->get_queues({})).queues.empty());
}

TEST_CASE("what comes back stands behind those of its priority that wait") {
  const temporary_directory home;
  test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  need(store->apply(queue_batch({push_of("a"), push_of("b"), push_of("c")})));
  const auto held = run(*store, lease_of(1)).leased.at(0);
  clock.now_ms += 40;
  REQUIRE(run(*store, named(queue_change::nack, held.id, held.token)).state == item_state::ready);
  REQUIRE(payloads(items_in(*store, item_state::ready)) == texts{"b", "c", "a"});
  REQUIRE(info_of(*store).oldest_ready_ms == 40);
}

TEST_CASE("queues are apart, there as long as they have items, and listed by name") {
  const temporary_directory home;
  const test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  const std::string longest(limits::queue_name_bytes, 'q');
  for (const std::string& name : {longest, std::string("b"), std::string("a")}) {
    auto push = push_of(name);
    push.queue = name;
    run(*store, push);
  }
  auto lease = lease_of(5);
  lease.queue = "b";
  const auto held = run(*store, lease).leased;
  REQUIRE(payloads(held) == texts{"b"});
  const auto all = need(need(store->read())->get_queues({})).queues;
  REQUIRE(all.size() == 3);
  REQUIRE(all[0] == queue_info{.name = "a", .ready = 1});
  REQUIRE(all[1] == queue_info{.name = "b", .leased = 1});
  REQUIRE(all[2].name == longest);
  auto ack = named(queue_change::ack, held[0].id, held[0].token);
  REQUIRE(code_of(store->apply(queue_batch({ack}))) == errc::conflict);  // of another queue
  ack.queue = "b";
  run(*store, ack);
  REQUIRE(need(need(store->read())->get_queues({})).queues.size() == 2);
  REQUIRE(info_of(*store) == queue_info{.name = "tasks"});
}

TEST_CASE("one lease takes no more than its reply may hold, and one page no more than it may") {
  const temporary_directory home;
  const test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  const std::string large(limits::queue_payload_bytes, 'x');
  for (int i = 0; i < 3; ++i)
    run(*store, push_of(large));
  const auto both = need(store->apply(queue_batch({lease_of(1000), lease_of(1)}))).result.queue;
  REQUIRE(both[0].leased.size() == 1);  // two of them and their overhead are more
  REQUIRE(both[0].leased[0].payload == large);
  REQUIRE(both[1].leased.empty());
  need(store->commit());
  item_scan scan{.queue = "tasks", .state = item_state::ready};
  REQUIRE(need(need(store->read())->scan_items(scan, 1000)).items.size() == 1);
  scan.payloads = false;
  const auto page = need(need(store->read())->scan_items(scan, 1000));
  REQUIRE(page.items.size() == 2);
  REQUIRE(page.items[0].payload.empty());
  REQUIRE(page.items[0].payload_bytes == large.size());
  for (const std::string& cursor : {std::string("x"), std::string("q"), std::string(22, 'q')}) {
    scan.cursor = cursor;
    REQUIRE(code_of(need(store->read())->scan_items(scan, 1000)) == errc::invalid_argument);
  }
}

TEST_CASE("more may be due than one batch takes up") {
  const temporary_directory home;
  test_clock clock;
  auto store = create_with(home.path() / "docs", clock);
  const auto count = limits::queue_due_items + 5;
  need(store->apply(queue_batch(std::vector<queue_write>(count, push_of("d", 0, 10)))));
  clock.now_ms += 10;
  REQUIRE(run(*store, lease_of(1)).leased.size() == 1);
  REQUIRE(info_of(*store).delayed == 5);
  REQUIRE(run(*store, lease_of(1000)).leased.size() == 1000);
  REQUIRE(run(*store, lease_of(1000)).leased.size() == 4);
}

TEST_CASE("a namespace of an older format gets queues with its first item") {
  const temporary_directory home;
  const test_clock clock;
  const auto directory = home.path() / "docs";
  const auto format_of = [](const namespace_store& store) {
    const auto& environment = dynamic_cast<const lmdb_namespace_store&>(store).environment();
    auto in = need(environment->begin_write());
    const auto meta = need(in.open_table("meta", false));
    std::uint64_t version = 1;
    while (!check_format(in, meta, version))
      ++version;
    return version;
  };
  auto store = create_with(directory, clock);
  {
    const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
    auto in = need(environment->begin_write());
    need(write_format(in, need(in.open_table("meta", false)), 5));
    for (const auto* name : {"queues", "queue_items", "queue_payloads", "queue_order"})
      REQUIRE(::mdb_drop(in.handle(), need(in.open_table(name, false)), 1) == 0);
    need(in.commit());
  }
  store = nullptr;
  store = need(namespace_store::open(directory, {}));
  REQUIRE(info_of(*store) == queue_info{.name = "tasks"});
  REQUIRE(format_of(*store) == 5);
  run(*store, push_of("first"));
  REQUIRE(format_of(*store) == 6);
  REQUIRE(info_of(*store).ready == 1);
}
