// Sealing and compaction through the store: vectors move between tail and chunks and stay the same.
#include <lmdb.h>

#include <map>
#include <set>
#include <thread>

#include "storage/vector_chunk.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

// Entries and pages of one table, read from outside like mdb_stat does.
std::map<std::string, MDB_stat> table_statistics(const namespace_store& store) {
  std::map<std::string, MDB_stat> found;
  auto environment = dynamic_cast<const lmdb_namespace_store&>(store).environment();
  auto snapshot = need(environment->begin_read());
  for (const auto* name : {"tail", "chunks", "dead", "records", "ids", "changes"}) {
    MDB_dbi table = 0;
    REQUIRE(mdb_dbi_open(snapshot.handle(), name, 0, &table) == MDB_SUCCESS);
    found.emplace(name, need(snapshot.statistics(table)));
  }
  return found;
}

std::vector<std::pair<row_id, std::vector<float>>> rows_with(const matrix& vectors, row_id first) {
  std::vector<std::pair<row_id, std::vector<float>>> rows;
  for (std::size_t i = 0; i < vectors.rows(); ++i)
    rows.emplace_back(first + i, row_of(vectors, i));
  return rows;
}

}  // namespace

TEST_CASE("a large batch goes straight into chunks, small ones through the tail") {
  const temporary_directory home;
  const std::uint32_t dimension = 384;
  const auto capacity = rows_per_chunk(dimension);
  auto store = create(home.path() / "docs", dimension);

  const auto large = vectors_of(3 * capacity + 5, dimension, 1);
  write(*store, batch_of(write_kind::add, {}, large));
  auto tables = table_statistics(*store);
  REQUIRE(tables["chunks"].ms_entries == 4);
  REQUIRE(tables["tail"].ms_entries == 0);

  const auto small = vectors_of(10, dimension, 2);
  write(*store, batch_of(write_kind::add, {}, small));
  tables = table_statistics(*store);
  REQUIRE(tables["chunks"].ms_entries == 4);
  REQUIRE(tables["tail"].ms_entries == 10);

  // The next large one takes the tail along.
  const auto next = vectors_of(capacity, dimension, 3);
  write(*store, batch_of(write_kind::add, {}, next));
  tables = table_statistics(*store);
  REQUIRE(tables["tail"].ms_entries == 0);
  REQUIRE(tables["chunks"].ms_entries == 6);

  auto expected = rows_with(large, 1);
  std::ranges::copy(rows_with(small, 1 + large.rows()), std::back_inserter(expected));
  std::ranges::copy(rows_with(next, 11 + large.rows()), std::back_inserter(expected));
  REQUIRE(all_vectors(*need(store->read())) == expected);
}

TEST_CASE("maintain seals the tail, and writers seal a tail that nobody maintains") {
  const temporary_directory home;
  const std::uint32_t dimension = 1024;
  const auto capacity = rows_per_chunk(dimension);
  store_hooks hooks;
  hooks.maintenance_bytes = 1;  // one chunk at a time
  auto store = create(home.path() / "docs", dimension, {}, hooks);
  std::vector<std::pair<row_id, std::vector<float>>> expected;
  const auto add = [&](std::size_t rows) {
    const auto vectors = vectors_of(rows, dimension, expected.size());
    std::ranges::copy(rows_with(vectors, expected.size() + 1), std::back_inserter(expected));
    need(store->apply(batch_of(write_kind::add, {}, vectors)));
  };
  while (expected.size() < 2 * capacity + 3)
    add(std::min<std::size_t>(9, 2 * capacity + 3 - expected.size()));
  need(store->commit());
  REQUIRE(table_statistics(*store)["chunks"].ms_entries == 0);

  REQUIRE(need(store->maintain(0)));
  REQUIRE(table_statistics(*store)["chunks"].ms_entries == 1);
  REQUIRE_FALSE(need(store->maintain(0)));
  REQUIRE(table_statistics(*store)["chunks"].ms_entries == 2);
  REQUIRE(table_statistics(*store)["tail"].ms_entries == 3);
  const auto pages = store->usage();
  REQUIRE_FALSE(need(store->maintain(0)));  // nothing to do, nothing written
  REQUIRE(store->usage().used_bytes == pages.used_bytes);
  REQUIRE(all_vectors(*need(store->read())) == expected);

  for (int i = 0; i < 100; ++i)
    add(5);
  need(store->commit());
  REQUIRE(table_statistics(*store)["tail"].ms_entries <= 4 * capacity);
  REQUIRE(all_vectors(*need(store->read())) == expected);
}

