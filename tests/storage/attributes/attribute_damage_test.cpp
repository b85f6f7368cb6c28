// What a flipped bit does to indexes of fields: an error or an index made again, never a wrong
// answer.
#include "tests/storage/attributes/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

// Lets `change` write to the tables of a store that is open.
template <class Change>
void tamper(const namespace_store& store, Change&& change) {
  const auto& environment = dynamic_cast<const lmdb_namespace_store&>(store).environment();
  auto transaction = need(environment->begin_write());
  const auto all = need(tables::open(transaction, false));
  change(transaction, all);
  need(transaction.commit());
}

void flip_entries(const namespace_store& store, attribute_kind kind) {
  tamper(store, [&](lmdb::write_transaction& in, const tables& all) {
    int flipped = 0;
    for (const auto& [key, value] : dump_in(in, all.attributes.entries))
      if (parse_attribute_key(key)->kind == kind) {
        auto bytes = value;
        bytes.back() ^= std::byte{1};
        need(in.put(all.attributes.entries, key, bytes));
        ++flipped;
      }
    REQUIRE(flipped > 0);
  });
}

void flip_record(const namespace_store& store, row_id row) {
  tamper(store, [&](lmdb::write_transaction& in, const tables& all) {
    const auto stored = *need(in.get(all.records, encode_row(row)));
    std::vector bytes(stored.begin(), stored.end());
    bytes.back() ^= std::byte{1};
    need(in.put(all.records, encode_row(row), bytes));
  });
}

std::unique_ptr<namespace_store> ten_records(const std::filesystem::path& directory) {
  auto store = create(directory, 2);
  std::vector<value_map> metadata(10);
  for (int i = 0; i < 10; ++i)
    metadata[static_cast<std::size_t>(i)] = {{"k", i % 2}, {"name", "n" + std::to_string(i)}};
  write(*store, metadata_batch(write_kind::add, numbers(1, 10), metadata));
  return store;
}

std::vector<row_id> select(const namespace_store& store, const filter& wanted) {
  return need(need(store.read())->select(wanted)).rows.rows();
}

}  // namespace

TEST_CASE("an index with a flipped bit answers corruption until it is made again") {
  const temporary_directory home;
  auto store = ten_records(home.path() / "docs");
  need(store->index_fields({{field_path{"k"}}}));
  maintain_all(*store);
  flip_entries(*store, attribute_kind::number);
  {
    const auto view = need(store->read());
    REQUIRE(code_of(view->select(K("k") == 1)) == errc::corruption);
    REQUIRE(code_of(view->select(K("k") > 0)) == errc::corruption);
    REQUIRE(code_of(view->facets({"k"}, nullptr, 5)) == errc::corruption);
    REQUIRE(code_of(view->rows_in_order({"k"}, {false, 0, 5}, nullptr)) == errc::corruption);
    REQUIRE(need(view->select(K("name") == "n3")).rows.rows() == std::vector<row_id>{4});
  }
  need(store->drop_field_index({"k"}));
  need(store->index_fields({{field_path{"k"}}}));
  maintain_all(*store);
  REQUIRE(select(*store, K("k") == 1) == std::vector<row_id>{2, 4, 6, 8, 10});
}

TEST_CASE("a write that meets a damaged index goes on, and the index starts over") {
  for (const auto kind : {attribute_kind::number, attribute_kind::rows}) {
    const temporary_directory home;
    auto store = ten_records(home.path() / "docs");
    const std::vector<field_path> fields{{"k"}, {"name"}};
    need(store->index_fields(fields));
    maintain_all(*store);
    flip_entries(*store, kind);
    write(*store, metadata_batch(write_kind::upsert, {1}, {{{"k", 1}}}));
    {
      const auto known = need(need(store->read())->indexed_fields());
      REQUIRE_FALSE(known[0].ready);
      REQUIRE(known[1].ready == (kind == attribute_kind::number));
    }
    REQUIRE(select(*store, K("k") == 1) == std::vector<row_id>{2, 4, 6, 8, 10, 11});
    maintain_all(*store);
    REQUIRE(select(*store, K("k") == 1) == std::vector<row_id>{2, 4, 6, 8, 10, 11});
    REQUIRE(select(*store, !(K("name").exists())) == std::vector<row_id>{11});
    write(*store, batch_of(write_kind::erase, numbers(1, 10)));
    REQUIRE(entries_of(*store) == 0);
  }
}

TEST_CASE("a record that was damaged after it was indexed can go, and is found no more") {
  const temporary_directory home;
  auto store = ten_records(home.path() / "docs");
  need(store->index_fields({{field_path{"k"}}}));
  maintain_all(*store);
  flip_record(*store, 2);
  write(*store, batch_of(write_kind::erase, {2}));
  REQUIRE(select(*store, K("k") == 1) == std::vector<row_id>{4, 6, 8, 10});
  REQUIRE(select(*store, K("k") != 0) == std::vector<row_id>{4, 6, 8, 10});
  const auto view = need(store->read());
  REQUIRE(need(view->facets({"k"}, nullptr, 5)) == std::vector<facet>{{0, 5}, {1, 4}});
  REQUIRE(need(view->rows_in_order({"k"}, {true, 0, 5}, nullptr)) ==
          std::vector<row_id>{4, 6, 8, 10, 1});
}

