// The writer on a scheduler and clock that the test owns: grouping, order, waiting, failure.
#include "actors/writer_actor.hpp"

#include "tests/actors/fake_store.hpp"
#include "tests/actors/scheduled_system.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

constexpr std::uint32_t dimension = 4;

// Takes changes like a shard, and answers when the test lets it.
struct shard_double {
  std::vector<std::shared_ptr<const shard_changes>> seen;
  std::vector<caf::typed_response_promise<changes_applied>> held;
  bool hold = false;
};

shard_actor::behavior_type fake_shard(shard_actor::pointer self, shard_double* notes) {
  return {
      [](const index_loaded&) {},
      [](const index_progress&) {},
      [](const index_nearly_built&) {},
      [](const index_built&) {},
      [](const rows_inserted&) {},
      [](const rows_erased&) {},
      [](const snapshot_done&) {},
      [](const shard_start&) {},
      [self, notes](const apply_changes& message) -> caf::result<changes_applied> {
        notes->seen.push_back(message.changes);
        if (!notes->hold)
          return changes_applied{};
        notes->held.push_back(self->make_response_promise<changes_applied>());
        return notes->held.back();
      },
      [](const index_threw&) {},
      [](const shard_stop&) { return shard_stopped{}; },
      [](const shard_checkpoint&) { return shard_checkpointed{}; },
      [notes](const snapshot_due&) {  // stands for "answer now"
        for (auto& promise : std::exchange(notes->held, {}))
          promise.deliver(changes_applied{});
      },
  };
}

// One writer with its shards, and what became of each write.
class writer_bench {
 public:
  explicit writer_bench(writer_options options = {}, std::uint32_t shard_count = 1,
                        std::size_t queue_bytes = 1 << 20) {
    namespace_config config;
    config.dimension = dimension;
    config.shards = shard_count;
    auto made = std::make_unique<fake_store>(config);
    store = made.get();
    space = std::make_shared<open_namespace>("docs", std::move(made), queue_bytes, nullptr);
    options.space = space;
    options.log = log;
    options.detached = false;
    writer = spawn_writer(system.actors(), options);
    shards.resize(shard_count);
    for (std::size_t index = 0; index < shard_count; ++index) {
      shards[index] = std::make_unique<shard_double>();
      shard_actors.push_back(system.actors().spawn(fake_shard, shards[index].get()));
      epochs.push_back(space->index(0)->shard(index).take_over());
      caf::anon_send(writer,
                     connect_shard{space->index(0), index, shard_actors[index], epochs[index]});
    }
    system.run();
  }
  ~writer_bench() {
    caf::anon_send_exit(writer, caf::exit_reason::user_shutdown);
    for (const auto& each : shard_actors)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    system.run();
    calls.stop();
  }

  /// Sends a write of `rows` rows; its outcome appears in `outcomes` at the answered number.
  std::size_t write(std::size_t rows = 1, durability ack = durability::sync) {
    write_batch batch;
    batch.ack = ack;
    batch.vectors = random_vectors(rows, dimension, outcomes.size());
    const auto number = outcomes.size();
    outcomes.emplace_back();
    const auto bytes = batch_size(batch);
    must(space->reserve(bytes));
    call<write_result> answer(calls, [this, number](result<write_result> outcome) {
      order.push_back(number);
      visible_at_ack.push_back(space->visible_lsn());
      outcomes[number] = std::move(outcome);
    });
    caf::anon_send(writer,
                   write_message{std::make_shared<const write_job>(
                       namespace_lease(space), std::move(batch), bytes, std::move(answer))});
    return number;
  }

  std::optional<result<lsn_t>> flush(lsn_t lsn) {
    auto flushed = std::make_shared<std::optional<result<lsn_t>>>();
    call<lsn_t> answer(calls, [flushed](result<lsn_t> outcome) { *flushed = std::move(outcome); });
    caf::anon_send(writer, flush_message{std::make_shared<const flush_job>(
                               flush_job{namespace_lease(space), lsn, std::move(answer)})});
    system.run();
    return *flushed;
  }

  /// Lets a shard answer what it holds.
  void release(std::size_t shard) {
    caf::anon_send(shard_actors[shard], snapshot_due{});
    system.run();
  }

  [[nodiscard]] std::size_t settled() const { return order.size(); }
  [[nodiscard]] std::size_t traced(const std::string& step) const {
    return static_cast<std::size_t>(std::ranges::count(store->trace, step));
  }

  std::shared_ptr<event_log> log = std::make_shared<event_log>();
  call_table calls{1h};
  scheduled_system system;
  std::shared_ptr<open_namespace> space;
  fake_store* store = nullptr;
  writer_actor writer;
  std::vector<std::unique_ptr<shard_double>> shards;
  std::vector<shard_actor> shard_actors;
  std::vector<std::uint64_t> epochs;
  std::vector<std::optional<result<write_result>>> outcomes;
  std::vector<std::size_t> order;
  std::vector<lsn_t> visible_at_ack;
};

