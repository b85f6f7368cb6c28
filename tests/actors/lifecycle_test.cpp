// Opening, idling, dropping and stopping: every call ends, and nothing hangs.
#include <unistd.h>

#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

constexpr std::uint32_t dimension = 8;

TEST_CASE("open, create and open_or_create say what they find") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  REQUIRE(code_of(store->open_namespace("docs")) == errc::not_found);
  REQUIRE(code_of(store->open_namespace("docs", open_mode::create, {.m = 8})) ==
          errc::invalid_argument);
  must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  REQUIRE(code_of(store->open_namespace("docs", open_mode::create, request_of(dimension))) ==
          errc::already_exists);
  REQUIRE(must(store->open_namespace("docs", open_mode::open_or_create))->config().dimension ==
          dimension);
  REQUIRE(code_of(store->open_namespace("No Such Name", open_mode::open)) ==
          errc::invalid_argument);
  REQUIRE(must(store->open_namespace("more", open_mode::open_or_create, request_of(4)))->name() ==
          "more");
  REQUIRE(must(store->list_namespaces()) == std::vector<std::string>{"docs", "more"});
}

TEST_CASE("invalid calls are refused at once, with the field") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  REQUIRE(code_of(space->search(query_of(vector_of(1, dimension + 1), 1))) ==
          errc::dimension_mismatch);
  REQUIRE(code_of(space->search(query_of(vector_of(1, dimension), 0))) == errc::invalid_argument);
  auto batch = upsert_of({1}, dimension);
  batch.ids.emplace_back(1);
  REQUIRE(!space->write(batch));
  REQUIRE(code_of(space->flush(17)) == errc::invalid_argument);
  space->write(upsert_of({1}, dimension + 1), nullptr);  // nobody wants to know
  space->write(upsert_of({1}, dimension), nullptr);
  must(space->flush(0));
}

TEST_CASE("options that make no sense are refused") {
  REQUIRE(code_of(runtime::start({.fresh_rows = 0})) == errc::invalid_argument);
  REQUIRE(code_of(runtime::start({.interval = 0ms})) == errc::invalid_argument);
}

TEST_CASE("an idle namespace closes, and the next call opens it again") {
  const temporary_directory directory;
  const auto log = std::make_shared<event_log>();
  const auto runtime = must(runtime::start({.log = log, .idle_close = 20ms}));
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  must(space->write(upsert_of(range(0, 50), dimension)));
  for (std::size_t round = 1; round <= 3; ++round) {
    REQUIRE(eventually([&] { return must(store->info()).open_namespaces == 0; }));
    REQUIRE(log->count(202) >= round);
    const auto found = must(space->search(query_of(vector_of(7, dimension), 1)));
    REQUIRE(found.hits.ids == std::vector<record_id>{7});
  }
}

TEST_CASE("calls never fail because a namespace closes or opens under them") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start({.idle_close = 1ms}));
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (std::uint64_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t round = 0; round < 30; ++round) {
        const auto id = thread * 1000 + round;
        if (!space->write(upsert_of({id}, dimension)))
          ++failures;
        std::this_thread::sleep_for(std::chrono::milliseconds(id % 9));
        const auto found = space->search(query_of(vector_of(id, dimension), 1));
        if (!found || found->hits.ids != std::vector<record_id>{id})
          ++failures;
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  REQUIRE(failures == 0);
  REQUIRE(must(space->info()).count == 90);
}

TEST_CASE("a dropped namespace is gone for its handles, also when the name is used again") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  const auto old = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  must(old->write(upsert_of(range(0, 20), dimension)));
  must(store->drop_namespace("docs"));
  REQUIRE(code_of(store->drop_namespace("docs")) == errc::not_found);
  REQUIRE(code_of(old->search(query_of(vector_of(1, dimension), 1))) == errc::not_found);
  REQUIRE(code_of(old->info()) == errc::not_found);
  const auto fresh = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  REQUIRE(must(fresh->info()).count == 0);
  REQUIRE(code_of(old->write(upsert_of({1}, dimension))) == errc::not_found);
  REQUIRE(must(fresh->info()).count == 0);
}

