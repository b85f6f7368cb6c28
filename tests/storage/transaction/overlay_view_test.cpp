// A snapshot with writes laid over it has to answer as the same records and keys do when they are
// stored.
#include "storage/transaction/overlay_view.hpp"

#include <set>

#include "core/filter/filter_text.hpp"
#include "core/metadata_codec.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

constexpr std::uint32_t dimension = 3;
constexpr field_set all{.vectors = true, .metadata = true, .texts = true};

namespace_config two_vectors() {
  auto config = config_of(dimension);
  config.named.push_back({.name = "image", .dimension = 2});
  return config;
}

record_id random_id(std::mt19937& random) {
  const auto number = random() % 24;
  if (number < 12)
    return number;
  const auto text = "id" + std::to_string(number);
  return number < 22 ? record_id(text) : record_id(text + std::string(600, 'x'));
}

value_map random_metadata(std::mt19937& random) {
  value_map metadata;
  if (random() % 4 != 0)
    metadata["year"] = static_cast<std::int64_t>(random() % 5);
  if (random() % 2 == 0)
    metadata["tags"] = value_list{"t" + std::to_string(random() % 3), "t1"};
  return metadata;
}

std::string random_key(std::mt19937& random) {
  std::string key(1, static_cast<char>('a' + random() % 6));
  for (auto segments = random() % 3; segments > 0; --segments)
    key += std::array{"/x", "/y", "!", "/"}[random() % 4];
  return key;
}

write_batch random_batch(std::mt19937& random, const std::set<record_id>& there) {
  write_batch batch;
  batch.kind = std::array{write_kind::upsert, write_kind::update, write_kind::erase}[random() % 3];
  std::set<record_id> ids;
  for (int i = 0; i < 4; ++i)
    if (auto id = random_id(random); batch.kind != write_kind::update || there.contains(id))
      ids.insert(std::move(id));
  batch.ids.assign(ids.begin(), ids.end());
  if (random() % 4 == 0)
    batch.keys.push_back({.key = random_key(random), .change = key_change::erase_prefix});
  const auto below_prefix = [&](const std::string& key) {
    return !batch.keys.empty() && batch.keys.front().change == key_change::erase_prefix &&
           key.starts_with(batch.keys.front().key);
  };
  for (int i = 0; i < 5; ++i) {
    key_write key{.key = random_key(random)};
    if (std::ranges::find(batch.keys, key.key, &key_write::key) != batch.keys.end())
      continue;
    if (random() % 3 == 0 && !below_prefix(key.key))
      key.change = key_change::erase;
    else
      key.value = std::to_string(random());
    batch.keys.push_back(std::move(key));
  }
  if (ids.empty()) {
    batch.kind = write_kind::upsert;
    return batch;
  }
  if (batch.kind == write_kind::erase)
    return batch;
  const bool inserts = batch.kind == write_kind::upsert;
  if (random() % 3 != 0)
    batch.vectors = vectors_of(ids.size(), dimension, random());
  if (random() % 3 == 0)
    batch.named.push_back({"image", vectors_of(ids.size(), 2, random())});
  if (inserts || random() % 2 == 0)
    for (std::size_t i = 0; i < ids.size(); ++i)
      batch.metadata.push_back(random_metadata(random));
  if (random() % 2 == 0 || (!inserts && batch.metadata.empty() && !batch.gives_vectors()))
    for (std::size_t i = 0; i < ids.size(); ++i)
      batch.texts.emplace_back("text " + std::to_string(random() % 100));
  return batch;
}

// Everything about records but their versions and rows.
std::string told(const record_columns& rows, std::size_t at) {
  std::string line = to_string(rows.ids[at]) + " |";
  if (!rows.metadata.empty()) {
    std::vector<std::byte> bytes;
    byte_writer out(bytes);
    encode_metadata(rows.metadata[at], out);
    line.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  line += "|" + (rows.texts.empty() ? "" : rows.texts[at].value_or("none"));
  if (rows.has_vector.empty())
    return line;
  for (const float each : row_of(rows.vectors, at))
    line += rows.has_vector[at] ? " " + std::to_string(each) : " -";
  for (const float each : row_of(rows.named[0].vectors, at))
    line += rows.named[0].has_vector[at] ? " " + std::to_string(each) : " -";
  return line;
}

std::vector<std::string> told(const record_columns& rows) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < rows.size(); ++i)
    lines.push_back(told(rows, i));
  return lines;
}