TEST_CASE("chunks with more than half dead are compacted, together with small neighbours") {
  const temporary_directory home;
  const std::uint32_t dimension = 768;
  const auto capacity = rows_per_chunk(dimension);
  auto store = create(home.path() / "docs", dimension);
  const auto vectors = vectors_of(4 * capacity, dimension, 1);
  write(*store, batch_of(write_kind::add, numbers(1, vectors.rows()), vectors));
  REQUIRE(table_statistics(*store)["chunks"].ms_entries == 4);
  const auto full = store->usage().used_bytes;

  // Half of each chunk: not worth it yet.
  std::vector<record_id> doomed;
  for (std::uint64_t id = 1; id <= vectors.rows(); ++id)
    if ((id - 1) % capacity < capacity / 2)
      doomed.emplace_back(id);
  write(*store, batch_of(write_kind::erase, doomed));
  maintain_all(*store);
  REQUIRE(table_statistics(*store)["chunks"].ms_entries == 4);
  REQUIRE(table_statistics(*store)["dead"].ms_entries == 4);

  // All but every ninth row: what is left of four chunks fits into one. The second goes entirely.
  std::set<std::uint64_t> kept;
  doomed.clear();
  for (std::uint64_t id = 1; id <= vectors.rows(); ++id)
    if ((id - 1) % capacity >= capacity / 2) {
      if (id % 9 == 0 && (id - 1) / capacity != 1)
        kept.insert(id);
      else
        doomed.emplace_back(id);
    }
  write(*store, batch_of(write_kind::erase, doomed));
  const auto check = [&] {
    const auto view = need(store->read());
    const auto found = all_vectors(*view);
    REQUIRE(found.size() == kept.size());
    REQUIRE(view->vector_count(0) == kept.size());
    auto id = kept.begin();
    for (const auto& [row, vector] : found) {
      REQUIRE(row == *id);
      REQUIRE(vector == row_of(vectors, *id - 1));
      ++id;
    }
  };
  check();
  maintain_all(*store);
  check();
  REQUIRE(table_statistics(*store)["chunks"].ms_entries == 1);
  REQUIRE(table_statistics(*store)["dead"].ms_entries == 0);
  REQUIRE(store->usage().used_bytes < full / 4);

  const auto directory = store->directory();
  store.reset();
  store = need(namespace_store::open(directory, {}));
  check();
  std::vector<record_id> rest(kept.begin(), kept.end());
  write(*store, batch_of(write_kind::erase, rest));
  maintain_all(*store);
  REQUIRE(table_statistics(*store)["chunks"].ms_entries == 0);
  REQUIRE(table_statistics(*store)["records"].ms_entries == 0);
  REQUIRE(table_statistics(*store)["ids"].ms_entries == 0);
}

TEST_CASE("compaction that a crash left undone is found at the next opening") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  const auto capacity = rows_per_chunk(768);
  {
    auto store = create(directory, 768);
    write(*store, batch_of(write_kind::add, numbers(0, capacity), vectors_of(capacity, 768, 1)));
    write(*store, batch_of(write_kind::erase, numbers(0, capacity - 1)));
  }
  auto store = need(namespace_store::open(directory, {}));
  const auto before = store->usage().used_bytes;
  maintain_all(*store);
  REQUIRE(store->usage().used_bytes < before / 4);
  REQUIRE(all_vectors(*need(store->read())).size() == 1);
}