TEST_CASE("a record too damaged to be indexed is an error for filters until it is gone") {
  const temporary_directory home;
  auto store = ten_records(home.path() / "docs");
  flip_record(*store, 3);
  need(store->index_fields({{field_path{"k"}}}));
  maintain_all(*store);
  REQUIRE(need(need(store->read())->indexed_fields()).front().ready);
  const auto failed = need(store->read())->select(K("k") == 1);
  REQUIRE(code_of(failed) == errc::corruption);
  REQUIRE(failed.error().message.find("row 3") != std::string::npos);
  write(*store, metadata_batch(write_kind::upsert, {3}, {{{"k", 1}}}));
  REQUIRE(select(*store, K("k") == 1) == std::vector<row_id>{2, 4, 6, 8, 10, 11});
  REQUIRE(select(*store, K("k") == 0) == std::vector<row_id>{1, 5, 7, 9});
}

TEST_CASE("a table of indexed fields with random bytes in it is corruption, or what it was") {
  const temporary_directory home;
  auto store = ten_records(home.path() / "docs");
  need(store->index_fields({{field_path{"k"}}}));
  need(store->drop_field_index({"k"}));
  need(store->index_fields({{field_path{"k"}}}));
  std::mt19937_64 random(5);
  for (int i = 0; i < 200; ++i) {
    const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
    auto transaction = need(environment->begin_write());
    const auto tables = need(attribute_tables::open(transaction));
    const auto all = dump_in(transaction, tables.fields);
    const auto chosen = std::next(all.begin(), static_cast<long>(random() % all.size()));
    auto key = chosen->first;
    auto value = chosen->second;
    if (random() % 2 == 0)
      value[random() % value.size()] ^= static_cast<std::byte>(1 + random() % 255);
    else
      key[random() % key.size()] ^= static_cast<std::byte>(1 + random() % 255);
    need(transaction.put(tables.fields, key, value));
    REQUIRE(code_of(read_attribute_fields(transaction, tables)) == errc::corruption);
  }
}

TEST_CASE(
    "a namespace of an older format gets the tables of indexes, and with the first its format") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  auto store = ten_records(directory);
  tamper(*store, [](lmdb::write_transaction& in, const tables& all) {
    for (const auto table : {all.attributes.fields, all.attributes.entries})
      REQUIRE(mdb_drop(in.handle(), table, 1) == MDB_SUCCESS);
    need(write_format(in, all.meta, 3));
  });
  const auto has_format = [&](std::uint64_t version) {
    const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
    auto transaction = need(environment->begin_write());
    const auto meta = need(transaction.open_table("meta", false));
    return check_format(transaction, meta, version).has_value() &&
           !check_format(transaction, meta, version - 1).has_value();
  };
  store.reset();
  store = need(namespace_store::open(directory, {}));
  REQUIRE(has_format(3));
  REQUIRE(select(*store, K("name") == "n3") == std::vector<row_id>{4});
  need(store->index_fields({{field_path{"name"}}}));
  REQUIRE(has_format(4));
  maintain_all(*store);
  REQUIRE(need(need(store->read())->select(K("name") == "n3")).exact);
}

TEST_CASE("indexes reach beyond one block of rows") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  const std::vector<field_path> fields{{"k"}, {"v"}};
  need(store->index_fields(fields));
  maintain_all(*store);
  constexpr std::uint64_t count = 70'000;
  for (std::uint64_t first = 1; first <= count; first += 10'000) {
    std::vector<value_map> metadata;
    for (std::uint64_t row = first; row < first + 10'000; ++row)
      metadata.push_back({{"k", static_cast<std::int64_t>(row % 4)},
                          {"v", static_cast<std::int64_t>(row % 35'000)}});
    write(*store, metadata_batch(write_kind::add, numbers(first, 10'000), metadata));
  }
  write(*store, batch_of(write_kind::erase, numbers(65'000, 1000)));
  const auto view = need(store->read());
  const auto check = [&](const filter& wanted, auto&& matches) {
    const auto found = need(view->select(wanted));
    REQUIRE(found.exact);
    row_set rows;
    for (std::uint64_t row = 1; row <= count; ++row)
      if ((row < 65'000 || row >= 66'000) && matches(row))
        rows.add(row);
    REQUIRE(found.rows == rows);
  };
  check(K("k") == 3, [](auto row) { return row % 4 == 3; });
  check(K("k") != 3, [](auto row) { return row % 4 != 3; });
  check(K("v") >= 30'000, [](auto row) { return row % 35'000 >= 30'000; });
  check(K("k").in({0, 1}) && K("v") < 15'000,
        [](auto row) { return row % 4 < 2 && row % 35'000 < 15'000; });
  check(K("v").exists(), [](auto) { return true; });
  REQUIRE(need(view->rows_in_order({"v"}, {true, 0, 4}, nullptr)) ==
          std::vector<row_id>{34'999, 69'999, 34'998, 69'998});
  REQUIRE(need(view->facets({"k"}, nullptr, 1)) == std::vector<facet>{{0, 17'250}});
}
