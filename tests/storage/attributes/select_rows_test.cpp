#include "storage/attributes/select_rows.hpp"

#include <set>

#include "tests/storage/attributes/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

struct known_record {
  row_id row = 0;
  value_map metadata;
};

// A store and what is in it. Rows are found out by what was applied.
class filtered_store {
 public:
  filtered_store(const std::filesystem::path& directory, std::uint64_t seed)
      : directory_(directory), random_(seed), made_(seed) {
    hooks_.indexed_records = 300;
    store_ = create(directory_, 2, {}, hooks_);
  }

  namespace_store& store() { return *store_; }
  const std::map<std::uint64_t, known_record>& records() const { return records_; }

  void add(std::size_t count) {
    std::vector<record_id> ids;
    std::vector<value_map> metadata;
    metadata.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      ids.emplace_back(next_id_ + i);
      metadata.push_back(record());
    }
    put(write_kind::add, ids, metadata);
    next_id_ += count;
    need(store_->commit());
  }

  // Replaces, changes in place, moves to new rows, erases.
  void change(int times) {
    for (int i = 0; i < times; ++i) {
      const auto some = few();
      std::vector<record_id> ids(some.begin(), some.end());
      std::vector<value_map> metadata(ids.size());
      for (auto& each : metadata)
        each = record();
      switch (random_() % 4) {
      case 0:
        put(write_kind::upsert, ids, metadata);
        break;
      case 1:
      case 2:
        put(write_kind::update, ids, metadata, random_() % 2 == 0);
        break;
      default:
        need(store_->apply(batch_of(write_kind::erase, ids)));
        for (const auto id : some)
          records_.erase(id);
      }
      if (random_() % 4 == 0)
        need(store_->commit());
    }
    need(store_->commit());
  }

  void reopen() {
    store_.reset();
    store_ = need(open_store(directory_, {}, hooks_));
  }

  value_map record() {
    auto metadata = made_.record();
    // Strings that are longer than a key, which differ before and behind the cut.
    if (random_() % 4 == 0)
      metadata["c"] = std::string(random_() % 2 == 0 ? 497 : 498, 'l') +
                      std::string(1, "\0xy"[random_() % 3]) + (random_() % 2 == 0 ? "b" : "");
    return metadata;
  }

  filter tree() {
    if (random_() % 6 != 0)
      return made_.tree();
    auto text = *record_text();
    const auto part = K("c");
    switch (random_() % 6) {
    case 0:
      return part == text;
    case 1:
      return !(part > text) && made_.tree();
    case 2:
      return part <= text;
    case 3:
      return part.prefix(text.substr(0, 495 + random_() % 5));
    case 4:
      return part.contains(text.substr(490));
    default:
      return part.in({text, 1, "ab"}) || made_.tree();
    }
  }

  std::vector<row_id> expected(const filter& wanted) const {
    std::vector<row_id> rows;
    for (const auto& [id, record] : records_)
      if (hearth::test::matches(wanted, record.metadata))
        rows.push_back(record.row);
    std::ranges::sort(rows);
    return rows;
  }

  // Answers how many records were looked at.
  std::uint64_t check(int filters) {
    const auto view = need(store_->read());
    std::uint64_t scanned = 0;
    for (int i = 0; i < filters; ++i) {
      const auto wanted = tree();
      const auto found = need(view->select(wanted));
      INFO(to_string(wanted) << " by " << found.how);
      const auto rows = expected(wanted);
      REQUIRE(found.rows.rows() == rows);
      REQUIRE(found.exact ==
              (found.scanned == 0 && found.how.find("records") == std::string::npos));
      scanned += found.scanned;
      if (i % 8 == 0)
        check_matches(*view, wanted, rows);
    }
    return scanned;
  }

 private:
  void check_matches(read_view& view, const filter& wanted, const std::vector<row_id>& rows) {
    const auto compiled = need(compiled_filter::compile(wanted));
    std::vector<row_id> asked;
    asked.reserve(400);
    for (row_id row = 0; row < 400; ++row)
      asked.push_back(row);
    const auto answers = need(view.matches(asked, compiled));
    for (const auto row : asked) {
      REQUIRE(answers[row] == std::ranges::binary_search(rows, row));
      REQUIRE(need(view.matches(row, compiled)) == answers[row]);
    }
  }

  std::optional<std::string> record_text() {
    while (true)
      if (const auto metadata = record(); metadata.contains("c"))
        if (const auto* text = metadata.at("c").get_if<std::string>(); text && text->size() > 490)
          return *text;
  }

  std::set<std::uint64_t> few() {
    std::set<std::uint64_t> ids;
    for (auto left = 1 + random_() % 12; left > 0; --left)
      ids.insert(
          std::next(records_.begin(), static_cast<long>(random_() % records_.size()))->first);
    return ids;
  }

  void put(write_kind kind, const std::vector<record_id>& ids,
           const std::vector<value_map>& metadata, bool moves = false) {
    auto batch = metadata_batch(kind, ids, metadata);
    batch.merge = metadata_mode::replace;
    if (moves)
      batch.vectors = vectors_of(ids.size(), 2, 1);
    need(store_->apply(batch));
    if (kind != write_kind::update || moves)
      for (const auto& id : ids)
        records_[id.number()].row = next_row_++;
    for (std::size_t i = 0; i < ids.size(); ++i)
      records_[ids[i].number()].metadata = metadata[i];
  }

  std::filesystem::path directory_;
  std::mt19937_64 random_;
  hearth::test::random_filters made_;
  store_hooks hooks_;
  std::unique_ptr<namespace_store> store_;
  std::map<std::uint64_t, known_record> records_;
  std::uint64_t next_id_ = 1;
  row_id next_row_ = 1;
};