TEST_CASE("files stay within 1.1 times the raw vectors, and updates use pages again") {
  const std::uint32_t dimension = GENERATE(384U, 768U, 1024U, 1536U);
  const temporary_directory home;
  auto store = create(home.path() / "docs", dimension);
  const std::size_t batch = 500;
  const auto batches = 20'000'000 / (dimension * sizeof(float) * batch);
  const auto raw = static_cast<double>(batches * batch * dimension * sizeof(float));
  for (std::size_t i = 0; i < batches; ++i)
    write(*store,
          batch_of(write_kind::add, numbers(i * batch, batch), vectors_of(batch, dimension, i)));
  maintain_all(*store, store->durable_lsn());
  const auto loaded = store->usage();
  INFO("dimension " << dimension << ": used " << static_cast<double>(loaded.used_bytes) / raw
                    << ", file " << static_cast<double>(loaded.file_bytes) / raw);
  REQUIRE(static_cast<double>(loaded.used_bytes) <= 1.1 * raw);
  REQUIRE(static_cast<double>(loaded.file_bytes) <= 1.1 * raw);

  // Each record gets a new vector three times over.
  std::mt19937_64 random(5);
  for (std::size_t round = 0; round < 3 * batches; ++round) {
    const auto first = random() % batches * batch;
    write(*store,
          batch_of(write_kind::update, numbers(first, batch), vectors_of(batch, dimension, round)));
    maintain_all(*store, store->durable_lsn());
  }
  const auto churned = store->usage();
  INFO("churned: used " << static_cast<double>(churned.used_bytes) / raw << ", file "
                        << static_cast<double>(churned.file_bytes) / raw);
  REQUIRE(static_cast<double>(churned.used_bytes) <= 1.3 * raw);
  REQUIRE(static_cast<double>(churned.file_bytes) <= 2.0 * raw);
}

TEST_CASE("a damaged vector is corruption that names its row, wherever it is moved") {
  const temporary_directory home;
  const std::uint32_t dimension = 512;
  const auto capacity = rows_per_chunk(dimension);
  const bool sealed = GENERATE(false, true);
  const auto directory = home.path() / "docs";
  const auto vectors = vectors_of(capacity, dimension, 8);
  {
    auto store = create(directory, dimension);
    if (sealed)
      need(store->apply(batch_of(write_kind::add, numbers(1, capacity), vectors)));
    else
      for (std::size_t i = 0; i < capacity; ++i)
        need(store->apply(
            batch_of(write_kind::add, numbers(i + 1, 1), {row_of(vectors, i), 1, dimension})));
    need(store->commit());
    REQUIRE((table_statistics(*store)["chunks"].ms_entries == 1) == sealed);
  }
  // Flips one bit in the middle of the fourth vector, wherever it is in the file.
  auto bytes = read_file(directory / "data.mdb");
  const auto fourth = std::as_bytes(vectors.view().row(3));
  const auto place = std::ranges::search(bytes, fourth);
  REQUIRE_FALSE(place.empty());
  *(place.begin() + 100) ^= std::byte{0x10};
  write_file(directory / "data.mdb", bytes);

  auto store = need(namespace_store::open(directory, {}));
  const auto check = [&] {
    const auto view = need(store->read());
    const auto failure = view->for_each_vector(0, [](auto, auto) { return true; });
    REQUIRE(code_of(failure) == errc::corruption);
    REQUIRE(failure.error().message.find("row 4") != std::string::npos);
    std::vector<float> out(dimension);
    REQUIRE(code_of(view->vectors(std::vector<row_id>{4}, out.data())) == errc::corruption);
    REQUIRE(need(view->vectors(std::vector<row_id>{5}, out.data())) == std::vector<bool>{true});
    REQUIRE(out == row_of(vectors, 4));
    REQUIRE(code_of(view->get({{record_id(4)}, {true, true, true}}, no_limit)) == errc::corruption);
    REQUIRE(view->get({{record_id(4)}, {false, true, true}}, no_limit).has_value());
  };
  check();
  maintain_all(*store);  // seals the tail, damaged vector and all
  check();
  std::vector<record_id> most = numbers(6, capacity - 5);
  write(*store, batch_of(write_kind::erase, most));
  maintain_all(*store);  // compacts
  check();
  write(*store, batch_of(write_kind::erase, {4}));  // and what is damaged can go
  REQUIRE(all_vectors(*need(store->read())).size() == 4);
}

