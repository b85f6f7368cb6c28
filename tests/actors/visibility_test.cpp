// Writers and readers at the same time: what is acknowledged is found, hits are true, and there are
// k of them whenever k exist.
#include "tests/actors/failing_index.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::test;

constexpr std::uint32_t dimension = 16;

float l2(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return static_cast<float>(std::sqrt(sum));
}

// Runs `work(thread)` on several threads; what goes wrong in them is reported here.
template <class Work>
void in_parallel(int threads, Work&& work) {
  std::vector<std::thread> running;
  std::mutex guard;
  std::string first_failure;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      if (const std::string failure = work(thread); !failure.empty()) {
        const std::lock_guard lock(guard);
        first_failure = failure;
      }
    });
  }
  for (auto& each : running)
    each.join();
  REQUIRE(first_failure.empty());
}

TEST_CASE("every row is found by the first search after its acknowledgement") {
  const auto shards = GENERATE(1U, 3U);
  const temporary_directory directory;
  const auto runtime = must(runtime::start({.worker_threads = 2}));
  const auto store = must(runtime->open(directory.path()));
  const auto space =
      must(store->open_namespace("docs", open_mode::create, request_of(dimension, shards)));
  in_parallel(6, [&](int thread) -> std::string {
    for (std::uint64_t round = 0; round < 25; ++round) {
      const auto first = static_cast<std::uint64_t>(thread) * 100'000 + round * 10;
      const auto ids = range(first, first + 1 + round % 7);
      if (const auto written = space->write(upsert_of(ids, dimension)); !written)
        return to_string(written.error());
      for (const auto id : ids) {
        const auto found = space->search(query_of(vector_of(id, dimension), 1));
        if (!found)
          return to_string(found.error());
        if (found->hits.ids != std::vector<record_id>{id})
          return "id " + std::to_string(id) + " was acknowledged and not found";
      }
    }
    return {};
  });
  REQUIRE(eventually([&] { return index_ready(*space); }));
}

// Records move between known places while searches run. Whatever a search sees, each hit is at the
// distance of the vector that its record has or had just now.
TEST_CASE("searches that race with updates answer k true hits") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start({.worker_threads = 2}));
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  constexpr std::uint64_t records = 40;
  must(space->write(upsert_of(range(0, records), dimension)));

  std::atomic<bool> done = false;
  in_parallel(5, [&](int thread) -> std::string {
    std::mt19937_64 random(static_cast<std::uint64_t>(thread));
    if (thread < 2) {
      for (std::uint64_t version = 1; version <= 80; ++version) {
        const auto id = 2 * (random() % (records / 2)) + static_cast<std::uint64_t>(thread);
        if (const auto written = space->write(upsert_of({id}, dimension, version % 4)); !written)
          return to_string(written.error());
      }
      done = true;
      return {};
    }
    while (!done) {
      const auto asked = vector_of(random() % records, dimension, random() % 4);
      // k is everything there is: a record that an update hides for a moment would be missed.
      auto query = query_of(asked, records, thread == 4);
      query.fields.vectors = true;
      const auto found = space->search(std::move(query));
      if (!found)
        return to_string(found.error());
      if (found->hits.size() != records)
        return "only " + std::to_string(found->hits.size()) + " hits";
      auto ids = found->hits.ids;
      std::ranges::sort(ids);
      if (std::ranges::adjacent_find(ids) != ids.end())
        return "a record came twice";
      for (std::size_t hit = 0; hit < records; ++hit) {
        const auto really = l2(asked, found->hits.vectors.view().row(hit));
        if (std::abs(really - found->distances[hit]) > 1e-3F)
          return "a hit at " + std::to_string(found->distances[hit]) + " is at " +
                 std::to_string(really);
      }
    }
    return {};
  });
}