std::vector<field_path> some_fields() {
  return {{"a"}, {"b", "a"}, {"c"}};
}

std::vector<field_path> all_fields() {
  const std::vector<std::string> keys{"a", "b", "c", "a.b", "", "caf\xc3\xa9", "in", "`"};
  std::vector<field_path> paths;
  for (const auto& first : keys) {
    paths.push_back({first});
    for (const auto& second : keys)
      paths.push_back({first, second});
  }
  return paths;
}

}  // namespace

TEST_CASE("a filter selects what the oracle says, whatever is indexed and whatever happened") {
  const temporary_directory home;
  filtered_store filtered(home.path() / "docs", 11);
  filtered.add(1500);
  filtered.change(60);
  const auto unindexed = filtered.check(150);

  need(filtered.store().index_fields(some_fields()));
  filtered.check(100);
  filtered.change(60);
  need(filtered.store().maintain(0));
  need(filtered.store().maintain(0));
  filtered.change(80);
  filtered.check(150);
  filtered.reopen();
  need(filtered.store().maintain(0));
  filtered.add(200);
  filtered.check(100);
  maintain_all(filtered.store());
  filtered.check(150);
  filtered.change(100);
  filtered.check(150);

  need(filtered.store().index_fields(all_fields()));
  filtered.add(150);
  need(filtered.store().maintain(0));
  filtered.change(50);
  filtered.check(150);
  maintain_all(filtered.store());
  filtered.change(50);
  filtered.reopen();
  REQUIRE(filtered.check(150) < unindexed);
}

TEST_CASE("what is erased leaves nothing behind in an index") {
  const temporary_directory home;
  filtered_store filtered(home.path() / "docs", 5);
  auto& store = filtered.store();
  need(store.index_fields(all_fields()));
  maintain_all(store);
  REQUIRE(entries_of(store) == 0);
  filtered.add(600);
  filtered.change(50);
  REQUIRE(entries_of(store) > 500);
  std::vector<record_id> ids;
  for (const auto& [id, record] : filtered.records())
    ids.emplace_back(id);
  write(store, batch_of(write_kind::erase, ids));
  REQUIRE(entries_of(store) == 0);
}

