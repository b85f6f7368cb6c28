// One search against indexes and a store whose states the test chooses.
#include "actors/search_run.hpp"

#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;

constexpr std::uint32_t dimension = 8;

TEST_CASE("a record that is updated while the indexes are read is found at its new place") {
  const temporary_directory directory;
  namespace_config config;
  config.dimension = dimension;
  config.distance = distance_kind::l2;
  auto made = must(storage::namespace_store::create(directory.path() / "docs", config, {}));
  auto& store = *made;
  open_namespace space("docs", std::move(made), 1 << 20, nullptr);
  must(store.apply(upsert_of(range(0, 20), dimension)));
  space.set_visible(must(store.commit()));

  // The update's old row has left the index already, its new row has not come yet.
  const auto updated = must(store.apply(upsert_of({7}, dimension, 1)));
  must(store.commit());
  REQUIRE(updated.changes.removed == std::vector<row_id>{8});
  index_params flat;
  flat.kind = index_kind::flat;
  const std::shared_ptr<engine::index::vector_index> index =
      engine::index::make_index(dimension, config.distance, flat);
  for (row_id row = 1; row <= 20; ++row) {
    const matrix vector(vector_of(row - 1, dimension), 1, dimension);
    if (row != 8)
      must(index->insert({&row, 1}, vector.view()));
  }
  const auto epoch = space.index()->shard(0).take_over();
  REQUIRE(space.index()->shard(0).publish(epoch, {nullptr, index, all_indexed, {}},
                                          index_state::ready));

  for (const std::uint32_t k : {1U, 5U, 20U}) {
    const auto query = query_of(vector_of(7, dimension, 1), k);
    search_run run(space, query);
    must(run.collect(0, 1));
    const auto answer = must(run.finish());
    REQUIRE(answer.hits.size() == k);
    REQUIRE(answer.hits.ids.front() == record_id(std::uint64_t{7}));
    REQUIRE(answer.distances.front() == 0);
  }
}

}  // namespace
