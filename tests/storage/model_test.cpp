// Random operations against a std::map: whatever the store is put through, it answers like the map.
#include <map>
#include <set>

#include "storage/vector_chunk.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

struct model_record {
  std::vector<std::optional<std::vector<float>>> vectors;  // by number
  value_map metadata;
  std::optional<std::string> text;
  lsn_t version = 0;
};

class workload {
 public:
  workload(std::filesystem::path directory, const namespace_config& config, std::uint64_t seed)
      : directory_(std::move(directory)), config_(config), random_(seed),
        rows_(config.vector_count()) {
    hooks_.maintenance_bytes = 1 << 20;
    // Every long id collides with half of the others.
    hooks_.hash = [](std::string_view id) {
      return std::array<std::uint64_t, 2>{static_cast<std::uint64_t>(id.back() & 1), 0};
    };
    store_ = need(create_store(directory_, config_, {}, hooks_));
  }

  void run(int operations) {
    for (int i = 0; i < operations; ++i) {
      step();
      if (random_() % 8 == 0)
        need(store_->commit());
      if (random_() % 40 == 0)
        need(store_->maintain(0));
      if (random_() % 150 == 0)
        reopen();
      if (random_() % 250 == 0)
        check();
    }
    check();
    maintain_all(*store_);
    check();
  }

 private:
  record_id random_id() {
    const auto number = random_() % 400;
    switch (number % 4) {
    case 0:
      return "id" + std::to_string(number);
    case 1:
      return std::string(500, 'l') + std::to_string(number % 40);
    default:
      return number;
    }
  }

  std::vector<record_id> random_ids(bool existing) {
    std::set<record_id> ids;
    const auto count = random_() % 10 == 0 ? 1 + random_() % 120 : 1 + random_() % 6;
    for (std::size_t tries = 0; ids.size() < count && tries < 4 * count; ++tries) {
      if (existing && !model_.empty()) {
        auto at = model_.lower_bound(random_id());
        ids.insert(at == model_.end() ? model_.begin()->first : at->first);
      } else {
        ids.insert(random_id());
      }
    }
    std::vector<record_id> shuffled(ids.begin(), ids.end());
    std::ranges::shuffle(shuffled, random_);
    return shuffled;
  }

  write_batch random_batch() {
    constexpr write_kind kinds[]{write_kind::add,    write_kind::upsert, write_kind::upsert,
                                 write_kind::update, write_kind::update, write_kind::erase};
    write_batch batch;
    batch.kind = kinds[random_() % std::size(kinds)];
    const bool existing = batch.kind == write_kind::update || random_() % 2 == 0;
    batch.ids = random_ids(existing && batch.kind != write_kind::add);
    if (batch.kind == write_kind::erase)
      return batch;
    const auto rows = batch.ids.size();
    const bool insert = batch.kind != write_kind::update;
    if (insert && random_() % 6 == 0)
      batch.ids.clear();
    batch.merge = random_() % 2 == 0 ? metadata_mode::merge : metadata_mode::replace;
    if (random_() % 4 != 0 || batch.ids.empty())
      batch.vectors = vectors_of(rows, config_.dimension, random_());
    for (const auto& named : config_.named)
      if (random_() % 3 == 0)
        batch.named.push_back({named.name, vectors_of(rows, named.dimension, random_())});
    if (random_() % 2 == 0)
      for (std::size_t i = 0; i < rows; ++i)
        batch.metadata.push_back(
            {{"k" + std::to_string(random_() % 3), insert ? value(1) : value()},
             {"v", static_cast<std::int64_t>(random_() % 100)}});
    if (random_() % 2 == 0 || (!batch.gives_vectors() && batch.metadata.empty()))
      for (std::size_t i = 0; i < rows; ++i)
        batch.texts.push_back(
            random_() % 3 == 0 ? std::nullopt : std::optional(std::string(random_() % 3000, 't')));
    return batch;
  }

  // What the model says the batch must answer; nothing for success.
  std::optional<errc> expected_failure(const write_batch& batch) const {
    for (const auto& id : batch.ids) {
      if (batch.kind == write_kind::add && model_.contains(id))
        return errc::already_exists;
      if (batch.kind == write_kind::update && !model_.contains(id))
        return errc::not_found;
    }
    return std::nullopt;
  }

  void step() {
    const auto batch = random_batch();
    const auto failure = expected_failure(batch);
    const auto applied = store_->apply(batch);
    if (failure) {
      REQUIRE(code_of(applied) == *failure);
      return;
    }
    const auto done = need(applied);
    REQUIRE(done.result.lsn == ++lsn_);
    const auto& ids = batch.ids.empty() ? done.result.assigned : batch.ids;
    std::size_t affected = 0;
    for (std::size_t i = 0; i < ids.size(); ++i)
      affected += apply_to_model(batch, ids[i], i);
    REQUIRE(done.result.affected == affected);
    for (std::size_t number = 0; number < rows_.size(); ++number) {
      for (const auto row : done.changes.removed)
        REQUIRE((rows_[number].erase(row) == 1 || !config_.named.empty()));
      for (const auto row : done.changes.vectors[number].rows)
        REQUIRE(rows_[number].insert(row).second);
    }
  }