TEST_CASE("a chunk with a damaged head stops readers, not writers") {
  const temporary_directory home;
  const std::uint32_t dimension = 512;
  const auto capacity = rows_per_chunk(dimension);
  const auto directory = home.path() / "docs";
  const auto vectors = vectors_of(2 * capacity, dimension, 8);
  {
    auto store = create(directory, dimension);
    write(*store, batch_of(write_kind::add, numbers(1, 2 * capacity), vectors));
  }
  auto bytes = read_file(directory / "data.mdb");
  const auto first = std::ranges::search(bytes, std::as_bytes(vectors.view().row(0)));
  *(first.begin() - 20) ^= std::byte{0x01};  // between the header and the first vector
  write_file(directory / "data.mdb", bytes);
  auto store = need(namespace_store::open(directory, {}));
  const auto read = [&](row_id row) {
    std::vector<float> out(dimension);
    return need(store->read())->vectors(std::vector<row_id>{row}, out.data());
  };
  REQUIRE(code_of(read(1)) == errc::corruption);
  REQUIRE(read(capacity + 1).has_value());
  write(*store, batch_of(write_kind::erase, numbers(1, capacity + 1)));
  maintain_all(*store);
  REQUIRE(need(store->read())->vector_count(0) == capacity - 1);
  REQUIRE_FALSE(store->read_only_reason().has_value());
}

TEST_CASE("records go from among named vectors whose list of dead rows is damaged") {
  const temporary_directory home;
  auto config = config_of(2);
  config.named = {{.name = "image", .dimension = 512}};
  const auto capacity = rows_per_chunk(512);
  auto store = need(create_store(home.path() / "docs", config, {}, {}));
  const auto add = [&](std::uint64_t id, bool with_image) {
    auto batch = batch_of(write_kind::add, {id}, vectors_of(1, 2, id));
    if (with_image)
      batch.named = {{"image", vectors_of(1, 512, id)}};
    need(store->apply(batch));
  };
  for (std::uint64_t id = 1; id <= 2 * capacity; ++id)
    add(id, id % 2 == 0);
  maintain_all(*store);  // seals the images of the even ones
  write(*store, batch_of(write_kind::erase, {2}));
  {
    auto environment = dynamic_cast<const lmdb_namespace_store&>(*store).environment();
    auto transaction = need(environment->begin_write());
    const auto dead = need(transaction.open_table("dead:image", false));
    REQUIRE(need(transaction.statistics(dead)).ms_entries == 1);
    need(transaction.put(dead, encode_row(2), std::vector<std::byte>(20)));
    need(transaction.commit());
  }
  REQUIRE(code_of(need(store->read())->get({{record_id(4)}, {true, true, true}}, no_limit)) ==
          errc::corruption);
  write(*store, batch_of(write_kind::erase, {3, 4}));  // without an image, and with one
  REQUIRE_FALSE(store->read_only_reason().has_value());
  REQUIRE(need(store->read())->vector_count(1) == capacity - 2);
  REQUIRE(need(need(store->read())->get({{record_id(6)}, {true, true, true}}, no_limit))
              .found.named[0]
              .has_vector[0]);  // the list was made anew
}