TEST_CASE("everything that has arrived goes into one commit, and is acknowledged in order") {
  writer_bench bench;
  for (int i = 0; i < 20; ++i)
    bench.write();
  REQUIRE(bench.settled() == 0);
  bench.system.run();
  REQUIRE(bench.traced("commit") == 1);
  REQUIRE(bench.settled() == 20);
  REQUIRE(std::ranges::is_sorted(bench.order));
  for (const auto& outcome : bench.outcomes)
    REQUIRE((*outcome)->durable_lsn == 20);
  REQUIRE(bench.shards[0]->seen.size() == 1);
  REQUIRE(bench.shards[0]->seen[0]->added.size() == 20);
  for (const auto& batch : bench.shards[0]->seen[0]->added)
    REQUIRE(batch.vectors.rows() == batch.rows.size());
}

TEST_CASE("a group is capped by batches and by bytes") {
  writer_options options;
  SECTION("batches") {
    options.group_batches = 4;
  }
  SECTION("bytes") {
    options.group_bytes = 4 * dimension * sizeof(float);
  }
  options.unconfirmed_groups = 100;
  writer_bench bench(options);
  for (int i = 0; i < 12; ++i)
    bench.write();
  bench.system.run();
  REQUIRE(bench.traced("commit") == 3);
  REQUIRE(bench.settled() == 12);
}

TEST_CASE("a write is acknowledged only after the shards have taken it") {
  writer_bench bench({}, 2);
  bench.shards[1]->hold = true;
  bench.write(8);
  bench.system.run();
  REQUIRE(bench.traced("commit") == 1);
  REQUIRE(bench.settled() == 0);
  REQUIRE(bench.space->visible_lsn() == 0);
  bench.release(1);
  bench.system.run();
  REQUIRE(bench.settled() == 1);
  REQUIRE(bench.visible_at_ack == std::vector<lsn_t>{1});
}

TEST_CASE("rows go to the shard that their number names, with their vectors") {
  writer_bench bench({}, 3);
  bench.write(5);
  bench.write(4);
  bench.system.run();
  std::size_t rows = 0;
  for (std::size_t shard = 0; shard < 3; ++shard) {
    REQUIRE(bench.shards[shard]->seen.size() == 1);
    const auto& changes = *bench.shards[shard]->seen[0];
    REQUIRE(changes.added.size() == 2);
    for (std::size_t batch = 0; batch < 2; ++batch) {
      const auto& [added, vectors] = changes.added[batch];
      REQUIRE(vectors.rows() == added.size());
      rows += added.size();
      const auto expected = random_vectors(batch == 0 ? 5 : 4, dimension, batch);
      for (std::size_t index = 0; index < added.size(); ++index) {
        REQUIRE(added[index] % 3 == shard);
        REQUIRE(std::ranges::equal(vectors.view().row(index),
                                   expected.view().row(added[index] - (batch == 0 ? 1 : 6))));
      }
    }
  }
  REQUIRE(rows == 9);
}

TEST_CASE("a group that is confirmed early waits for the one before it") {
  writer_bench bench({}, 2);
  bench.shards[0]->hold = true;
  bench.shards[1]->hold = true;
  bench.write(2);  // rows 1 and 2: both shards
  bench.system.run();
  bench.release(1);
  bench.shards[1]->hold = false;
  bench.write(1);  // row 3: shard 1, which confirms at once
  bench.system.run();
  REQUIRE(bench.settled() == 0);
  bench.release(0);
  bench.release(1);
  bench.system.run();
  REQUIRE(bench.order == std::vector<std::size_t>{0, 1});
  REQUIRE(bench.visible_at_ack == std::vector<lsn_t>{1, 2});
}

TEST_CASE("a refused batch fails alone") {
  writer_bench bench;
  bench.store->refuse_next = true;
  const auto refused = bench.write();
  const auto taken = bench.write();
  bench.system.run();
  REQUIRE(code_of(*bench.outcomes[refused]) == errc::already_exists);
  REQUIRE(bench.outcomes[taken]->has_value());
}

TEST_CASE("a lease that found nothing is answered at once, and nothing is committed for it") {
  writer_bench bench;
  bench.write();
  bench.system.run();
  REQUIRE(bench.traced("commit") == 1);
  bench.store->idle_next = true;
  const auto idle = bench.write();
  bench.system.run();
  REQUIRE(bench.outcomes[idle].has_value());
  REQUIRE((*bench.outcomes[idle])->lsn == 1);
  REQUIRE((*bench.outcomes[idle])->durable_lsn == 1);
  REQUIRE(bench.traced("commit") == 1);
  bench.write();
  bench.system.run();
  REQUIRE((*bench.outcomes.back())->lsn == 2);
}