TEST_CASE("an index built afterwards is the same as one kept from the start") {
  const temporary_directory home;
  filtered_store early(home.path() / "early", 8);
  filtered_store late(home.path() / "late", 8);
  need(early.store().index_fields(some_fields()));
  maintain_all(early.store());
  for (auto* const each : {&early, &late}) {
    each->add(2000);
    each->change(100);
  }
  need(late.store().index_fields(some_fields()));
  maintain_all(late.store());
  REQUIRE(dump(early.store(), &attribute_tables::entries) ==
          dump(late.store(), &attribute_tables::entries));
  const auto fields = need(need(late.store().read())->indexed_fields());
  REQUIRE(fields.size() == 3);
  for (const auto& field : fields)
    REQUIRE(field.ready);
}

TEST_CASE("building goes on where the last commit left it") {
  const temporary_directory home;
  filtered_store filtered(home.path() / "docs", 9);
  filtered.add(2000);
  need(filtered.store().index_fields(some_fields()));
  need(filtered.store().maintain(0));
  need(filtered.store().maintain(0));
  const auto progress = [&] {
    return need(need(filtered.store().read())->indexed_fields()).front().rows_done;
  };
  REQUIRE(progress() == 600);
  const auto before = dump(filtered.store(), &attribute_tables::entries);

  // What the process was doing when it died is not in the file.
  need(filtered.store().apply(
      metadata_batch(write_kind::upsert, {filtered.records().begin()->first}, {{{"a", 1}}})));
  filtered.reopen();
  REQUIRE(progress() == 600);
  REQUIRE(dump(filtered.store(), &attribute_tables::entries) == before);
  filtered.check(50);
  maintain_all(filtered.store());
  REQUIRE(need(need(filtered.store().read())->indexed_fields()).front().ready);
  filtered.check(50);
}

TEST_CASE("an index that is dropped is removed step by step, and can be made again at once") {
  const temporary_directory home;
  filtered_store filtered(home.path() / "docs", 4);
  auto& store = filtered.store();
  filtered.add(1000);
  need(store.index_fields(some_fields()));
  maintain_all(store);
  const auto full = entries_of(store);
  need(store.drop_field_index({"c"}));
  REQUIRE(code_of(store.drop_field_index({"c"})) == errc::not_found);
  REQUIRE(need(need(store.read())->indexed_fields()).size() == 2);
  filtered.check(50);
  need(store.index_fields({{field_path{"c"}}}));
  filtered.check(50);
  maintain_all(store);
  REQUIRE(entries_of(store) == full);
  filtered.check(50);
  for (const auto& field : some_fields())
    need(store.drop_field_index(field));
  filtered.check(20);
  maintain_all(store);
  REQUIRE(entries_of(store) == 0);
}

TEST_CASE(
    "a path that is none, and more fields than there may be, are refused and change nothing") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  const auto declare = [&](std::vector<field_path> fields) { return store->index_fields(fields); };
  REQUIRE(code_of(declare({{"a"}, {}})) == errc::invalid_argument);
  REQUIRE(code_of(declare({{std::string(401, 'x')}})) == errc::limit_exceeded);
  REQUIRE(code_of(declare({field_path(33, "x")})) == errc::limit_exceeded);
  REQUIRE(need(need(store->read())->indexed_fields()).empty());
  need(declare({{std::string(400, 'x')}, field_path(32, "x")}));
  std::vector<field_path> many;
  many.reserve(254);
  for (int i = 0; i < 254; ++i)
    many.push_back({"f" + std::to_string(i)});
  need(declare(many));
  need(declare(many));
  REQUIRE(code_of(declare({{"one more"}})) == errc::limit_exceeded);
  write(*store, metadata_batch(write_kind::add, {1}, {{{"f1", 1}}}));
  REQUIRE(need(need(store->read())->indexed_fields()).size() == 256);
}
