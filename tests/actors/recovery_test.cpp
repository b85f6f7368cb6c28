// What survives: closing, damaged snapshots, other parameters, failing indexes and failing commits.
#include <fstream>

#include "tests/actors/failing_index.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

constexpr std::uint32_t dimension = 16;

// Snapshots only at close.
runtime_options quiet_options(std::shared_ptr<logger> log = null_logger()) {
  return {.log = std::move(log), .snapshot_after = 1h};
}

std::vector<std::filesystem::path> snapshots(const std::filesystem::path& store) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    if (entry.path().extension() == ".snap")
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

// Every id in [first, last) is found at its own vector; nothing else is there.
void require_records(namespace_handle& space, std::uint64_t first, std::uint64_t last) {
  REQUIRE(must(space.info()).count == last - first);
  for (auto id = first; id < last; id += 13) {
    const auto found = must(space.search(query_of(vector_of(id, dimension), 3)));
    REQUIRE(found.hits.size() == 3);
    REQUIRE(found.hits.ids[0] == record_id(id));
    REQUIRE(found.distances[0] == Approx(0).margin(1e-4));
  }
}

// A store with 600 records in a namespace of two shards, closed cleanly.
void make_store(const std::filesystem::path& directory) {
  const auto runtime = must(runtime::start(quiet_options()));
  const auto space =
      must(must(runtime->open(directory))
               ->open_namespace("docs", open_mode::create, request_of(dimension, 2)));
  must(space->write(upsert_of(range(0, 600), dimension)));
  REQUIRE(eventually([&] { return index_ready(*space); }));
}

struct reopened {
  std::shared_ptr<event_log> log = std::make_shared<event_log>();
  std::unique_ptr<runtime> host;
  std::shared_ptr<store_handle> store;
  std::shared_ptr<namespace_handle> space;

  explicit reopened(const std::filesystem::path& directory, namespace_request request = {},
                    namespace_parts parts = {})
      : host(must(runtime_access::start(quiet_options(log), std::move(parts)))),
        store(must(host->open(directory))),
        space(must(store->open_namespace("docs", open_mode::open, std::move(request)))) {}
};

TEST_CASE("a closed namespace opens from its snapshots") {
  const temporary_directory directory;
  make_store(directory.path());
  REQUIRE(snapshots(directory.path()).size() == 2);
  const reopened again(directory.path());
  require_records(*again.space, 0, 600);
  REQUIRE(eventually([&] { return index_ready(*again.space); }));
  REQUIRE(again.log->count(303) == 2);  // loaded
  REQUIRE(again.log->count(302) == 0);  // built
  require_records(*again.space, 0, 600);
}