TEST_CASE("a failed commit fails its whole group, and every later write") {
  writer_bench bench;
  bench.store->fail_next_commit = true;
  for (int i = 0; i < 3; ++i)
    bench.write();
  bench.system.run();
  for (const auto& outcome : bench.outcomes)
    REQUIRE(code_of(*outcome) == errc::no_space);
  const auto late = bench.write();
  bench.system.run();
  REQUIRE(code_of(*bench.outcomes[late]) == errc::read_only);
  REQUIRE(bench.outcomes[late]->error().message == "the disk is full");
  REQUIRE(bench.shards[0]->seen.empty());
  REQUIRE(bench.log->count(210) == 1);
  REQUIRE(bench.log->count(211) == 0);
}

TEST_CASE("interval writes are acknowledged at once and committed when the interval ends") {
  writer_options options;
  options.interval = 50ms;
  writer_bench bench(options);
  const auto number = bench.write(1, durability::interval);
  bench.system.run();
  REQUIRE(bench.outcomes[number]->has_value());
  REQUIRE((*bench.outcomes[number])->durable_lsn == 0);
  REQUIRE(bench.traced("commit") == 0);
  bench.system.advance(49ms);
  REQUIRE(bench.traced("commit") == 0);
  bench.system.advance(2ms);
  REQUIRE(bench.traced("commit") == 1);
  REQUIRE(bench.space->visible_lsn() == 1);
}

TEST_CASE("a lost interval write is reported in the log and by flush") {
  writer_options options;
  options.interval = 50ms;
  writer_bench bench(options);
  bench.write(1, durability::interval);
  bench.system.run();
  bench.store->fail_next_commit = true;
  bench.system.advance(51ms);
  REQUIRE(bench.log->count(211) == 1);
  REQUIRE(code_of(*bench.flush(0)) == errc::read_only);
}

TEST_CASE("flush commits, waits until searches see it, and knows what was never written") {
  writer_bench bench;
  bench.write(1, durability::interval);
  bench.system.run();
  bench.shards[0]->hold = true;
  REQUIRE(!bench.flush(1).has_value());  // on disk, but the shard has not taken it
  REQUIRE(bench.traced("commit") == 1);
  bench.release(0);
  bench.system.run();
  REQUIRE(bench.flush(0)->value() == 1);
  REQUIRE(bench.flush(1)->value() == 1);
  REQUIRE(code_of(*bench.flush(2)) == errc::invalid_argument);
  REQUIRE(bench.traced("commit") == 1);
}

TEST_CASE("writes wait in order while a tail is past its bound") {
  writer_options options;
  options.fresh_rows = 10;
  writer_bench bench(options);
  bench.space->index(0)->shard(0).count(bench.epochs[0], 10, 0, 0);
  bench.write();
  bench.write();
  bench.system.run();
  REQUIRE(bench.traced("apply") == 0);
  REQUIRE(bench.settled() == 0);
  REQUIRE(bench.log->count(212) == 1);
  bench.space->index(0)->shard(0).count(bench.epochs[0], 9, 0, 0);
  caf::anon_send(bench.writer, tail_has_room{});
  bench.system.run();
  REQUIRE(bench.order == std::vector<std::size_t>{0, 1});
}

TEST_CASE("writes wait while too many groups are unconfirmed") {
  writer_options options;
  options.unconfirmed_groups = 2;
  writer_bench bench(options);
  bench.shards[0]->hold = true;
  for (int i = 0; i < 4; ++i) {
    bench.write();
    bench.system.run();
  }
  REQUIRE(bench.traced("commit") == 2);
  bench.shards[0]->hold = false;
  bench.release(0);
  bench.system.run();
  REQUIRE(bench.settled() == 4);
}

TEST_CASE("the queue is bounded in bytes, and empties with its writes") {
  const auto one = dimension * sizeof(float);
  writer_bench bench({}, 1, 4 * one);
  for (int i = 0; i < 4; ++i)
    bench.write();
  const auto refused = bench.space->reserve(one);
  REQUIRE(code_of(refused) == errc::busy);
  REQUIRE(refused.error().retry_after_ms > 0);
  bench.system.run();
  must(bench.space->reserve(100 * one));  // alone, a write may be larger than the queue
  REQUIRE(code_of(bench.space->reserve(1)) == errc::busy);
  bench.space->release(100 * one);
}

