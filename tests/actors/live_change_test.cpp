// The index, its parameters and the distance change while the namespace is in use: the index before
// answers until the new one is ready, no search mixes the two, and no write is missed by either.
#include "tests/actors/failing_index.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

constexpr std::uint32_t dimension = 12;

float l2(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return static_cast<float>(std::sqrt(sum));
}

float dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum -= double{a[i]} * b[i];
  return static_cast<float>(sum);
}

// In which distance every hit of the answer is; nothing if they do not agree.
std::optional<distance_kind> distance_of(const search_result& found, std::span<const float> query) {
  bool all_l2 = true;
  bool all_dot = true;
  for (std::size_t hit = 0; hit < found.hits.size(); ++hit) {
    const auto vector = found.hits.vectors.view().row(hit);
    const auto is = found.distances[hit];
    all_l2 = all_l2 && std::abs(is - l2(query, vector)) < 1e-3F;
    all_dot = all_dot && std::abs(is - dot(query, vector)) < 1e-3F;
  }
  if (all_l2 == all_dot)
    return std::nullopt;
  return all_l2 ? distance_kind::l2 : distance_kind::dot;
}

search_query query_with_vectors(std::uint64_t id, std::uint32_t k) {
  auto query = query_of(vector_of(id, dimension), k);
  query.fields.vectors = true;
  return query;
}

struct served_namespace {
  temporary_directory directory;
  std::shared_ptr<event_log> log = std::make_shared<event_log>();
  std::shared_ptr<index_faults> faults = std::make_shared<index_faults>();
  std::unique_ptr<runtime> host;
  std::shared_ptr<namespace_handle> space;

  explicit served_namespace(std::uint32_t shards = 2, std::uint64_t records = 600)
      : host(must(runtime_access::start({.worker_threads = 2, .log = log, .snapshot_after = 1h},
                                        failing_parts(faults)))),
        space(
            must(must(host->open(directory.path()))
                     ->open_namespace("docs", open_mode::create, request_of(dimension, shards)))) {
    if (records > 0)
      must(space->write(upsert_of(range(0, records), dimension)));
    wait_until_built();
  }

  void wait_until_built() {
    REQUIRE(eventually([&] {
      const auto info = must(space->info());
      return info.index == index_state::ready && info.fresh == 0 && !info.rebuild;
    }));
  }
};

TEST_CASE(
    "the index before answers, in its distance and with every write, until another is ready") {
  served_namespace served;
  auto& space = *served.space;
  road_block building(served.faults->insert_blocks);
  const auto config = must(space.alter({.distance = distance_kind::dot, .m = 8}));
  REQUIRE(config.distance == distance_kind::dot);
  REQUIRE(config.index.m == 8);

  auto info = must(space.info());
  REQUIRE(info.config == config);
  REQUIRE(info.index == index_state::ready);
  REQUIRE(info.indexed == 600);
  REQUIRE(info.rebuild);
  REQUIRE(info.rebuild->distance == distance_kind::l2);
  REQUIRE(info.rebuild->params.m == 16);
  REQUIRE(info.rebuild->rows_done == 0);
  REQUIRE(info.rebuild->rows_total == 600);

  must(space.write(upsert_of(range(600, 650), dimension)));
  must(space.write(erase_of(range(0, 40))));
  must(space.write(upsert_of(range(40, 50), dimension, 1)));  // elsewhere from now on
  const int searched = served.faults->searches;
  for (std::uint64_t id = 50; id < 650; id += 7) {
    const auto asked = vector_of(id, dimension);
    const auto found = must(space.search(query_with_vectors(id, 5)));
    REQUIRE(found.hits.ids[0] == record_id(id));
    REQUIRE(distance_of(found, asked) == distance_kind::l2);
  }
  REQUIRE(served.faults->searches > searched);  // no scan of storage in its place
  REQUIRE(must(space.search(query_of(vector_of(3, dimension), 1))).hits.ids[0] != record_id(3));
  REQUIRE(must(space.search(query_of(vector_of(44, dimension, 1), 1))).hits.ids[0] ==
          record_id(44));

  building.lift();
  served.wait_until_built();
  info = must(space.info());
  REQUIRE(info.indexed == 610);
  REQUIRE(info.config == config);
  const auto asked = vector_of(77, dimension);
  auto query = query_with_vectors(77, 610);
  const auto found = must(space.search(std::move(query)));
  REQUIRE(found.hits.size() == 610);
  REQUIRE(distance_of(found, asked) == distance_kind::dot);
  REQUIRE(served.log->count(307) == 1);
}

