// Calls of the feed that wait, on a scheduler and clock that the test owns.
#include "actors/feed_job.hpp"
#include "actors/namespace_actor.hpp"
#include "tests/actors/scheduled_system.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

class feed_bench {
 public:
  feed_bench() {
    must(storage::namespace_store::create(directory.path() / "docs",
                                          must(make_config(request_of(2))), {}))
        .reset();
    namespace_options options;
    options.name = "docs";
    options.directory = directory.path() / "docs";
    options.detached = false;
    actor = spawn_namespace(system.actors(), std::move(options));
    caf::scoped_actor opener(system.actors());
    auto opened = opener->request(actor, caf::infinite, namespace_open{});
    system.run();
    opened.receive([&](namespace_opened& answer) { port = answer.port; },
                   [](const caf::error&) { FAIL("the namespace does not open"); });
    REQUIRE(port);
  }
  ~feed_bench() {
    close();
    workers.reset();
    system.run();  // actors end only if somebody runs them
    calls.stop();
  }
  void close(errc reason = errc::unavailable) {
    if (!port)
      return;
    port.reset();
    caf::anon_send(actor, namespace_close{false, reason});
    system.run();
  }

  // A call of the feed that starts from `after`; its outcome lands in `pages`.
  void watch(feed_position after, std::chrono::milliseconds patience) {
    pages.emplace_back();
    call<change_page> answer(calls, [this, at = pages.size() - 1](result<change_page> outcome) {
      pages[at] = std::move(outcome);
    });
    change_query query;
    query.after = after;
    auto wait = [owner = port->owner](std::shared_ptr<feed_job> job) {
      caf::anon_send(caf::actor_cast<namespace_actor>(owner.lock()), feed_wait{std::move(job)});
    };
    workers->post(std::make_shared<feed_job>(namespace_lease(port->space), std::move(query),
                                             patience, std::move(answer), *workers, wait));
  }

  void put(const std::string& key, durability ack = durability::sync) {
    write_batch batch;
    batch.ack = ack;
    batch.keys = {{.key = key}};
    must(port->space->reserve(1));
    caf::anon_send(port->writer, write_message{std::make_shared<const write_job>(
                                     namespace_lease(port->space), std::move(batch), 1,
                                     call<write_result>(calls, [](result<write_result>) {}))});
  }

  const temporary_directory directory;
  scheduled_system system;
  call_table calls{std::chrono::hours(1)};
  std::optional<worker_pool> workers{std::in_place, system.actors(), 2};
  namespace_actor actor;
  std::shared_ptr<namespace_port> port;
  std::vector<std::optional<result<change_page>>> pages;
};

}  // namespace

TEST_CASE("a call waits without a thread until a commit can be seen, or its time is over") {
  feed_bench bench;
  bench.watch({}, 1s);
  bench.watch({}, 3s);
  bench.system.run();
  REQUIRE_FALSE(bench.pages[0].has_value());
  bench.system.advance(1100ms);
  REQUIRE(bench.pages[0].has_value());
  REQUIRE(must(*bench.pages[0]).events.empty());
  REQUIRE_FALSE(bench.pages[1].has_value());
  // What is only acknowledged is not delivered: its commit is.
  bench.put("a", durability::interval);
  bench.system.run();
  REQUIRE_FALSE(bench.pages[1].has_value());
  bench.system.advance(60ms);
  REQUIRE(bench.pages[1].has_value());
  REQUIRE(must(*bench.pages[1]).events.size() == 1);
}

TEST_CASE("no order of messages loses a change or delivers it twice") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    feed_bench bench;
    std::mt19937_64 random(seed);
    std::vector<std::string> seen;
    feed_position at;
    constexpr std::size_t writes = 6;
    std::size_t put = 0;
    bench.watch(at, 1h);
    for (int step = 0; seen.size() < writes; ++step) {
      INFO("seed " << seed << ", step " << step);
      REQUIRE(step < 1000);
      if (put < writes && random() % 2 == 0)
        bench.put(std::to_string(put++));
      for (auto jobs = random() % 6; jobs > 0 && bench.system.scheduler().has_job(); --jobs)
        bench.system.scheduler().run_once();
      if (put == writes)
        bench.system.run_shuffled(random);
      if (!bench.pages.back())
        continue;
      const auto page = must(*std::move(bench.pages.back()));
      for (const auto& event : page.events)
        seen.push_back(event.key);
      at = page.next;
      bench.watch(at, 1h);
    }
    for (std::size_t i = 0; i < writes; ++i)
      REQUIRE(seen[i] == std::to_string(i));
  }
}

TEST_CASE("closing answers those that wait, whatever the reason") {
  for (const auto reason : {errc::unavailable, errc::not_found}) {
    feed_bench bench;
    bench.watch({}, 1h);
    bench.system.run();
    bench.close(reason);
    REQUIRE(bench.pages[0].has_value());
    REQUIRE(code_of(*bench.pages[0]) == reason);
  }
}

TEST_CASE("not more calls wait than the limit says") {
  feed_bench bench;
  for (std::size_t i = 0; i < feed_waiters::most; ++i)
    bench.watch({}, 1s);
  bench.system.run();
  bench.watch({}, 1s);
  bench.system.run();
  REQUIRE(code_of(bench.pages.back().value()) == errc::busy);
  bench.system.advance(1100ms);
  for (std::size_t i = 0; i < feed_waiters::most; ++i)
    REQUIRE(bench.pages[i].has_value());
  bench.watch({}, 1s);
  bench.system.run();
  REQUIRE_FALSE(bench.pages.back().has_value());
}