std::vector<std::string> scanned(read_view& view, scan_query query, const row_set* among) {
  std::vector<std::string> lines;
  for (;;) {
    const auto page = need(view.scan(query, 2'000, among));
    for (auto& line : told(page.rows))
      lines.push_back(std::move(line));
    if (page.next.empty())
      return lines;
    query.cursor = page.next;
  }
}

std::vector<std::string> scanned_keys(read_view& view, key_scan query) {
  std::vector<std::string> lines;
  for (;;) {
    const auto page = need(view.scan_keys(query, 500));
    REQUIRE(page.entries.size() <= query.limit);
    REQUIRE(page.names.size() == (query.delimiter.empty() ? 0 : page.entries.size()));
    for (std::size_t i = 0; i < page.entries.size(); ++i) {
      auto line = std::string(page.entries.key(i)) + "=" + std::string(page.entries.value(i));
      if (!page.names.empty())
        line += " " + std::to_string(page.names[i]);
      lines.push_back(std::move(line));
    }
    if (page.next.empty())
      return lines;
    query.cursor = page.next;
  }
}

std::vector<std::string> ids_of(read_view& view, std::span<const row_id> rows) {
  record_columns columns;
  need(view.resolve(rows, {}, no_limit, columns));
  return told(columns);
}

// Sorted, because rows that are equal otherwise come by row.
std::vector<std::string> ordered(read_view& view, const field_path& path, bool descending) {
  const auto rows = need(view.rows_in_order(path, {descending, 0, 1000}, nullptr));
  record_columns columns;
  need(view.resolve(rows, {.vectors = false, .metadata = true, .texts = false}, no_limit, columns));
  std::vector<std::string> years;
  for (const auto& each : columns.metadata)
    years.push_back(each.contains("year") ? std::to_string(*each.at("year").get_if<std::int64_t>())
                                          : "none");
  return years;
}

std::vector<std::string> vectors_in(read_view& view) {
  std::vector<std::string> lines;
  for (const auto& [row, vector] : all_vectors(view)) {
    const std::array one{row};
    auto line = ids_of(view, one).front();
    for (const float each : vector)
      line += " " + std::to_string(each);
    lines.push_back(std::move(line));
  }
  std::ranges::sort(lines);
  return lines;
}

void compare(read_view& own, read_view& stored) {
  REQUIRE(own.record_count() == stored.record_count());
  for (const std::size_t number : {0, 1}) {
    REQUIRE(own.vector_count(number) == stored.vector_count(number));
    REQUIRE(vectors_in(*own.fork(number)) == vectors_in(*stored.fork(number)));
  }
  std::vector<record_id> ids;
  for (std::uint64_t number = 0; number < 12; ++number)
    ids.emplace_back(number);
  for (int number = 12; number < 24; ++number) {
    const auto text = "id" + std::to_string(number);
    ids.emplace_back(number < 22 ? text : text + std::string(600, 'x'));
  }
  const auto got = need(own.get({ids, all}, no_limit));
  const auto expected = need(stored.get({ids, all}, no_limit));
  REQUIRE(told(got.found) == told(expected.found));
  REQUIRE(got.missing == expected.missing);
  for (const std::uint32_t limit : {1, 3, 100})
    REQUIRE(scanned(own, {.limit = limit}, nullptr) == scanned(stored, {.limit = limit}, nullptr));
  REQUIRE(scanned(own, {.limit = 2, .offset = 3}, nullptr) ==
          scanned(stored, {.limit = 2, .offset = 3}, nullptr));
  for (const auto* text : {"year >= 2", "tags = \"t2\"", "NOT EXISTS year"}) {
    const auto wanted = need(parse_filter(text));
    const auto here = need(own.select(wanted));
    const auto there = need(stored.select(wanted));
    REQUIRE(scanned(own, {.limit = 2}, &here.rows) == scanned(stored, {.limit = 2}, &there.rows));
    const auto path = need(parse_path("tags"));
    REQUIRE(need(own.facets(path, &here.rows, 10)) == need(stored.facets(path, &there.rows, 10)));
  }
  const auto year = need(parse_path("year"));
  for (const bool descending : {false, true})
    REQUIRE(ordered(own, year, descending) == ordered(stored, year, descending));
  for (const bool reverse : {false, true})
    for (const std::uint32_t limit : {1, 4, 100}) {
      for (const auto& scan :
           {key_scan{.reverse = reverse, .limit = limit},
            key_scan{.start = "c", .end = "j", .reverse = reverse, .limit = limit},
            key_scan{.prefix = "d", .reverse = reverse, .limit = limit},
            key_scan{.reverse = reverse, .limit = limit, .delimiter = "/"},
            key_scan{.prefix = "b/", .reverse = reverse, .limit = limit, .delimiter = "/"},
            key_scan{.start = "a/x",
            .end = "d/x",
            .reverse = reverse,
            .limit = limit,
            .delimiter = "/"}})
        REQUIRE(scanned_keys(own, scan) == scanned_keys(stored, scan));
    }
  const key_query keys{{"a", "b/x", "c", "zz", "d/x/y"}};
  const auto found = need(own.get_keys(keys, no_limit)).found;
  const auto wanted = need(stored.get_keys(keys, no_limit)).found;
  for (std::size_t i = 0; i < found.size(); ++i) {
    REQUIRE(found[i].has_value() == wanted[i].has_value());
    if (found[i])
      REQUIRE(found[i]->value == wanted[i]->value);
  }
}

std::set<record_id> ids_in(read_view& view) {
  const auto page = need(view.scan({.limit = 1000}, no_limit));
  return {page.rows.ids.begin(), page.rows.ids.end()};
}

}  // namespace

TEST_CASE("writes laid over a snapshot read as if they were stored, and commit to the same") {
  std::mt19937 random(11);
  for (int round = 0; round < 12; ++round) {
    const temporary_directory home;
    const auto config = two_vectors();
    auto below = need(create_store(home.path() / "a", config, {}, {}));
    auto beside = need(create_store(home.path() / "b", config, {}, {}));
    std::set<record_id> there;
    for (int step = 0; step < 8; ++step) {
      const auto batch = random_batch(random, there);
      write(*below, batch);
      write(*beside, batch);
      there = ids_in(*need(below->read()));
    }
    const auto snapshot = need(below->read());
    transaction_batch committed;
    committed.snapshot = snapshot->lsn();
    write_set written;
    for (int step = 0; step < 6; ++step) {
      const auto batch = random_batch(random, there);
      const auto plain = write(*beside, batch);
      const auto own = need(written.apply(batch, config, *snapshot->fork(0), committed.reads));
      REQUIRE(own.affected == plain.result.affected);
      REQUIRE(own.keys == plain.result.keys);
      there = ids_in(*need(beside->read()));
      const own_rows rows(written);
      overlay_view view(snapshot->fork(0), rows, config, 0);
      compare(view, *need(beside->read()));
    }
    committed.parts = written.batches(config);
    const auto lsn = committed.snapshot + 1;
    REQUIRE(need(below->apply(committed)).result.lsn == lsn);
    REQUIRE(need(below->commit()) == lsn);
    compare(*need(below->read()), *need(beside->read()));
  }
}

TEST_CASE("a batch that is refused leaves what a transaction has written as it was") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", dimension);
  write(*store, batch_of(write_kind::add, {"a"}, vectors_of(1, dimension, 1)));
  const auto snapshot = need(store->read());
  const auto config = config_of(dimension);
  write_set written;
  read_set reads;
  const auto apply = [&](const write_batch& batch) {
    return written.apply(batch, config, *snapshot, reads);
  };
  CHECK(code_of(apply(batch_of(write_kind::add, {"b", "a"}, vectors_of(2, dimension, 2)))) ==
        errc::already_exists);
  CHECK(code_of(apply(batch_of(write_kind::update, {"c"}, vectors_of(1, dimension, 2)))) ==
        errc::not_found);
  auto stale = batch_of(write_kind::upsert, {"a"}, vectors_of(1, dimension, 2));
  stale.expected = {99};
  stale.keys = {{.key = "k", .value = "v"}};
  CHECK(code_of(apply(stale)) == errc::conflict);
  CHECK(written.empty());
  stale.expected = {1};
  need(apply(stale));
  CHECK(code_of(apply(stale)) == errc::conflict);  // the record is ours now
  auto sum = write_batch();
  sum.keys = {{.key = "k", .change = key_change::add, .amount = 1}};
  CHECK(code_of(apply(sum)) == errc::invalid_argument);  // "v" is no number
  auto large = write_batch();
  large.keys = {{.key = "large", .value = std::string(limits::batch_bytes, 'x')}};
  CHECK(code_of(apply(large)) == errc::limit_exceeded);
  CHECK(written.keys().size() == 1);
}