TEST_CASE("a shard that dies loses its place, not the write") {
  writer_bench bench({}, 2);
  bench.shards[0]->hold = true;
  const auto number = bench.write(4);
  bench.system.run();
  REQUIRE(bench.settled() == 0);
  bench.shards[0]->held.clear();
  caf::anon_send_exit(bench.shard_actors[0], caf::exit_reason::user_shutdown);
  bench.system.run();
  bench.system.advance(61s);
  REQUIRE(bench.outcomes[number]->has_value());
  REQUIRE(bench.space->index(0)->shard(0).state() == index_state::failed);
  REQUIRE(bench.space->index(0)->shard(0).view()->exact_after == 0);
}

TEST_CASE("a write that timed out in the queue is not applied") {
  writer_bench bench;
  const auto number = bench.write();
  bench.calls.sweep(std::chrono::steady_clock::now() + 2h);
  bench.system.run();
  REQUIRE(code_of(*bench.outcomes[number]) == errc::timeout);
  REQUIRE(bench.traced("apply") == 0);
}

TEST_CASE("upkeep follows writes, step by step, and keeps the history that snapshots need") {
  writer_bench bench;
  bench.store->maintenance_steps = 2;
  bench.space->index(0)->shard(0).snapshot_lsn = 1;
  for (int i = 0; i < 3; ++i) {
    bench.write();
    bench.system.run();
  }
  REQUIRE(bench.traced("maintain") == 0);
  bench.system.advance(1s);
  REQUIRE(bench.traced("maintain") == 3);
  REQUIRE(bench.store->kept_after == 1);
  bench.system.advance(10s);
  REQUIRE(bench.traced("maintain") == 3);
}

TEST_CASE("writes that waited for a tail go on when another shard takes its place") {
  writer_options options;
  options.fresh_rows = 1;
  writer_bench bench(options);
  bench.space->index(0)->shard(0).count(bench.epochs[0], 5, 0, 0);
  bench.write();
  bench.system.run();
  REQUIRE(bench.settled() == 0);
  bench.space->index(0)->shard(0).retire(bench.epochs[0]);  // it failed
  const auto epoch = bench.space->index(0)->shard(0).take_over();
  caf::anon_send(bench.writer,
                 connect_shard{bench.space->index(0), 0, bench.shard_actors[0], epoch});
  bench.system.run();
  REQUIRE(bench.settled() == 1);
}

TEST_CASE("a flush behind a failed commit keeps no hold on the namespace") {
  writer_bench bench;
  bench.store->fail_next_commit = true;
  bench.write(1, durability::interval);
  bench.system.run();
  bench.system.advance(10s);
  for (int i = 0; i < 2; ++i) {
    const auto flushed = bench.flush(0);
    REQUIRE(flushed);
    REQUIRE(code_of(*flushed) == errc::read_only);
  }
  REQUIRE(bench.space->calls().idle());
}

TEST_CASE("stopping commits what was accepted, even past the bounds, and then quits") {
  writer_options options;
  options.fresh_rows = 1;
  writer_bench bench(options);
  bench.space->index(0)->shard(0).count(bench.epochs[0], 5, 0, 0);
  bench.write();
  bench.write(1, durability::interval);
  bench.system.run();
  REQUIRE(bench.settled() == 0);
  bool down = false;
  const auto watcher = bench.system.actors().spawn(
      [](caf::event_based_actor* self, const writer_actor& watched, bool* noted) -> caf::behavior {
        self->monitor(watched);
        self->set_down_handler([noted, self](caf::down_msg&) {
          *noted = true;
          self->quit();
        });
        return {[](int) {}};
      },
      bench.writer, &down);
  bench.system.run();
  caf::anon_send(bench.writer, writer_stop{});
  bench.system.run();
  REQUIRE(bench.settled() == 2);
  REQUIRE(bench.outcomes[0]->has_value());
  REQUIRE(bench.traced("commit") >= 1);
  REQUIRE(down);
  const auto late = bench.write();
  bench.system.run();
  REQUIRE(code_of(*bench.outcomes[late]) == errc::unavailable);
}

TEST_CASE("in whatever order messages run, writes are acknowledged in order and are visible") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    writer_options options;
    options.group_batches = 1 + seed % 5;
    writer_bench bench(options, 1 + static_cast<std::uint32_t>(seed % 3));
    std::mt19937_64 random(seed);
    std::size_t sent = 0;
    while (sent < 60) {
      for (auto burst = random() % 8; burst > 0; --burst, ++sent)
        bench.write(1 + random() % 4);
      bench.system.run_shuffled(random);
    }
    bench.system.run();
    CAPTURE(seed);
    REQUIRE(bench.settled() == sent);
    REQUIRE(std::ranges::is_sorted(bench.order));
    for (std::size_t index = 0; index < sent; ++index)
      REQUIRE((*bench.outcomes[bench.order[index]])->lsn <= bench.visible_at_ack[index]);
  }
}

}  // namespace