TEST_CASE("dropping a namespace that is in use ends every call") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  must(space->write(upsert_of(range(0, 200), dimension)));
  std::atomic<int> answered = 0;
  std::atomic<int> wrong = 0;
  const auto note = [&](errc code) {
    if (code != errc{} && code != errc::not_found && code != errc::unavailable)
      ++wrong;
    ++answered;
  };
  for (std::uint64_t call = 0; call < 400; ++call) {
    space->write(upsert_of({call}, dimension),
                 completion<write_result>([&](auto outcome) { note(code_of(outcome)); }));
    space->search(query_of(vector_of(call, dimension), 5),
                  completion<search_result>([&](auto outcome) { note(code_of(outcome)); }));
  }
  must(store->drop_namespace("docs"));
  REQUIRE(eventually([&] { return answered == 800; }));
  REQUIRE(wrong == 0);
  REQUIRE(must(store->list_namespaces()).empty());
}

TEST_CASE("stopping with thousands of calls queued settles each of them once") {
  const temporary_directory directory;
  constexpr int calls = 3000;
  std::vector<std::atomic<int>> settled(static_cast<std::size_t>(3 * calls));
  std::atomic<int> acknowledged = 0;
  {
    auto runtime = must(runtime::start());
    const auto space = must(must(runtime->open(directory.path()))
                                ->open_namespace("docs", open_mode::create, request_of(dimension)));
    must(space->write(upsert_of(range(100'000, 100'500), dimension)));
    for (std::size_t call = 0; call < calls; ++call) {
      space->write(upsert_of({call}, dimension), completion<write_result>([&, call](auto outcome) {
                     acknowledged += outcome ? 1 : 0;
                     ++settled[3 * call];
                   }));
      space->search(query_of(vector_of(call, dimension), 10),
                    completion<search_result>([&, call](auto) { ++settled[3 * call + 1]; }));
      space->info(completion<namespace_info>([&, call](auto) { ++settled[3 * call + 2]; }));
    }
    runtime.reset();
    REQUIRE(std::ranges::all_of(settled, [](const auto& times) { return times == 1; }));
    REQUIRE(code_of(space->info()) == errc::unavailable);
    REQUIRE(code_of(space->write(upsert_of({1}, dimension))) == errc::unavailable);
  }
  const auto runtime = must(runtime::start());
  const auto space = must(must(runtime->open(directory.path()))->open_namespace("docs"));
  REQUIRE(must(space->info()).count == 500 + static_cast<std::uint64_t>(acknowledged.load()));
}

TEST_CASE("handles may outlive the runtime") {
  const temporary_directory directory;
  auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  runtime.reset();
  REQUIRE(code_of(store->list_namespaces()) == errc::unavailable);
  REQUIRE(code_of(store->open_namespace("docs")) == errc::unavailable);
  REQUIRE(code_of(space->flush(0)) == errc::unavailable);
}

TEST_CASE("a store is served by one runtime at a time, and the other learns by whom") {
  const temporary_directory directory;
  const auto first = must(runtime::start());
  const auto second = must(runtime::start());
  auto store = must(first->open(directory.path()));
  const auto refused = second->open(directory.path());
  REQUIRE(code_of(refused) == errc::busy);
  REQUIRE(to_string(refused.error()).find(std::to_string(::getpid())) != std::string::npos);
  REQUIRE(must(first->open(directory.path() / "."))->info()->path == store->info()->path);
  store.reset();  // the last handle closes the store
  must(second->open(directory.path()));
}

TEST_CASE("a store stays open while a namespace handle is held, and closes with it") {
  const temporary_directory directory;
  const auto first = must(runtime::start());
  const auto second = must(runtime::start());
  auto space = must(must(first->open(directory.path()))
                        ->open_namespace("docs", open_mode::create, request_of(dimension)));
  REQUIRE(code_of(second->open(directory.path())) == errc::busy);
  must(space->write(upsert_of({1}, dimension, 0, durability::interval)));
  space.reset();
  const auto again = must(must(second->open(directory.path()))->open_namespace("docs"));
  REQUIRE(must(again->info()).count == 1);
}

