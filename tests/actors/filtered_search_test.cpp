// Searches with filters and texts through the embedded runtime, while records change.
#include "core/filter/filter_text.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::test;

constexpr std::uint32_t dimension = 8;
constexpr std::size_t records = 600;

struct open_space {
  temporary_directory directory;
  std::shared_ptr<hearth::runtime> runtime = must(runtime::start({.worker_threads = 2}));
  std::shared_ptr<store_handle> store = must(runtime->open(directory.path()));
  std::shared_ptr<namespace_handle> space;

  explicit open_space(namespace_request request) {
    request.dimension = dimension;
    space = must(store->open_namespace("docs", open_mode::create, std::move(request)));
  }
};

write_batch batch_of(std::span<const record_id> ids, std::size_t group) {
  write_batch batch;
  batch.kind = write_kind::upsert;
  std::vector<float> values;
  for (const auto& id : ids) {
    batch.ids.push_back(id);
    const auto vector = vector_of(id.number() + 1000 * group, dimension);
    values.insert(values.end(), vector.begin(), vector.end());
    batch.metadata.push_back({{"group", static_cast<std::int64_t>(group)}});
    batch.texts.emplace_back(group == 0 ? "apple tree" : "pear tree");
  }
  batch.vectors = matrix(std::move(values), ids.size(), dimension);
  return batch;
}

std::int64_t group_of(const value_map& metadata) {
  return *metadata.at("group").get_if<std::int64_t>();
}

}  // namespace

// Records change sides all the time, with new vectors or in place. There are always at least a
// hundred on each side, so k hits have to be found, and each has to be on the side asked for.
TEST_CASE("filtered searches that race with updates answer k records that match") {
  open_space opened({});
  std::vector<record_id> ids;
  for (std::uint64_t id = 0; id < records; ++id)
    ids.emplace_back(id);
  must(opened.space->write(batch_of(std::span(ids).first(records / 2), 0)));
  must(opened.space->write(batch_of(std::span(ids).subspan(records / 2), 1)));

  std::atomic<bool> stop = false;
  std::thread writer([&] {
    std::mt19937 random(1);
    while (!stop) {
      // The first and the last hundred stay where they are.
      const record_id id(100 + random() % (records - 200));
      const std::size_t group = random() % 2;
      if (random() % 2 == 0) {
        (void)opened.space->write(batch_of(std::span(&id, 1), group));
      } else {
        write_batch update;
        update.kind = write_kind::update;
        update.ids = {id};
        update.metadata = {{{"group", static_cast<std::int64_t>(group)}}};
        (void)opened.space->write(std::move(update));
      }
    }
  });
  std::string wrong;
  for (int round = 0; round < 300 && wrong.empty(); ++round) {
    const std::int64_t group = round % 2;
    search_query query;
    query.vectors = matrix(vector_of(static_cast<std::uint64_t>(round), dimension), 1, dimension);
    query.k = 50;
    query.where = K("group") == group;
    query.fields.metadata = true;
    const auto found = opened.space->search(std::move(query));
    if (!found)
      wrong = to_string(found.error());
    else if (found->hits.size() != 50)
      wrong = std::to_string(found->hits.size()) + " hits";
    else
      for (const auto& metadata : found->hits.metadata)
        if (group_of(metadata) != group)
          wrong = "a hit that does not match";
  }
  stop = true;
  writer.join();
  CHECK(wrong == "");
  const auto both = must(opened.space->count(parse_filter("group == 0").value())) +
                    must(opened.space->count(parse_filter("group == 1").value()));
  CHECK(both == records);
}

TEST_CASE("embedded searches by text, and by text and vector, see what was acknowledged") {
  open_space opened({.text_fields = std::vector<field_weight>{{"text", 1}}});
  const std::vector<record_id> ids = {record_id(std::uint64_t{1}), record_id(std::uint64_t{2})};
  must(opened.space->write(batch_of(std::span(ids).first(1), 0)));
  must(opened.space->write(batch_of(std::span(ids).last(1), 1)));
  search_query query;
  query.text = text_question{.queries = {"pear"}, .operators = false, .fields = {}};
  auto found = must(opened.space->search(query));
  REQUIRE(found.hits.ids == std::vector<record_id>{ids[1]});
  CHECK(std::isnan(found.distances[0]));
  CHECK(found.scores[0] > 0);

  query.text->queries = {"apple"};
  query.vectors = matrix(vector_of(1002, dimension), 1, dimension);  // that of record 2
  query.k = 2;
  found = must(opened.space->search(query));
  REQUIRE(found.hits.size() == 2);
  CHECK(found.distances[0] == found.distances[0]);

  write_batch erase;
  erase.kind = write_kind::erase;
  erase.where = K("group") == 0;
  CHECK(must(opened.space->write(std::move(erase))).affected == 1);
  query.vectors = {};
  CHECK(must(opened.space->search(query)).hits.size() == 0);
}

TEST_CASE("facets and counts are those of the records that match") {
  open_space opened({});
  std::vector<record_id> ids;
  for (std::uint64_t id = 0; id < 10; ++id)
    ids.emplace_back(id);
  must(opened.space->write(batch_of(std::span(ids).first(7), 0)));
  must(opened.space->write(batch_of(std::span(ids).last(3), 1)));
  const auto facets = must(opened.space->facets({.field = "group", .where = {}, .limit = 10}));
  CHECK(facets.records == 10);
  CHECK(facets.facets == std::vector<facet>{{std::int64_t{0}, 7}, {std::int64_t{1}, 3}});
  CHECK(must(opened.space->count()) == 10);
  CHECK(code_of(opened.space->facets({.field = "a..b", .where = {}, .limit = 10})) ==
        errc::invalid_argument);
}