TEST_CASE("searches that run throughout are each in one distance and complete") {
  served_namespace served(3, 0);
  auto& space = *served.space;
  constexpr std::uint64_t records = 60;
  must(space.write(upsert_of(range(0, records), dimension)));
  std::atomic<bool> done = false;
  std::mutex guard;
  std::string failure;
  const auto search_on = [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!done) {
      const auto id = random() % records;
      const auto found = space.search(query_with_vectors(id, records));
      std::string wrong;
      if (!found)
        wrong = to_string(found.error());
      else if (found->hits.size() != records)
        wrong = std::to_string(found->hits.size()) + " hits";
      else if (!distance_of(*found, vector_of(id, dimension)))
        wrong = "hits in several distances";
      const std::lock_guard lock(guard);
      if (!wrong.empty())
        failure = wrong;
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 3; ++seed)
    threads.emplace_back(search_on, seed);
  for (std::uint64_t change = 0; change < 12; ++change) {
    const auto to = change % 2 == 0 ? distance_kind::dot : distance_kind::l2;
    const auto kind = change % 3 == 0 ? index_kind::flat : index_kind::hnsw;
    must(space.alter({.distance = to, .kind = kind}));
    must(space.write(upsert_of(range(0, records / 2), dimension)));
    served.wait_until_built();
    const auto found = must(space.search(query_with_vectors(1, records)));
    REQUIRE(distance_of(found, vector_of(1, dimension)) == to);
  }
  done = true;
  for (auto& each : threads)
    each.join();
  REQUIRE(failure.empty());
  REQUIRE(served.log->count(307) == 12);
}

TEST_CASE("a build that fails keeps the index before in service and says why") {
  served_namespace served;
  auto& space = *served.space;
  served.faults->make_throws_for_m = 13;
  must(space.alter({.distance = distance_kind::dot, .m = 13}));
  REQUIRE(eventually([&] {
    const auto info = must(space.info());
    return info.rebuild && info.rebuild->failure.find("injected") != std::string::npos;
  }));
  REQUIRE(must(space.info()).index == index_state::ready);
  must(space.write(upsert_of(range(600, 620), dimension)));
  for (std::uint64_t id = 0; id < 620; id += 31) {
    const auto found = must(space.search(query_with_vectors(id, 3)));
    REQUIRE(found.hits.ids[0] == record_id(id));
    REQUIRE(distance_of(found, vector_of(id, dimension)) == distance_kind::l2);
  }
  // Tried again for as long as it is wanted.
  served.faults->make_throws_for_m = 0;
  served.wait_until_built();
  const auto found = must(space.search(query_with_vectors(5, 3)));
  REQUIRE(distance_of(found, vector_of(5, dimension)) == distance_kind::dot);
}

TEST_CASE("a newer change replaces one that is under way") {
  served_namespace served;
  auto& space = *served.space;
  {
    const road_block building(served.faults->insert_blocks);
    must(space.alter({.distance = distance_kind::dot}));
    must(space.alter({.m = 9}));
    const auto info = must(space.info());
    REQUIRE(info.config.distance == distance_kind::dot);
    REQUIRE(info.config.index.m == 9);
    REQUIRE(info.rebuild->params.m == 16);
  }
  served.wait_until_built();
  REQUIRE(served.log->count(307) == 1);
  const auto found = must(space.search(query_with_vectors(5, 3)));
  REQUIRE(served.faults->last_searched_m == 9);
  REQUIRE(distance_of(found, vector_of(5, dimension)) == distance_kind::dot);
}

TEST_CASE("a change that is taken back leaves the index before as it is") {
  served_namespace served;
  auto& space = *served.space;
  const int made = served.faults->made;
  {
    const road_block building(served.faults->insert_blocks);
    must(space.alter({.distance = distance_kind::dot, .kind = index_kind::flat}));
    REQUIRE(must(space.info()).rebuild);
    must(space.alter({.distance = distance_kind::l2, .kind = index_kind::hnsw}));
    REQUIRE_FALSE(must(space.info()).rebuild);
    REQUIRE(must(space.info()).index == index_state::ready);
    must(space.write(upsert_of(range(600, 610), dimension)));
  }
  served.wait_until_built();
  REQUIRE(served.faults->made <= made + 2);  // those of the change that was taken back
  REQUIRE(served.log->count(307) == 0);
  REQUIRE(must(space.search(query_of(vector_of(605, dimension), 1))).hits.ids[0] == record_id(605));
}

TEST_CASE("what only says how to search is taken over while an index is built, and at once") {
  served_namespace served;
  const road_block building(served.faults->insert_blocks);
  must(served.space->alter({.m = 8}));
  must(served.space->alter({.ef_search = 333, .nprobe = 7}));
  const auto info = must(served.space->info());
  REQUIRE(info.rebuild);
  REQUIRE(info.config.index.m == 8);
  REQUIRE(info.config.index.ef_search == 333);
  REQUIRE(info.config.index.nprobe == 7);
}