TEST_CASE("the last handle may be dropped inside a completion") {
  const temporary_directory directory;
  auto runtime = must(runtime::start());
  auto space = must(must(runtime->open(directory.path()))
                        ->open_namespace("docs", open_mode::create, request_of(dimension)));
  std::atomic<bool> dropped = false;
  auto* raw = space.get();
  raw->write(upsert_of({1}, dimension),
             completion<write_result>([&dropped, held = std::move(space)](auto) mutable {
               held.reset();
               dropped = true;
             }));
  REQUIRE(eventually([&] { return dropped.load(); }));
  const auto again = must(must(runtime->open(directory.path()))->open_namespace("docs"));
  REQUIRE(must(again->info()).count == 1);
}

TEST_CASE("several stores in one runtime do not meet") {
  const temporary_directory a;
  const temporary_directory b;
  const auto runtime = must(runtime::start());
  const auto in_a = must(must(runtime->open(a.path()))
                             ->open_namespace("docs", open_mode::create, request_of(dimension)));
  const auto in_b =
      must(must(runtime->open(b.path()))->open_namespace("docs", open_mode::create, request_of(4)));
  must(in_a->write(upsert_of({1}, dimension)));
  must(in_b->write(upsert_of({2, 3}, 4)));
  REQUIRE(must(in_a->info()).count == 1);
  REQUIRE(must(in_b->info()).count == 2);
}

TEST_CASE("interval writes are durable after flush") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start({.interval = std::chrono::hours(1)}));
  const auto space = must(must(runtime->open(directory.path()))
                              ->open_namespace("docs", open_mode::create, request_of(dimension)));
  const auto written = must(space->write(upsert_of({5}, dimension, 0, durability::interval)));
  REQUIRE(written.durable_lsn < written.lsn);
  REQUIRE(must(space->flush(written.lsn)) >= written.lsn);
  REQUIRE(must(space->search(query_of(vector_of(5, dimension), 1))).hits.ids ==
          std::vector<record_id>{5});
}

TEST_CASE("a full write queue answers busy, and takes writes again") {
  const temporary_directory directory;
  std::atomic<bool> blocked = false;
  namespace_parts parts;
  parts.before_commit = [&blocked]() -> result<void> {
    blocked.wait(true);
    return {};
  };
  const auto runtime = must(runtime_access::start({.write_queue_bytes = 4096}, parts));
  const auto space = must(must(runtime->open(directory.path()))
                              ->open_namespace("docs", open_mode::create, request_of(dimension)));
  road_block committing(blocked);  // whatever is taken stays in the queue
  constexpr int calls = 500;
  std::atomic<int> answered = 0;
  std::atomic<int> busy = 0;
  std::atomic<int> taken = 0;
  for (std::uint64_t call = 0; call < calls; ++call) {
    space->write(upsert_of({call}, dimension), completion<write_result>([&](auto outcome) {
                   if (outcome)
                     ++taken;
                   else if (outcome.error().code == errc::busy &&
                            outcome.error().retry_after_ms > 0)
                     ++busy;
                   ++answered;
                 }));
  }
  REQUIRE(busy > 0);
  REQUIRE(busy == answered);
  committing.lift();
  REQUIRE(eventually([&] { return answered == calls; }));
  REQUIRE(taken > 0);
  REQUIRE(busy + taken == calls);
  REQUIRE(must(space->info()).count == static_cast<std::uint64_t>(taken.load()));
  must(space->write(upsert_of({9999}, dimension)));
}

TEST_CASE("a call that takes too long answers timeout, and the runtime still stops") {
  const temporary_directory directory;
  std::atomic<bool> blocked = false;
  namespace_parts parts;
  parts.before_commit = [&blocked]() -> result<void> {
    blocked.wait(true);
    return {};
  };
  auto runtime = must(runtime_access::start({.request_timeout = 300ms}, parts));
  const auto space = must(must(runtime->open(directory.path()))
                              ->open_namespace("docs", open_mode::create, request_of(dimension)));
  road_block committing(blocked);
  REQUIRE(code_of(space->write(upsert_of({1}, dimension))) == errc::timeout);
  committing.lift();
  REQUIRE(eventually([&] { return space->flush(0).has_value(); }));
  REQUIRE(must(space->info()).count == 1);
}

}  // namespace
