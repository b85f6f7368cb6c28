// The least effort for a recall: measured on the namespace, remembered, and the same every time.
#include "actors/tuning_run.hpp"

#include "tests/actors/failing_index.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

constexpr std::uint32_t dimension = 24;
constexpr std::uint64_t records = 3'000;

// Few links and data without structure: a small ef misses much.
struct sparse_graph {
  temporary_directory directory;
  std::shared_ptr<event_log> log = std::make_shared<event_log>();
  std::shared_ptr<index_faults> faults = std::make_shared<index_faults>();
  std::unique_ptr<runtime> host = must(runtime_access::start({.log = log}, failing_parts(faults)));
  std::shared_ptr<store_handle> store = must(host->open(directory.path()));
  std::shared_ptr<namespace_handle> space;

  explicit sparse_graph(distance_kind distance = distance_kind::l2) {
    auto request = request_of(dimension, 2);
    request.distance = distance;
    request.m = 4;
    request.ef_construction = 20;
    space = must(store->open_namespace("docs", open_mode::create, request));
    must(space->write(upsert_of(range(0, records), dimension)));
    REQUIRE(eventually([&] { return index_ready(*space); }));
  }

  /// Of queries that the tuning has never seen.
  double recall(std::uint32_t ef) {
    double sum = 0;
    for (std::uint64_t id = 0; id < 100; ++id) {
      auto query = query_of(vector_of(50'000 + id, dimension), 10, true);
      const auto truth = must(space->search(query)).distances.back();
      query.exact = false;
      query.ef = ef;
      for (const auto distance : must(space->search(query)).distances)
        sum += distance <= truth * 1.00001F ? 1 : 0;
    }
    return sum / 1'000;
  }
};

bool same_but_for_time(const tune_result& a, const tune_result& b) {
  if (a.effort != b.effort || a.queries != b.queries || a.tried.size() != b.tried.size())
    return false;
  for (std::size_t i = 0; i < a.tried.size(); ++i) {
    if (a.tried[i].effort != b.tried[i].effort || a.tried[i].recall != b.tried[i].recall)
      return false;
  }
  return true;
}

TEST_CASE("tuning finds the least ef for a recall, remembers it and rebuilds nothing") {
  const auto distance = GENERATE(distance_kind::l2, distance_kind::cosine, distance_kind::dot,
                                 distance_kind::manhattan);
  sparse_graph graph(distance);
  const int made = graph.faults->made;
  const tune_request request{.recall = 0.9, .sample = 200, .seed = 5};
  const auto found = must(graph.space->tune(request));
  REQUIRE(found.kind == index_kind::hnsw);
  REQUIRE(found.finished);
  REQUIRE(found.queries == 200);
  REQUIRE(found.effort > 10);
  for (const auto& point : found.tried) {
    CAPTURE(point.effort, point.recall);
    REQUIRE(point.p95_ms >= 0);
    REQUIRE(point.mean_ms > 0);
    if (point.effort < found.effort)
      REQUIRE(point.recall < 0.9);
    if (point.effort == found.effort)
      REQUIRE(point.recall >= 0.9);
  }
  // What is one less was tried, too.
  REQUIRE(std::ranges::count(found.tried, found.effort - 1, &tune_point::effort) == 1);
  REQUIRE(must(graph.space->info()).config.index.ef_search == found.effort);
  REQUIRE(graph.faults->made == made);
  REQUIRE_FALSE(must(graph.space->info()).tuning);
  REQUIRE(same_but_for_time(must(graph.space->tune(request)), found));
  // Inner products of vectors without any structure are the worst case: see docs/benchmarks.md.
  REQUIRE(graph.recall(found.effort) ==
          Approx(0.9).margin(distance == distance_kind::dot ? 0.1 : 0.06));
}

TEST_CASE("a recall that nothing reaches changes nothing") {
  sparse_graph graph;
  const auto before = must(graph.space->info()).config;
  graph.faults->hides_nearest = true;
  const auto found = must(graph.space->tune({.recall = 1, .sample = 12}));
  REQUIRE(found.effort == 0);
  REQUIRE(found.finished);
  REQUIRE(found.tried.back().effort == records);
  REQUIRE(must(graph.space->info()).config == before);
}

TEST_CASE("a tuning without time answers what it has") {
  const temporary_directory directory;
  auto made = must(storage::namespace_store::create(directory.path() / "docs",
                                                    must(make_config(request_of(dimension))), {}));
  must(made->apply(upsert_of(range(0, 500), dimension)));
  const auto lsn = must(made->commit());
  open_namespace space("docs", std::move(made), 1 << 20, nullptr);
  space.set_visible(lsn);
  const tune_request request{.recall = 0.5, .sample = 100};
  REQUIRE(code_of(run_tuning(space, request, 10s)) == errc::busy);  // nothing is built

  const std::shared_ptr<engine::index::vector_index> index =
      engine::index::make_index(dimension, distance_kind::l2, space.index(0)->params());
  const auto view = must(space.store().read());
  must(view->for_each_vector(0, [&](std::span<const row_id> rows, matrix_view vectors) {
    must(index->insert(rows, vectors));
    return true;
  }));
  auto& slot = space.index(0)->shard(0);
  REQUIRE(slot.publish(slot.take_over(), {nullptr, index, all_indexed, {}}, index_state::ready));
  const auto hasty = must(run_tuning(space, request, 0ms));
  REQUIRE_FALSE(hasty.finished);
  REQUIRE(hasty.queries == 16);  // one scan for the truth
  REQUIRE(hasty.tried.size() == 1);
  REQUIRE(hasty.effort == 10);
  const auto patient = must(run_tuning(space, request, 50s));
  REQUIRE(patient.finished);
  REQUIRE(patient.queries == 100);
  space.abandon(errc::unavailable);
  REQUIRE(code_of(run_tuning(space, request, 50s)) == errc::unavailable);
}

TEST_CASE("what cannot be tuned says why") {
  const temporary_directory directory;
  const auto faults = std::make_shared<index_faults>();
  const auto host = must(runtime_access::start({}, failing_parts(faults)));
  const auto store = must(host->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  REQUIRE(code_of(space->tune({.recall = 1.5})) == errc::invalid_argument);
  REQUIRE(code_of(space->tune({.k = 0})) == errc::invalid_argument);
  must(space->write(upsert_of(range(0, 99), dimension)));
  REQUIRE(eventually([&] { return index_ready(*space); }));
  const auto few = space->tune({.sample = 10});
  REQUIRE(code_of(few) == errc::invalid_argument);
  REQUIRE(few.error().message.find("99 vectors") != std::string::npos);

  must(space->write(upsert_of(range(99, 200), dimension)));
  {
    const road_block building(faults->insert_blocks);
    must(space->alter({.m = 8}));
    REQUIRE(code_of(space->tune({.sample = 10})) == errc::busy);
  }
  must(space->alter({.kind = index_kind::flat}));
  REQUIRE(eventually([&] { return index_ready(*space) && !must(space->info()).rebuild; }));
  REQUIRE(code_of(space->tune({.sample = 10})) == errc::unsupported);
}

TEST_CASE("one tuning at a time, and its progress is to be seen") {
  sparse_graph graph;
  road_block searching(graph.faults->search_blocks);
  std::optional<result<tune_result>> first;
  std::atomic<bool> done = false;
  graph.space->tune({.recall = 0.5, .sample = 20}, [&](result<tune_result> outcome) {
    first = std::move(outcome);
    done = true;
  });
  REQUIRE(eventually([&] { return must(graph.space->info()).tuning.has_value(); }));
  REQUIRE(must(graph.space->info()).tuning->most > 20);
  REQUIRE(code_of(graph.space->tune()) == errc::busy);
  searching.lift();
  REQUIRE(eventually([&] { return done.load(); }));
  REQUIRE(first->has_value());
  REQUIRE((*first)->effort > 0);
  REQUIRE(graph.space->tune({.recall = 0.5, .sample = 20}).has_value());
}

TEST_CASE("a namespace that closes ends its tuning") {
  sparse_graph graph;
  std::atomic<int> code = -1;
  {
    road_block searching(graph.faults->search_blocks);
    // So many queries that it cannot end before the namespace does.
    graph.space->tune({.sample = 10'000}, [&](result<tune_result> outcome) {
      code = outcome ? 0 : static_cast<int>(outcome.error().code);
    });
    REQUIRE(eventually([&] { return must(graph.space->info()).tuning.has_value(); }));
    std::thread dropping([&] { must(graph.store->drop_namespace("docs")); });
    searching.lift();
    dropping.join();
  }
  REQUIRE(eventually([&] { return code >= 0; }));
  REQUIRE(code == static_cast<int>(errc::not_found));
}

}  // namespace
