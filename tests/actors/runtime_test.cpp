// The embedded API on real threads and real storage.
#include "actors/runtime.hpp"

#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::test;

constexpr std::uint32_t dimension = 16;

TEST_CASE("what was acknowledged is found, read, scanned and counted") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(dimension)));

  const auto written = must(space->write(upsert_of(range(0, 500), dimension)));
  REQUIRE(written.affected == 500);
  REQUIRE(written.durable_lsn >= written.lsn);

  for (std::uint64_t id = 0; id < 500; id += 50) {
    const auto found = must(space->search(query_of(vector_of(id, dimension), 5)));
    REQUIRE(found.hits.size() == 5);
    REQUIRE(found.offsets == std::vector<std::uint64_t>{0, 5});
    REQUIRE(found.hits.ids[0] == record_id(id));
    REQUIRE(found.distances[0] == Approx(0).margin(1e-5));
    REQUIRE(std::ranges::is_sorted(found.distances));
  }
  const auto got = must(space->get(get_query{.ids = {7, "absent"}}));
  REQUIRE(got.found.ids == std::vector<record_id>{7});
  REQUIRE(got.missing == std::vector<record_id>{"absent"});
  const auto page = must(space->scan(scan_query{.limit = 200}));
  REQUIRE(page.rows.size() == 200);
  REQUIRE(!page.next.empty());
  const auto info = must(space->info());
  REQUIRE(info.count == 500);
  REQUIRE(info.vectors == 500);
  REQUIRE(info.lsn == written.lsn);
  REQUIRE(must(store->list_namespaces()) == std::vector<std::string>{"docs"});
  REQUIRE(must(store->info()).open_namespaces == 1);
}

}  // namespace