TEST_CASE("changes after a snapshot are replayed") {
  const temporary_directory directory;
  make_store(directory.path());
  const auto old = snapshots(directory.path());
  std::vector<std::string> saved;
  for (const auto& file : old) {
    std::ifstream in(file, std::ios::binary);
    saved.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  {
    const reopened again(directory.path());
    must(again.space->write(upsert_of(range(600, 900), dimension)));
    must(again.space->write(erase_of(range(0, 130))));
    must(again.space->write(upsert_of(range(130, 143), dimension)));
  }
  // As after kill -9: the files of the first closing, the environment of the second.
  for (std::size_t index = 0; index < old.size(); ++index) {
    std::ofstream out(old[index], std::ios::binary | std::ios::trunc);
    out << saved[index];
  }
  const reopened again(directory.path());
  require_records(*again.space, 130, 900);
  REQUIRE(eventually([&] { return index_ready(*again.space); }));
  REQUIRE(again.log->count(303) == 2);
  REQUIRE(must(again.space->info()).indexed == 770);
  require_records(*again.space, 130, 900);
}

TEST_CASE("a damaged snapshot is refused and built again, with the same answers") {
  const temporary_directory directory;
  make_store(directory.path());
  const auto files = snapshots(directory.path());
  const auto size = std::filesystem::file_size(files[0]);
  const auto damage = GENERATE(0, 1, 2, 3);
  CAPTURE(damage);
  if (damage == 0) {
    std::filesystem::resize_file(files[0], size / 2);
  } else if (damage == 1) {
    std::filesystem::resize_file(files[0], 0);
  } else if (damage == 2) {
    std::fstream file(files[0], std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(size / 2));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.put(static_cast<char>(byte ^ 0x10));
  } else {
    std::filesystem::copy_file(files[1], files[0],
                               std::filesystem::copy_options::overwrite_existing);
  }
  const reopened again(directory.path());
  require_records(*again.space, 0, 600);
  REQUIRE(eventually([&] { return index_ready(*again.space); }));
  REQUIRE(again.log->count(304) == 1);
  REQUIRE(again.log->count(303) == 1);
  REQUIRE(again.log->count(302) == 1);
  require_records(*again.space, 0, 600);
}

TEST_CASE("other index parameters rebuild the index and keep every record") {
  const temporary_directory directory;
  make_store(directory.path());
  namespace_request request;
  SECTION("links") {
    request.m = 8;
  }
  SECTION("kind") {
    request.kind = index_kind::flat;
  }
  const reopened again(directory.path(), request);
  require_records(*again.space, 0, 600);
  must(again.space->write(upsert_of(range(600, 650), dimension)));
  require_records(*again.space, 0, 650);
  REQUIRE(eventually([&] { return index_ready(*again.space); }));
  REQUIRE(must(again.space->info()).indexed == 650);
  require_records(*again.space, 0, 650);
  REQUIRE(again.log->count(206) == 1);
}

TEST_CASE("other ways of searching are taken over without a rebuild") {
  const temporary_directory directory;
  make_store(directory.path());
  namespace_request request;
  request.ef_search = 200;
  request.nprobe = 12;
  request.nlist = 50;  // of other kinds
  {
    const reopened again(directory.path(), request);
    REQUIRE(again.space->config().index.ef_search == 200);
    REQUIRE(eventually([&] { return index_ready(*again.space); }));
  }
  const reopened later(directory.path());
  REQUIRE(later.space->config().index.ef_search == 200);
  REQUIRE(later.space->config().index.nprobe == 12);
  REQUIRE(eventually([&] { return index_ready(*later.space); }));
  REQUIRE(later.log->count(302) == 0);
}

TEST_CASE("parameters that are changed at the same time are all taken over") {
  const temporary_directory directory;
  make_store(directory.path());
  const reopened again(directory.path());
  std::atomic<int> done = 0;
  for (std::uint32_t step = 0; step < 20; ++step) {
    namespace_request request;
    if (step % 2 == 0)
      request.m = 8 + step;
    else
      request.ef_search = 100 + step;
    again.store->open_namespace("docs", open_mode::open, request,
                                completion<std::shared_ptr<namespace_handle>>(
                                    [&](auto outcome) { done += outcome ? 1 : 100; }));
  }
  REQUIRE(eventually([&] { return done >= 20; }));
  REQUIRE(done == 20);
  const auto config = must(again.space->info()).config;
  REQUIRE(config.index.m == 26);
  REQUIRE(config.index.ef_search == 119);
  REQUIRE(eventually([&] { return index_ready(*again.space); }));
  require_records(*again.space, 0, 600);
}

TEST_CASE("a request that contradicts the namespace is refused and changes nothing") {
  const temporary_directory directory;
  make_store(directory.path());
  const reopened again(directory.path());
  namespace_request wrong;
  wrong.dimension = dimension + 1;
  REQUIRE(code_of(again.store->open_namespace("docs", open_mode::open, wrong)) ==
          errc::dimension_mismatch);
  namespace_request cosine;
  cosine.distance = distance_kind::cosine;
  REQUIRE(code_of(again.store->open_namespace("docs", open_mode::open_or_create, cosine)) ==
          errc::config_mismatch);
  require_records(*again.space, 0, 600);
}

TEST_CASE("a shard whose index fails is built again while searches and writes go on") {
  const temporary_directory directory;
  const auto faults = std::make_shared<index_faults>();
  const auto log = std::make_shared<event_log>();
  const auto runtime = must(runtime_access::start(quiet_options(log), failing_parts(faults)));
  const auto store = must(runtime->open(directory.path()));
  const auto space =
      must(store->open_namespace("docs", open_mode::create, request_of(dimension, 2)));
  must(space->write(upsert_of(range(0, 300), dimension)));
  REQUIRE(eventually([&] { return index_ready(*space); }));
  const int made = faults->made;

  const auto which = GENERATE(0, 1, 2);
  CAPTURE(which);
  auto& fault = which == 0   ? faults->insert_throws
                : which == 1 ? faults->insert_refuses
                             : faults->search_throws;
  fault = true;
  must(space->write(upsert_of(range(300, 330), dimension)));
  require_records(*space, 0, 330);
  REQUIRE(eventually([&] {
    (void)must(space->search(query_of(vector_of(1, dimension), 3)));
    return log->count(310) > 0;
  }));
  require_records(*space, 0, 330);
  must(space->write(upsert_of(range(330, 360), dimension)));
  require_records(*space, 0, 360);

  fault = false;
  REQUIRE(eventually([&] { return index_ready(*space); }));
  REQUIRE(faults->made > made);
  require_records(*space, 0, 360);
  REQUIRE(must(space->info()).indexed == 360);
}

TEST_CASE("searches are exact and complete while an index is being built") {
  const temporary_directory directory;
  make_store(directory.path());
  for (const auto& file : snapshots(directory.path()))
    std::filesystem::remove(file);
  const auto faults = std::make_shared<index_faults>();
  faults->insert_blocks = true;  // the build stands still
  const reopened again(directory.path(), {}, failing_parts(faults));
  road_block building(faults->insert_blocks);
  REQUIRE(must(again.space->info()).index == index_state::building);
  require_records(*again.space, 0, 600);
  must(again.space->write(upsert_of(range(600, 640), dimension)));
  must(again.space->write(erase_of(range(0, 26))));
  require_records(*again.space, 26, 640);
  building.lift();
  REQUIRE(eventually([&] { return index_ready(*again.space); }));
  REQUIRE(must(again.space->info()).indexed == 614);
  require_records(*again.space, 26, 640);
}

TEST_CASE("a failed commit makes the namespace read-only; what was there stays readable") {
  const temporary_directory directory;
  const auto broken = std::make_shared<std::atomic<bool>>(false);
  namespace_parts parts;
  parts.before_commit = [broken]() -> result<void> {
    if (*broken)
      return fail(errc::no_space, "injected: no space left on device");
    return {};
  };
  {
    const auto log = std::make_shared<event_log>();
    const auto runtime = must(runtime_access::start(quiet_options(log), parts));
    const auto space = must(must(runtime->open(directory.path()))
                                ->open_namespace("docs", open_mode::create, request_of(dimension)));
    must(space->write(upsert_of(range(0, 100), dimension)));
    *broken = true;
    REQUIRE(code_of(space->write(upsert_of({1000}, dimension))) == errc::no_space);
    *broken = false;
    const auto late = space->write(upsert_of({1001}, dimension));
    REQUIRE(code_of(late) == errc::read_only);
    REQUIRE(!late.error().message.empty());
    require_records(*space, 0, 100);
    const auto info = must(space->info());
    REQUIRE(info.read_only);
    REQUIRE(!info.read_only_reason.empty());
    REQUIRE(log->count(210) == 1);
  }
  const reopened again(directory.path());
  require_records(*again.space, 0, 100);
  must(again.space->write(upsert_of(range(100, 110), dimension)));
  require_records(*again.space, 0, 110);
}

TEST_CASE("a quiet namespace saves its index by itself") {
  const temporary_directory directory;
  const auto log = std::make_shared<event_log>();
  const auto runtime = must(runtime::start({.log = log, .snapshot_after = 20ms}));
  const auto space = must(must(runtime->open(directory.path()))
                              ->open_namespace("docs", open_mode::create, request_of(dimension)));
  must(space->write(upsert_of(range(0, 200), dimension)));
  REQUIRE(
      eventually([&] { return log->count(305) > 0 && snapshots(directory.path()).size() == 1; }));
}

}  // namespace