  bool apply_to_model(const write_batch& batch, const record_id& id, std::size_t i) {
    if (batch.kind == write_kind::erase)
      return model_.erase(id) == 1;
    auto& record = model_[id];
    if (batch.kind != write_kind::update) {
      REQUIRE((!batch.ids.empty() || record.version == 0));  // assigned ids are new
      record = {};
    }
    record.version = lsn_;
    record.vectors.resize(config_.vector_count());
    if (!batch.vectors.empty())
      record.vectors[0] = row_of(batch.vectors, i);
    for (const auto& column : batch.named)
      record.vectors[need(config_.vector_number(column.name))] = row_of(column.vectors, i);
    if (!batch.texts.empty() && batch.texts[i])
      record.text = batch.texts[i];
    if (batch.metadata.empty())
      return true;
    if (batch.kind != write_kind::update || batch.merge == metadata_mode::replace) {
      record.metadata = batch.metadata[i];
      return true;
    }
    for (const auto& [key, item] : batch.metadata[i])
      if (item.is_null())
        record.metadata.erase(key);
      else
        record.metadata.insert_or_assign(key, item);
    return true;
  }

  void reopen() {
    need(store_->commit());
    store_.reset();
    store_ = need(open_store(directory_, {}, hooks_));
    REQUIRE(store_->durable_lsn() == lsn_);
  }

  void check() {
    need(store_->commit());
    const auto view = need(store_->read());
    REQUIRE(view->record_count() == model_.size());

    std::size_t scanned = 0;
    scan_query query{.cursor = "", .limit = 37, .fields = {true, true, true}};
    do {
      const auto page = need(view->scan(query, 1 << 16));
      for (std::size_t i = 0; i < page.rows.size(); ++i)
        compare(page.rows, i);
      scanned += page.rows.size();
      query.cursor = page.next;
    } while (!query.cursor.empty());
    REQUIRE(scanned == model_.size());

    std::set<row_id> with_any;
    for (std::size_t number = 0; number < rows_.size(); ++number) {
      check_vectors(number);
      with_any.insert(rows_[number].begin(), rows_[number].end());
    }
    // Replayed from the start, the change table leads to the same rows.
    std::set<row_id> replayed;
    for (const auto& change : need(view->changes(0, 1'000'000))) {
      for (const auto row : change.removed)
        REQUIRE((replayed.erase(row) == 1 || !config_.named.empty()));
      replayed.insert(change.added.begin(), change.added.end());
    }
    REQUIRE(replayed == with_any);
  }

  void check_vectors(std::size_t number) {
    const auto view = need(store_->read(number));
    const auto live_count = std::ranges::count_if(
        model_, [&](const auto& item) { return item.second.vectors[number].has_value(); });
    REQUIRE(view->vector_count(number) == static_cast<std::uint64_t>(live_count));
    std::set<row_id> live;
    record_columns resolved;
    need(view->for_each_vector(0, [&](std::span<const row_id> rows, matrix_view block) {
      const auto at = resolved.size();
      REQUIRE(
          std::ranges::all_of(need(view->resolve(rows, {}, no_limit, resolved)), std::identity()));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        live.insert(rows[i]);
        REQUIRE(std::ranges::equal(block.row(i), *model_.at(resolved.ids[at + i]).vectors[number]));
      }
      return true;
    }));
    REQUIRE(live == rows_[number]);
  }

  void compare(const record_columns& found, std::size_t i) {
    const auto& record = model_.at(found.ids[i]);
    REQUIRE(found.versions[i] == record.version);
    for (std::size_t number = 0; number < record.vectors.size(); ++number) {
      const auto& there = number == 0 ? found.has_vector : found.named[number - 1].has_vector;
      const auto& vectors = number == 0 ? found.vectors : found.named[number - 1].vectors;
      REQUIRE(there[i] == record.vectors[number].has_value());
      if (there[i])
        REQUIRE(row_of(vectors, i) == *record.vectors[number]);
    }
    REQUIRE(found.metadata[i] == record.metadata);
    REQUIRE(found.texts[i] == record.text);
  }

  std::filesystem::path directory_;
  namespace_config config_;
  std::mt19937_64 random_;
  store_hooks hooks_;
  std::unique_ptr<namespace_store> store_;
  std::map<record_id, model_record> model_;
  std::vector<std::set<row_id>> rows_;  // that have the vector, by its number
  lsn_t lsn_ = 0;
};

}  // namespace

TEST_CASE("thousands of random writes, reopenings and upkeep leave what a map would hold") {
  const auto [dimension, operations] =
      GENERATE(table<std::uint32_t, int>({{3, 1500}, {700, 1500}, {2048, 700}, {40'000, 60}}));
  const temporary_directory home;
  workload(home.path() / "docs", config_of(dimension), dimension).run(operations);
}

TEST_CASE("records with several vectors each keep those that they were given") {
  auto config = config_of(GENERATE(3U, 700U));
  config.named = {{.name = "image", .dimension = 1200}, {.name = "title", .dimension = 2}};
  const temporary_directory home;
  workload(home.path() / "docs", config, config.dimension).run(1000);
}