TEST_CASE("searches that race with erasures never answer an erased record") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start({.worker_threads = 2}));
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  constexpr std::uint64_t records = 300;
  constexpr std::uint32_t kept = 20;  // the last ones stay
  must(space->write(upsert_of(range(0, records), dimension)));

  std::atomic<std::uint64_t> erased = 0;  // ids below are gone
  in_parallel(4, [&](int thread) -> std::string {
    if (thread == 0) {
      for (std::uint64_t id = 0; id < records - kept; id += 4) {
        if (const auto written = space->write(erase_of(range(id, id + 4))); !written)
          return to_string(written.error());
        erased = id + 4;
      }
      return {};
    }
    std::mt19937_64 random(static_cast<std::uint64_t>(thread));
    while (erased < records - kept) {
      const std::uint64_t before = erased;
      const auto found = space->search(query_of(vector_of(random() % records, dimension), kept));
      if (!found)
        return to_string(found.error());
      if (found->hits.size() != kept)
        return "only " + std::to_string(found->hits.size()) + " hits of " + std::to_string(kept);
      for (const auto& id : found->hits.ids) {
        if (id.number() < before)
          return "id " + to_string(id) + " was erased before the search began";
      }
    }
    return {};
  });
  REQUIRE(must(space->info()).count == kept);
}

TEST_CASE("a batch of queries is answered like its queries one by one, approximate and exact") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start({.worker_threads = 3}));
  const auto store = must(runtime->open(directory.path()));
  const auto space =
      must(store->open_namespace("docs", open_mode::create, request_of(dimension, 2)));
  must(space->write(upsert_of(range(0, 400), dimension)));
  REQUIRE(eventually([&] { return index_ready(*space); }));

  const auto exact = GENERATE(false, true);
  search_query batch;
  batch.vectors = random_vectors(50, dimension, 99);
  batch.k = 7;
  batch.exact = exact;
  batch.fields.vectors = true;
  const auto all = must(space->search(batch));
  REQUIRE(all.offsets.size() == 51);
  REQUIRE(all.hits.size() == 350);
  for (std::size_t query = 0; query < 50; ++query) {
    const auto row = batch.vectors.view().row(query);
    const auto one = must(space->search(query_of({row.begin(), row.end()}, 7, exact)));
    REQUIRE(all.offsets[query] == 7 * query);
    for (std::size_t hit = 0; hit < 7; ++hit) {
      REQUIRE(all.hits.ids[7 * query + hit] == one.hits.ids[hit]);
      REQUIRE(all.distances[7 * query + hit] ==
              Approx(l2(row, all.hits.vectors.view().row(7 * query + hit))).margin(1e-3));
    }
  }
}

TEST_CASE("k beyond the records answers all of them, and an empty namespace none") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  const auto space =
      must(store->open_namespace("docs", open_mode::create, request_of(dimension, 2)));
  REQUIRE(must(space->search(query_of(vector_of(1, dimension), 10))).hits.size() == 0);
  must(space->write(upsert_of(range(0, 30), dimension)));
  REQUIRE(must(space->search(query_of(vector_of(1, dimension), 1000))).hits.size() == 30);
  REQUIRE(must(space->search(query_of(vector_of(1, dimension), 1000, true))).hits.size() == 30);
  must(space->write(erase_of(range(0, 30))));
  REQUIRE(must(space->search(query_of(vector_of(1, dimension), 1000))).hits.size() == 0);
}

TEST_CASE("a tail at its bound makes writers wait and loses nothing") {
  const temporary_directory directory;
  const auto log = std::make_shared<event_log>();
  const auto faults = std::make_shared<index_faults>();
  const auto runtime =
      must(actors::runtime_access::start({.log = log, .fresh_rows = 64}, failing_parts(faults)));
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));
  REQUIRE(eventually([&] { return index_ready(*space); }));
  road_block indexing(faults->insert_blocks);
  std::atomic<int> answered = 0;
  std::atomic<int> refused = 0;
  for (std::uint64_t first = 0; first < 3000; first += 50) {
    space->write(upsert_of(range(first, first + 50), dimension),
                 completion<write_result>([&](result<write_result> outcome) {
                   refused += outcome ? 0 : 1;
                   ++answered;
                 }));
    if (first < 100)
      REQUIRE(eventually([&] { return answered == static_cast<int>(first / 50) + 1; }));
  }
  // 100 rows are in the tail, which is past its bound: the writer stands still, searches do not.
  REQUIRE(eventually([&] { return log->count(212) == 1; }));
  REQUIRE(must(space->search(query_of(vector_of(99, dimension), 1))).hits.ids[0] == record_id(99));
  REQUIRE(must(space->info()).count == 100);
  REQUIRE(answered == 2);
  indexing.lift();
  REQUIRE(eventually([&] { return answered == 60; }));
  REQUIRE(refused == 0);
  REQUIRE(eventually([&] { return index_ready(*space); }));
  REQUIRE(must(space->info()).indexed == 3000);
}

}  // namespace
