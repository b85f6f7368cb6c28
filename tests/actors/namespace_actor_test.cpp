// A namespace on a scheduler and clock that the test owns, with a real store: whatever the order in
// which messages arrive, every search in between is right.
#include "actors/namespace_actor.hpp"

#include <map>

#include "actors/search_run.hpp"
#include "tests/actors/failing_index.hpp"
#include "tests/actors/scheduled_system.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

constexpr std::uint32_t dimension = 6;

float distance_by(distance_kind kind, std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += kind == distance_kind::l2 ? (double{a[i]} - b[i]) * (double{a[i]} - b[i])
                                     : -double{a[i]} * b[i];
  return static_cast<float>(kind == distance_kind::l2 ? std::sqrt(sum) : sum);
}

// One namespace, the records that it has to have, and those of a write that is on its way.
class namespace_bench {
 public:
  using records = std::map<std::uint64_t, std::vector<float>>;

  explicit namespace_bench(std::uint32_t shards, std::uint64_t seed) : random(seed) {
    namespace_config config = must(make_config(request_of(dimension, shards)));
    must(storage::namespace_store::create(directory.path() / "docs", config, {})).reset();
    namespace_options options;
    options.name = "docs";
    options.directory = directory.path() / "docs";
    options.runtime.log = log;
    options.parts = failing_parts(faults);
    options.detached = false;
    actor = spawn_namespace(system.actors(), std::move(options));
    caf::scoped_actor opener(system.actors());
    auto opened = opener->request(actor, caf::infinite, namespace_open{});
    system.run();
    opened.receive([&](namespace_opened& answer) { port = answer.port; },
                   [](const caf::error&) { FAIL("the namespace does not open"); });
    REQUIRE(port);
  }
  ~namespace_bench() {
    caf::anon_send(actor, namespace_close{});
    system.run();
    port.reset();
    calls.stop();
  }

  /// A write of `ids`, or their removal. Nobody looks at its outcome before settled() says so.
  void write(const std::vector<std::uint64_t>& ids, bool erase = false) {
    auto batch = erase ? erase_of(ids) : upsert_of(ids, dimension, ++version);
    after = before;
    for (const auto id : ids) {
      if (erase)
        after.erase(id);
      else
        after[id] = vector_of(id, dimension, version);
    }
    writing = true;
    const auto bytes = batch_size(batch);
    must(port->space->reserve(bytes));
    call<write_result> answer(calls, [this](result<write_result> outcome) {
      REQUIRE(outcome);
      before = after;
      writing = false;
    });
    caf::anon_send(port->writer,
                   write_message{std::make_shared<const write_job>(
                       namespace_lease(port->space), std::move(batch), bytes, std::move(answer))});
  }

  void alter(namespace_request request) {
    call<namespace_config> answer(calls, [this](result<namespace_config> outcome) {
      REQUIRE(outcome);
      ++altered;
    });
    caf::anon_send(actor, namespace_alter{std::make_shared<const alter_job>(
                              namespace_lease(port->space), request, std::move(answer))});
  }

  /// Searches and checks the answer against the records: all of it in one of the distances, which
  /// is answered.
  distance_kind check_search() {
    const auto asked = vector_of(1'000 + random() % 50, dimension);
    auto query = query_of(asked, 25, random() % 4 == 0);
    query.ef = 4'096;  // finds everything
    search_run run(read_source(*port->space), query);
    must(run.collect(0, 1));
    const auto found = must(run.finish());
    for (const auto kind : {distance_kind::l2, distance_kind::dot}) {
      if (agrees(found, before, asked, kind) || (writing && agrees(found, after, asked, kind)))
        return kind;
    }
    FAIL("an answer that is right in no distance");
    return {};
  }

  /// Runs one message, drawn by chance, if there is one.
  bool step() {
    auto& jobs = system.scheduler().jobs;
    if (jobs.empty())
      return false;
    std::rotate(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(random() % jobs.size()),
                jobs.end());
    system.scheduler().run_once();
    return true;
  }

  [[nodiscard]] namespace_info info() const { return must(port->space->info()); }

  temporary_directory directory;
  std::shared_ptr<event_log> log = std::make_shared<event_log>();
  std::shared_ptr<index_faults> faults = std::make_shared<index_faults>();
  std::mt19937_64 random;
  call_table calls{1h};
  scheduled_system system;
  namespace_actor actor;
  std::shared_ptr<namespace_port> port;
  records before;  // what is acknowledged
  records after;   // with the write that is on its way
  bool writing = false;
  std::uint64_t version = 0;
  int altered = 0;

 private:
  static bool agrees(const search_result& found, const records& right, std::span<const float> asked,
                     distance_kind kind) {
    std::vector<std::pair<float, std::uint64_t>> nearest;
    for (const auto& [id, vector] : right)
      nearest.emplace_back(distance_by(kind, asked, vector), id);
    std::ranges::sort(nearest);
    const auto count = std::min<std::size_t>(25, nearest.size());
    if (found.hits.size() != count)
      return false;
    for (std::size_t hit = 0; hit < count; ++hit) {
      if (std::abs(found.distances[hit] - nearest[hit].first) > 1e-3F ||
          found.hits.ids[hit] != record_id(nearest[hit].second))
        return false;
    }
    return true;
  }
};

TEST_CASE("in every order of messages a change is atomic, and misses no write") {
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    CAPTURE(seed);
    namespace_bench bench(1 + static_cast<std::uint32_t>(seed % 3), seed);
    bench.write(range(0, 300));
    bench.system.run();
    REQUIRE(bench.check_search() == distance_kind::l2);

    int changes = 0;
    int steps = 0;
    auto last = distance_kind::l2;
    int switched = 0;
    while (bench.step() || changes < 3) {
      if (!bench.writing && steps < 400 && bench.random() % 4 == 0) {
        const auto first = bench.random() % 350;
        bench.write(range(first, first + 1 + bench.random() % 9), bench.random() % 3 == 0);
      }
      // The last change is to the inner product.
      if (changes < 3 && bench.random() % 12 == 0)
        bench.alter({.distance = ++changes % 2 == 1 ? distance_kind::dot : distance_kind::l2,
                     .m = static_cast<std::uint32_t>(4 + bench.random() % 8)});
      const auto now = bench.check_search();
      switched += now != last ? 1 : 0;
      last = now;
      ++steps;
    }
    bench.system.run();
    REQUIRE(bench.altered == 3);
    REQUIRE(bench.check_search() == distance_kind::dot);
    REQUIRE(switched <= 3);
    const auto info = bench.info();
    REQUIRE(info.config.distance == distance_kind::dot);
    REQUIRE_FALSE(info.rebuild);
    REQUIRE(info.index == index_state::ready);
    REQUIRE(info.indexed + info.fresh == bench.before.size());
  }
}