TEST_CASE("a long scan moves to newer snapshots and still visits each row that stays once") {
  const temporary_directory home;
  const std::uint32_t dimension = 256;
  const auto capacity = rows_per_chunk(dimension);
  store_hooks hooks;
  hooks.renew_scans_after = std::chrono::nanoseconds(0);  // after every block
  auto store = create(home.path() / "docs", dimension, {}, hooks);
  const auto count = 5 * capacity;
  const auto vectors = vectors_of(count, dimension, 1);
  write(*store, batch_of(write_kind::add, numbers(1, count), vectors));
  for (std::size_t i = 0; i < 3; ++i)
    write(*store, batch_of(write_kind::add, numbers(count + 1 + 40 * i, 40),
                           vectors_of(40, dimension, 100 + i)));

  const auto view = need(store->read());
  const auto lsn = view->lsn();
  std::set<row_id> seen;
  std::set<row_id> erased;
  std::mt19937_64 random(2);
  need(view->for_each_vector(0, [&](std::span<const row_id> rows, matrix_view block) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      REQUIRE(seen.insert(rows[i]).second);
      if (rows[i] <= count)
        REQUIRE(std::ranges::equal(block.row(i), vectors.view().row(rows[i] - 1)));
    }
    // Erase much, add more, seal and compact: rows move under the scan.
    std::vector<record_id> doomed;
    for (std::uint64_t id = 1; id <= count; ++id)
      if (random() % 3 == 0) {
        doomed.emplace_back(id);
        erased.insert(id);
      }
    write(*store, batch_of(write_kind::erase, doomed));
    write(*store, batch_of(write_kind::add, {}, vectors_of(50, dimension, random())));
    maintain_all(*store);
    return true;
  }));
  for (row_id row = 1; row <= count + 120; ++row)
    if (!erased.contains(row))
      REQUIRE(seen.contains(row));
  REQUIRE(*seen.rbegin() == count + 120);  // nothing that came later
  REQUIRE(view->lsn() == lsn);
  REQUIRE(view->vector_count(0) == count + 120);
}

TEST_CASE("a scan of vectors starts where it is told and stops when it is told") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 8);
  const auto vectors = vectors_of(500, 8, 1);
  write(*store, batch_of(write_kind::add, {}, vectors));
  const auto view = need(store->read());
  auto expected = rows_with(vectors, 1);
  expected.erase(expected.begin(), expected.begin() + 123);
  REQUIRE(all_vectors(*view, 123) == expected);
  REQUIRE(all_vectors(*view, 500).empty());
  REQUIRE(all_vectors(*view, UINT64_MAX).empty());
  int calls = 0;
  need(view->for_each_vector(0, [&](auto, auto) { return ++calls < 3; }));
  REQUIRE(calls == 3);
}

TEST_CASE("snapshots do not change while another thread writes") {
  const temporary_directory home;
  const std::uint32_t dimension = 64;
  auto store = create(home.path() / "docs", dimension);
  // Every batch writes all records anew with vectors of its own LSN: a view that mixes two
  // batches would show.
  const auto ids = numbers(0, 40);
  const auto batch_at = [&](lsn_t lsn) {
    return batch_of(write_kind::upsert, ids,
                    {std::vector<float>(ids.size() * dimension, static_cast<float>(lsn)),
                     ids.size(), dimension});
  };
  write(*store, batch_at(1));
  std::atomic<bool> done = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      lsn_t last = 0;
      while (!done) {
        const auto view = store->read();
        if (!view || (*view)->lsn() < last || (*view)->vector_count(0) != ids.size()) {
          ++failures;
          return;
        }
        last = (*view)->lsn();
        std::size_t rows = 0;
        const auto scanned = (*view)->for_each_vector(0, [&](auto block, matrix_view vectors) {
          rows += block.size();
          for (const float number : vectors.values())
            failures += number != static_cast<float>(last);
          return true;
        });
        const auto got = (*view)->get({ids, {true, true, true}}, no_limit);
        if (!scanned || !got || rows != ids.size() || got->found.size() != ids.size() ||
            !std::ranges::all_of(got->found.versions, [&](lsn_t at) { return at == last; }))
          ++failures;
      }
    });
  for (lsn_t lsn = 2; lsn <= 150; ++lsn) {
    const auto applied = store->apply(batch_at(lsn));
    failures += !applied || !store->commit();
    if (lsn % 10 == 0)
      failures += !store->maintain(lsn);
  }
  done = true;
  for (auto& reader : readers)
    reader.join();
  REQUIRE(failures == 0);
  REQUIRE(store->durable_lsn() == 150);
}