TEST_CASE("a namespace that ends in the middle of a change opens with what was promised") {
  served_namespace served;
  served.faults->make_throws_for_m = 13;  // it never gets ready
  must(served.space->alter({.distance = distance_kind::dot, .m = 13}));
  must(served.space->write(upsert_of(range(600, 620), dimension)));
  served.space.reset();
  served.host.reset();

  const auto log = std::make_shared<event_log>();
  const auto host = must(runtime::start({.log = log}));
  const auto space = must(must(host->open(served.directory.path()))->open_namespace("docs"));
  const auto check = [&] {
    const auto found = must(space->search(query_with_vectors(605, 620)));
    REQUIRE(found.hits.size() == 620);
    REQUIRE(distance_of(found, vector_of(605, dimension)) == distance_kind::dot);
  };
  REQUIRE(space->config().distance == distance_kind::dot);
  check();
  REQUIRE(eventually([&] { return index_ready(*space); }));
  check();
  REQUIRE_FALSE(must(space->info()).rebuild);
  REQUIRE(must(space->info()).indexed == 620);
}

TEST_CASE("an index that replaced another is saved, and loaded at the next opening") {
  served_namespace served;
  must(served.space->alter({.distance = distance_kind::dot, .m = 8}));
  served.wait_until_built();
  served.space.reset();
  served.host.reset();
  const auto log = std::make_shared<event_log>();
  const auto host = must(runtime::start({.log = log}));
  const auto space = must(must(host->open(served.directory.path()))->open_namespace("docs"));
  REQUIRE(eventually([&] { return index_ready(*space); }));
  REQUIRE(log->count(303) == 2);  // loaded
  REQUIRE(log->count(302) == 0);  // built
}

TEST_CASE("an index of bits gets bits only, for as long as it answers") {
  served_namespace served;
  auto request = request_of(dimension, 2);
  request.distance = distance_kind::hamming;
  const auto store = must(served.host->open(served.directory.path()));
  const auto space = must(store->open_namespace("bits", open_mode::create, request));
  const auto other = must(store->open_namespace("bits"));
  const auto batch_of = [](std::vector<float> vector) {
    write_batch batch;
    batch.ids = {record_id(std::uint64_t{1})};
    batch.vectors = matrix(std::move(vector), 1, dimension);
    return batch;
  };
  const std::vector<float> bits(dimension, 1);
  const std::vector<float> numbers(dimension, 0.5F);
  must(space->write(batch_of(bits)));
  const auto takes_numbers = [&] {
    const auto written = space->write(batch_of(numbers));
    const auto found = other->search(query_of(numbers, 1));
    const auto scanned = other->search(query_of(numbers, 1, true));
    for (const auto code : {code_of(found), code_of(scanned)})
      REQUIRE(code == code_of(written));
    REQUIRE(written.has_value() != (code_of(written) == errc::invalid_argument));
    return written.has_value();
  };
  REQUIRE_FALSE(takes_numbers());
  REQUIRE(code_of(served.space->alter({.distance = distance_kind::hamming})) ==
          errc::config_mismatch);
  REQUIRE(must(served.space->info()).config.distance == distance_kind::l2);

  REQUIRE(eventually([&] { return index_ready(*space); }));
  road_block building(served.faults->insert_blocks);
  REQUIRE(must(space->alter({.distance = distance_kind::l2})).distance == distance_kind::l2);
  REQUIRE(must(space->info()).rebuild);
  REQUIRE_FALSE(takes_numbers());
  must(space->write(batch_of(bits)));
  REQUIRE(must(other->search(query_of(bits, 1))).distances[0] == 0);
  building.lift();
  REQUIRE(eventually([&] { return !must(space->info()).rebuild; }));
  REQUIRE(takes_numbers());
  REQUIRE(must(other->search(query_of(bits, 1))).distances[0] ==
          Approx(0.5 * std::sqrt(dimension)));
}

TEST_CASE("altering refuses what cannot change, and a namespace that is gone") {
  served_namespace served(2, 10);
  auto& space = *served.space;
  REQUIRE(code_of(space.alter({.dimension = 3})) == errc::dimension_mismatch);
  REQUIRE(code_of(space.alter({.shards = 3})) == errc::config_mismatch);
  REQUIRE(code_of(space.alter({.m = 1})) == errc::invalid_argument);
  REQUIRE(must(space.alter({})) == space.config());
  REQUIRE_FALSE(must(space.info()).rebuild);
  must(must(served.host->open(served.directory.path()))->drop_namespace("docs"));
  REQUIRE(code_of(space.alter({.m = 8})) == errc::not_found);
}

}  // namespace
