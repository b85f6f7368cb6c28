// Statistics, checkpoints, compactions and checks of a namespace that is open and in use.
#include <atomic>
#include <fstream>
#include <future>

#include "tests/actors/failing_index.hpp"
#include "tests/actors/support.hpp"

using namespace hearth;
using namespace hearth::test;

namespace {

struct opened {
  std::unique_ptr<actors::runtime> runtime;
  std::shared_ptr<store_handle> store;
  std::shared_ptr<namespace_handle> space;
};

// Exact: no test here is about what a graph takes to be built.
namespace_request flat_request(std::uint32_t shards = 1) {
  auto request = request_of(4, shards);
  request.kind = index_kind::flat;
  return request;
}

opened open_in(const std::filesystem::path& path, const namespace_request& request = flat_request(),
               actors::namespace_parts parts = {}) {
  opened all;
  all.runtime = must(actors::runtime_access::start({}, std::move(parts)));
  all.store = must(all.runtime->open(path));
  all.space = must(all.store->open_namespace("docs", open_mode::open_or_create, request));
  return all;
}

std::uint64_t data_bytes(const std::filesystem::path& store) {
  for (const auto& each : std::filesystem::recursive_directory_iterator(store / "namespaces"))
    if (each.path().filename() == "data.mdb")
      return each.file_size();
  return 0;
}

// Makes much free space.
void churn(namespace_handle& space) {
  for (const auto change : {key_change::put, key_change::erase}) {
    write_batch batch;
    for (int i = 0; i < 2'000; ++i)
      batch.keys.push_back({.key = std::to_string(i),
                            .change = change,
                            .value = std::string(change == key_change::put ? 1'000 : 0, 'x')});
    must(space.write(std::move(batch)));
  }
}

write_batch put_key(const std::string& key, const std::string& value) {
  write_batch batch;
  batch.keys = {{.key = key, .value = value}};
  return batch;
}

}  // namespace

TEST_CASE("statistics count calls, sizes and queues") {
  const temporary_directory home;
  const auto all = open_in(home.path());
  must(all.space->write(upsert_of(range(1, 101), 4)));
  write_batch keys;
  keys.keys = {{.key = "a", .value = "1"}};
  must(all.space->write(std::move(keys)));
  for (int i = 0; i < 10; ++i)
    must(all.space->search(query_of(vector_of(1, 4), 3)));
  must(all.space->get_keys({{"a"}}));  // on this thread
  must(all.space->scan_keys({}));
  const auto stats = must(all.space->stats());
  CHECK(stats.name == "docs");
  CHECK(stats.records == 100);
  CHECK(stats.keys == 1);
  CHECK(stats.durable_lsn == 2);
  CHECK(stats.visible_lsn == 2);
  CHECK(stats.live_pages > 0);
  CHECK(stats.queued_writes == 0);
  CHECK(stats.queued_bytes == 0);
  CHECK(stats.shards.size() == 1);
  const auto searches =
      std::ranges::find(stats.latencies, call_kind::search, &latency_summary::kind);
  REQUIRE(searches != stats.latencies.end());
  CHECK(searches->count == 10);
  CHECK(searches->p50_us > 0);
  CHECK(searches->p50_us <= searches->max_us);
  for (const auto kind : {call_kind::get_keys, call_kind::scan_keys}) {
    const auto reads = std::ranges::find(stats.latencies, kind, &latency_summary::kind);
    REQUIRE(reads != stats.latencies.end());
    CHECK(reads->count == 1);
  }
  CHECK(std::ranges::find(stats.latencies, call_kind::commit, &latency_summary::kind) !=
        stats.latencies.end());
}

TEST_CASE("a checkpoint is on disk when it answers, in every shard") {
  const temporary_directory home;
  const auto all = open_in(home.path(), request_of(4, 3));
  const auto written = must(all.space->write(upsert_of(range(1, 61), 4)));
  const auto lsn = must(all.space->checkpoint());
  CHECK(lsn >= written.lsn);
  for (const auto& shard : must(all.space->stats()).shards)
    CHECK(shard.snapshot_lsn >= lsn);
  const auto more = must(all.space->write(erase_of({1, 2, 3})));
  CHECK(must(all.space->checkpoint()) >= more.lsn);
  for (const auto& shard : must(all.space->stats()).shards)
    CHECK(shard.snapshot_lsn >= more.lsn);
}

TEST_CASE("a compaction gives space back, and handles go on as if nothing had happened") {
  const temporary_directory home;
  const auto all = open_in(home.path());
  must(all.space->write(upsert_of(range(1, 101), 4)));
  churn(*all.space);
  const auto before = data_bytes(home.path());
  const auto done = must(all.space->compact());
  CHECK(done.bytes_before == before);
  CHECK(done.bytes_after < before);
  CHECK(done.bytes_after == data_bytes(home.path()));
  CHECK(must(all.space->info()).count == 100);
  const auto hits = must(all.space->search(query_of(vector_of(7, 4), 1)));
  CHECK(hits.hits.ids[0] == record_id(std::uint64_t{7}));
  must(all.space->write(upsert_of(range(501, 511), 4)));
  CHECK(must(all.space->info()).count == 110);
  const auto report = must(all.space->check());
  CHECK(report.ok());
}

TEST_CASE("a compaction does not wait for those who wait for changes: they ask again") {
  const temporary_directory home;
  const auto all = open_in(home.path());
  must(all.space->write(upsert_of({1}, 4)));
  std::promise<result<change_page>> answer;
  all.space->changes({.after = feed_position{1, 0}, .wait_ms = limits::feed_wait_ms},
                     [&](result<change_page> page) { answer.set_value(std::move(page)); });
  must(all.space->compact());
  const auto page = must(answer.get_future().get());
  CHECK(page.events.empty());
  CHECK(page.next == feed_position{1, 0});
  must(all.space->write(upsert_of({2}, 4)));
  CHECK(must(all.space->changes({.after = page.next, .wait_ms = limits::feed_wait_ms}))
            .events.size() == 1);
}

TEST_CASE("what is written and read during compactions is neither lost nor refused") {
  const temporary_directory home;
  const auto all = open_in(home.path());
  churn(*all.space);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> written = 0;
  std::atomic<int> failures = 0;
  std::thread writer([&] {
    for (std::uint64_t id = 1; !stop; ++id) {
      if (!all.space->write(upsert_of({id}, 4)))
        ++failures;
      written = id;
    }
  });
  std::thread reader([&] {
    while (!stop)
      if (!all.space->search(query_of(vector_of(1, 4), 5)))
        ++failures;
  });
  for (int round = 0; round < 3; ++round)
    must(all.space->compact());
  stop = true;
  writer.join();
  reader.join();
  CHECK(failures == 0);
  CHECK(must(all.space->info()).count == written);
  CHECK(must(all.space->check()).ok());
}

TEST_CASE("a compaction in the middle of a transaction neither loses nor breaks it") {
  const temporary_directory home;
  const auto all = open_in(home.path());
  must(all.space->write(upsert_of(range(1, 101), 4)));
  must(all.space->write(put_key("a", "1")));
  churn(*all.space);
  const auto commits = must(all.space->begin());
  const auto conflicts = must(all.space->begin());
  for (const auto& each : {commits, conflicts})
    REQUIRE(must(each->get_keys({{"a"}})).found[0]->value == "1");
  must(commits->write(put_key("b", "2")));
  must(commits->write(upsert_of({7, 200}, 4, 9)));
  must(conflicts->write(put_key("c", "3")));
  const auto before = must(all.space->stats());
  CHECK(before.open_transactions == 2);
  CHECK(before.transaction_bytes > 0);

  const auto done = must(all.space->compact());
  CHECK(done.bytes_after < done.bytes_before);
  CHECK(must(commits->get_keys({{"a", "b"}})).found[1]->value == "2");
  CHECK(must(commits->count()) == 101);
  CHECK(must(commits->search(query_of(vector_of(200, 4, 9), 1))).hits.ids[0] ==
        record_id(std::uint64_t{200}));
  CHECK(must(conflicts->get_keys({{"c"}})).found[0]->value == "3");
  const auto after = must(all.space->stats());
  CHECK(after.open_transactions == 2);
  CHECK(after.transaction_bytes == before.transaction_bytes);
  must(commits->commit());
  CHECK(must(all.space->info()).count == 101);

  must(all.space->write(put_key("a", "changed")));
  must(all.space->compact());
  CHECK(code_of(conflicts->commit()) == errc::conflict);
  CHECK_FALSE(must(all.space->get_keys({{"c"}})).found[0]);
  CHECK(must(all.space->get_keys({{"b"}})).found[0]->value == "2");
  CHECK(must(all.space->check()).ok());
}

TEST_CASE("transactions that commit during compactions are neither lost nor refused") {
  const temporary_directory home;
  const auto all = open_in(home.path(), {});
  churn(*all.space);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> committed = 0;
  std::atomic<int> failures = 0;
  const auto increment = [&] {
    while (!stop) {
      const auto transaction = all.space->begin();
      write_batch batch;
      batch.keys = {{.key = "n", .change = key_change::add, .amount = 1}};
      const auto written = transaction ? (*transaction)->write(std::move(batch))
                                       : std::unexpected(transaction.error());
      const auto done = written ? (*transaction)->commit() : written;
      if (done)
        ++committed;
      else if (done.error().code != errc::conflict)
        ++failures;
    }
  };
  std::thread first(increment);
  std::thread second(increment);
  for (int round = 0; round < 3; ++round)
    must(all.space->compact());
  stop = true;
  first.join();
  second.join();
  CHECK(failures == 0);
  REQUIRE(committed > 0);
  CHECK(must(all.space->get_keys({{"n"}})).found[0]->value == std::to_string(committed));
  CHECK(must(all.space->stats()).open_transactions == 0);
  CHECK(must(all.space->check()).ok());
}

TEST_CASE("a check can be run while others write") {
  const temporary_directory home;
  const auto all = open_in(home.path(), flat_request(2));
  must(all.space->write(upsert_of(range(1, 1'001), 4)));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint64_t round = 1; !stop; ++round) {
      must(all.space->write(upsert_of(range(1, 200), 4, round)));
      must(all.space->write(erase_of(range(200, 250))));
      must(all.space->write(upsert_of(range(200, 250), 4, round)));
    }
  });
  for (int round = 0; round < 3; ++round) {
    const auto report = must(all.space->check());
    for (const auto& each : report.problems)
      UNSCOPED_INFO(each.where + ": " + each.what);
    CHECK(report.ok());
  }
  stop = true;
  writer.join();
}

TEST_CASE("an index that lacks a row, or has one too many, is found") {
  for (const bool lacks : {true, false}) {
    const temporary_directory home;
    const auto faults = std::make_shared<index_faults>();
    const auto all = open_in(home.path(), request_of(4), failing_parts(faults));
    must(all.space->write(upsert_of(range(1, 31), 4)));
    REQUIRE(eventually([&] { return index_ready(*all.space); }));
    CHECK(must(all.space->check()).ok());
    if (lacks) {
      faults->insert_drops = true;
      must(all.space->write(upsert_of({500}, 4)));
    } else {
      faults->erase_keeps = true;
      must(all.space->write(erase_of({5})));
    }
    REQUIRE(eventually([&] { return index_ready(*all.space); }));
    const auto report = must(all.space->check());
    REQUIRE(report.problems.size() >= 1);
    CHECK(report.problems[0].where == "index of docs");
    CHECK_THAT(report.problems[0].what,
               Catch::Contains(lacks ? "has a vector and is not in the index"
                                     : "it has 30 entries; 29 vectors are stored"));
    CHECK_FALSE(report.problems[0].hint.empty());
  }
}

TEST_CASE("a namespace without a dimension has no index, and is administered all the same") {
  const temporary_directory home;
  const auto all = open_in(home.path(), {});
  write_batch batch;
  batch.ids = {record_id("a"), record_id("b")};
  batch.texts = {"x", "y"};
  batch.keys = {{.key = "k", .value = "v"}};
  must(all.space->write(std::move(batch)));
  CHECK(must(all.space->checkpoint()) == 1);
  CHECK(must(all.space->stats()).shards.empty());
  CHECK(must(all.space->compact()).bytes_after > 0);
  CHECK(must(all.space->check()).ok());
  CHECK(must(all.space->info()).index == index_state::ready);
  CHECK(must(all.space->get_keys({{"k"}})).found[0]->value == "v");
  CHECK(code_of(all.space->search(query_of({1, 2}, 1))) == errc::invalid_argument);
}