TEST_CASE("a search that began before the switch ends in the distance that it began with") {
  namespace_bench bench(2, 7);
  bench.write(range(0, 200));
  bench.system.run();
  const auto asked = vector_of(505, dimension, 2);  // the second write brings it
  auto query = query_of(asked, 10);
  query.ef = 4'096;
  auto early = std::make_unique<search_run>(read_source(*bench.port->space), query);
  bench.alter({.distance = distance_kind::dot});
  bench.system.run();
  REQUIRE_FALSE(bench.info().rebuild);
  REQUIRE(bench.check_search() == distance_kind::dot);
  // What it reads takes part in writes for as long as it runs.
  bench.write(range(500, 510));
  bench.system.run();
  bench.write(range(0, 5), true);
  bench.system.run();
  must(early->collect(0, 1));
  const auto found = must(early->finish());
  REQUIRE(found.hits.size() == 10);
  REQUIRE(found.hits.ids[0] == record_id(505));
  for (std::size_t hit = 0; hit < 10; ++hit) {
    const auto vector = bench.before.at(found.hits.ids[hit].number());
    REQUIRE(found.distances[hit] ==
            Approx(distance_by(distance_kind::l2, asked, vector)).margin(1e-4));
  }
  early.reset();
  bench.system.run();
  bench.write({900});
  bench.system.run();
  REQUIRE(bench.check_search() == distance_kind::dot);
}

TEST_CASE("a shard that dies after the switch is built again in the new distance") {
  namespace_bench bench(2, 9);
  bench.write(range(0, 120));
  bench.system.run();
  bench.alter({.distance = distance_kind::dot, .m = 5});
  bench.system.run();
  bench.faults->insert_throws = true;
  bench.write(range(120, 130));
  bench.system.run();
  REQUIRE(bench.check_search() == distance_kind::dot);
  bench.faults->insert_throws = false;
  for (int round = 0; round < 8; ++round) {
    bench.system.advance(1s);
    REQUIRE(bench.check_search() == distance_kind::dot);
  }
  REQUIRE(bench.info().index == index_state::ready);
  REQUIRE_FALSE(bench.info().rebuild);
}

TEST_CASE("a build that fails is tried again after a pause, and the old index answers meanwhile") {
  namespace_bench bench(1, 11);
  bench.write(range(0, 50));
  bench.system.run();
  bench.faults->make_throws_for_m = 13;
  bench.alter({.distance = distance_kind::dot, .m = 13});
  bench.system.run();
  REQUIRE(bench.altered == 1);
  for (int round = 0; round < 5; ++round) {
    bench.system.advance(1s);
    bench.write({static_cast<std::uint64_t>(100 + round)});
    bench.system.run();
    REQUIRE(bench.check_search() == distance_kind::l2);
    REQUIRE(bench.info().rebuild->failure.find("injected") != std::string::npos);
  }
  bench.faults->make_throws_for_m = 0;
  bench.system.advance(40s);
  REQUIRE(bench.check_search() == distance_kind::dot);
  REQUIRE_FALSE(bench.info().rebuild);
}

}  // namespace
