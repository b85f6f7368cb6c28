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
  const auto epoch = space.index(0)->shard(0).take_over();
  REQUIRE(space.index(0)->shard(0).publish(epoch, {nullptr, index, all_indexed, {}},
                                           index_state::ready));

  for (const std::uint32_t k : {1U, 5U, 20U}) {
    const auto query = query_of(vector_of(7, dimension, 1), k);
    search_run run(read_source(space), query);
    must(run.collect(0, 1));
    const auto answer = must(run.finish());
    REQUIRE(answer.hits.size() == k);
    REQUIRE(answer.hits.ids.front() == record_id(std::uint64_t{7}));
    REQUIRE(answer.distances.front() == 0);
  }
}

TEST_CASE("a search explains which path it took, and what that cost") {
  const temporary_directory directory;
  namespace_config config;
  config.dimension = dimension;
  config.distance = distance_kind::dot;
  auto made = must(storage::namespace_store::create(directory.path() / "docs", config, {}));
  auto& store = *made;
  open_namespace space("docs", std::move(made), 1 << 20, nullptr);
  must(store.apply(upsert_of(range(0, 30), dimension)));
  space.set_visible(must(store.commit()));
  const auto explain = [&](search_query query) {
    query.explain = true;
    search_run run(read_source(space), query);
    must(run.collect(0, query.vectors.rows()));
    return *must(run.finish()).explanation;
  };
  const auto stage = [](const search_explanation& said, search_step step) {
    const auto found = std::ranges::find(said.stages, step, &search_stage::step);
    return found == said.stages.end() ? search_stage{step} : *found;
  };
  auto query = query_of(vector_of(7, dimension), 5);

  // Nothing is indexed: storage is scanned.
  auto said = explain(query);
  REQUIRE(said.distance == distance_kind::dot);
  REQUIRE(said.kind == index_kind::hnsw);
  REQUIRE(said.ef == 64);
  REQUIRE(said.rounds == 1);
  REQUIRE(said.stages.size() == 2);
  REQUIRE(stage(said, search_step::storage).rows == 30);
  REQUIRE(stage(said, search_step::storage).candidates == 5);
  REQUIRE(stage(said, search_step::records).candidates == 5);

  // Rows 1 to 20 are in the index, 21 to 25 in the tail; one of them is gone.
  index_params flat;
  flat.kind = index_kind::flat;
  const auto index_of = [&](row_id first, row_id last) {
    std::shared_ptr<engine::index::vector_index> index =
        engine::index::make_index(dimension, config.distance, flat);
    for (row_id row = first; row <= last; ++row) {
      const matrix vector(vector_of(row - 1, dimension), 1, dimension);
      must(index->insert({&row, 1}, vector.view()));
    }
    return index;
  };
  auto& slot = space.index(0)->shard(0);
  REQUIRE(slot.publish(slot.take_over(), {index_of(21, 25), index_of(1, 20), 25, {}},
                       index_state::building));
  query.ef = 17;
  query.nprobe = 3;
  said = explain(query);
  REQUIRE(said.ef == 17);
  REQUIRE(said.nprobe == 3);
  REQUIRE(stage(said, search_step::tail).rows == 5);
  REQUIRE(stage(said, search_step::index).rows == 20);
  REQUIRE(stage(said, search_step::index).candidates == 5);
  REQUIRE(stage(said, search_step::storage).rows == 5);
  REQUIRE(stage(said, search_step::late).rows == 0);

  must(store.apply(upsert_of({0, 1, 2, 3, 4, 5, 6, 7}, dimension, 1)));
  must(store.commit());
  said = explain(query);
  REQUIRE(stage(said, search_step::late).rows >= 8);
  REQUIRE(stage(said, search_step::records).rows > 5);  // looked up, found gone, looked for others

  query.exact = true;
  said = explain(query);
  REQUIRE(said.exact);
  REQUIRE(stage(said, search_step::index).rows >= 20);
  REQUIRE(stage(said, search_step::tail).rows >= 5);
  query.explain = false;
  search_run run(read_source(space), query);
  must(run.collect(0, 1));
  REQUIRE_FALSE(must(run.finish()).explanation);
}

}  // namespace
