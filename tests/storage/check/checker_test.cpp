// Checks find what was damaged deliberately, and nothing else.
#include "storage/check/checker.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "storage/change_codec.hpp"
#include "storage/compaction.hpp"
#include "storage/keyvalue/key_tree.hpp"
#include "storage/text/text_index.hpp"
#include "storage/text/text_writer.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

// Words are what is between blanks.
result<tokenize_text> plain_words(const text_settings& /*settings*/) {
  struct state {
    std::vector<std::string> words;
    std::vector<text_token> tokens;
  };
  return tokenize_text([kept = std::make_shared<state>()](std::string_view text) {
    kept->words.clear();
    kept->tokens.clear();
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find(' ', at), text.size());
      if (end > at)
        kept->words.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
    for (std::uint32_t i = 0; i < kept->words.size(); ++i)
      kept->tokens.push_back({kept->words[i], i});
    return std::span<const text_token>(kept->tokens);
  });
}

namespace_store_options with_words() {
  namespace_store_options options;
  options.make_tokenizer = plain_words;
  options.tokenizer_version = "1";
  return options;
}

// Records with everything: a vector, a named one, indexed metadata, texts; and keys.
std::unique_ptr<namespace_store> full_store(const std::filesystem::path& directory) {
  auto config = config_of(4);
  config.named = {{.name = "image", .dimension = 2}};
  config.schema = {{"k", field_type::any, false, true}, {"tags", field_type::any, false, true}};
  config.text.fields = {{"text", 1}};
  auto store = need(create_store(directory, config, with_words(), {}));
  auto batch = batch_of(write_kind::add, numbers(1, 300), vectors_of(300, 4, 1));
  batch.named = {{"image", vectors_of(300, 2, 2)}};
  for (int i = 0; i < 300; ++i) {
    batch.metadata.push_back({{"k", i % 7}, {"tags", value_list{value("a"), value(i)}}});
    batch.texts.emplace_back("word" + std::to_string(i % 11) + " common");
  }
  batch.keys = {{.key = "", .value = "empty"},
                {.key = "a", .value = "1"},
                {.key = std::string(2'000, 'x'), .value = "long"}};
  write(*store, batch);
  write(*store, batch_of(write_kind::erase, numbers(1, 20)));
  auto update = batch_of(write_kind::update, numbers(30, 40));
  for (int i = 0; i < 40; ++i) {
    update.metadata.push_back({{"k", "changed"}});
    update.texts.emplace_back("other words");
  }
  write(*store, update);
  return store;
}

// All steps, each with next to no time.
check_report check_all(const namespace_store& store) {
  check_report report;
  std::string cursor;
  do {
    auto step = need(store.check(cursor, std::chrono::milliseconds(0)));
    report.add(step);
    cursor = step.next;
  } while (!cursor.empty());
  return report;
}

std::string problems_of(const check_report& report) {
  std::string all;
  for (const auto& each : report.problems)
    all += each.where + ": " + each.what + "\n";
  return all;
}

template <class Change>
void tamper(const namespace_store& store, Change&& change) {
  const auto& environment = dynamic_cast<const lmdb_namespace_store&>(store).environment();
  auto transaction = need(environment->begin_write());
  auto all = need(tables::open(transaction, false));
  need(all.open_named(transaction, store.config(), false));
  change(transaction, all);
  need(transaction.commit());
}

void flip_last_byte(lmdb::write_transaction& in, lmdb::table table, std::size_t entry) {
  std::vector<std::byte> key;
  std::vector<std::byte> value;
  {
    auto entries = need(in.open_cursor(table));
    bool found = need(entries.first());
    for (; entry > 0 && found; --entry)
      found = need(entries.next());
    REQUIRE(found);
    key.assign(entries.key().begin(), entries.key().end());
    value.assign(entries.value().begin(), entries.value().end());
  }
  value.back() ^= std::byte{1};
  need(in.put(table, key, value));
}

}  // namespace

TEST_CASE("a sound namespace has no problems, in steps of any size") {
  const temporary_directory home;
  const auto store = full_store(home.path() / "n");
  const auto report = check_all(*store);
  INFO(problems_of(report));
  CHECK(report.ok());
  const auto count = [&](std::string_view what) {
    const auto found = std::ranges::find(report.checked, what, &check_count::what);
    return found == report.checked.end() ? 0 : found->count;
  };
  CHECK(count("records") == 280);
  CHECK(count("ids") == 280);
  CHECK(count("vectors") == 560);
  CHECK(count("keys") == 3);
  CHECK(count("history entries") == 7);
  CHECK(count("field index entries") > 250);
  maintain_all(*store);
  CHECK(check_all(*store).ok());
}

TEST_CASE("a flipped bit in any table is found and named") {
  const auto damaged = [](auto&& change) {
    const temporary_directory home;
    const auto store = full_store(home.path() / "n");
    tamper(*store, change);
    const auto report = check_all(*store);
    CHECK_FALSE(report.ok());
    CHECK(
        std::ranges::none_of(report.problems, [](const auto& each) { return each.hint.empty(); }));
    return problems_of(report);
  };
  using in_t = lmdb::write_transaction&;
  using Catch::Contains;
  CHECK_THAT(damaged([](in_t in, const tables& all) { flip_last_byte(in, all.records, 3); }),
             Contains("records: "));
  CHECK_THAT(damaged([](in_t in, const tables& all) { flip_last_byte(in, all.ids, 5); }),
             Contains("ids: "));
  CHECK_THAT(damaged([](in_t in, const tables& all) {
               const auto& vector = all.vectors[0];
               const bool tail = need(in.statistics(vector.tail)).ms_entries > 0;
               flip_last_byte(in, tail ? vector.tail : vector.chunks, 0);
             }),
             Contains("vectors: ") || Contains("records: "));
  CHECK_THAT(damaged([](in_t in, const tables& all) { flip_last_byte(in, all.changes, 0); }),
             Contains("history: "));
  // Its names are of the next entry.
  CHECK_THAT(damaged([](in_t in, const tables& all) { flip_last_byte(in, all.changes, 1); }),
             Contains("history: "));
  CHECK_THAT(damaged([](in_t in, const tables& all) { flip_last_byte(in, all.keys, 1); }),
             Contains("keys: "));
  CHECK_THAT(
      damaged([](in_t in, const tables& all) { flip_last_byte(in, all.attributes.entries, 9); }),
      Contains("field indexes: "));
  CHECK_THAT(damaged([](in_t in, const tables& all) { flip_last_byte(in, all.text.postings, 0); }),
             Contains("text indexes: "));
}

TEST_CASE("names that cannot be in the change table are found, whatever its checksums say") {
  const auto named = [](auto&& name) {
    const temporary_directory home;
    const auto store = full_store(home.path() / "n");
    tamper(*store, [&](lmdb::write_transaction& in, const tables& all) {
      const auto lsn = need(read_state(in, all)).lsn;
      change_encoder out(lsn, [&](change_position position, byte_span value) {
        return in.put(all.changes, encode_change(position), value);
      });
      name(out);
      need(out.finish());
    });
    return problems_of(check_all(*store));
  };
  using Catch::Contains;
  CHECK_THAT(named([](change_encoder& out) {
               need(out.key(false, std::string(limits::key_bytes + 1, 'k')));
             }),
             Contains("history: "));
  CHECK_THAT(named([](change_encoder& out) {
               need(out.record(true, record_id(std::string(limits::id_bytes + 1, 'x'))));
             }),
             Contains("history: "));
  CHECK(named([](change_encoder& out) { need(out.key(true, "gone")); }).empty());
}

TEST_CASE("indexes that disagree with sound records are found") {
  const auto wrong = [](auto&& change) {
    const temporary_directory home;
    const auto store = full_store(home.path() / "n");
    tamper(*store, change);
    return problems_of(check_all(*store));
  };
  using in_t = lmdb::write_transaction&;
  using Catch::Contains;
  // A record that went without anything else.
  const auto lost = wrong([](in_t in, const tables& all) {
    auto entries = need(in.open_cursor(all.records));
    REQUIRE(need(entries.first()));
    need(entries.erase());
  });
  CHECK_THAT(lost, Contains("an id leads to row") && Contains("there is no such record"));
  CHECK_THAT(lost, Contains("under a value that it does not have"));
  CHECK_THAT(lost, Contains("is found by a word"));
  CHECK_THAT(lost, Contains("has a vector, and there is no such record"));
  CHECK_THAT(lost, Contains("state: the table of records has 279 entries; 280 are counted"));
  // Entries that went.
  CHECK_THAT(wrong([](in_t in, const tables& all) { need(in.clear(all.attributes.entries)); }),
             Contains("is missing in the index of k"));
  CHECK_THAT(wrong([](in_t in, const tables& all) { need(in.clear(all.text.postings)); }),
             Contains("is missing under a word of \"text\""));
  // A word of another record.
  CHECK_THAT(wrong([](in_t in, const tables& all) {
               const auto field = need(read_text_index(in, all)).fields.at(0).number;
               auto entries = need(in.open_cursor(all.records));
               REQUIRE(need(entries.last()));
               text_writer writer(in, all.text);
               const text_token token{"word0", 7};
               need(writer.add(*decode_row(entries.key()), field, {&token, 1}));
               need(writer.finish());
             }),
             Contains("text indexes: records are found by") && Contains("words; they have"));
  CHECK_THAT(wrong([](in_t in, const tables& all) { need(in.clear(all.ids)); }),
             Contains("is not the one that id"));
  CHECK_THAT(wrong([](in_t in, const tables& all) {
               key_node node = 100;
               key_writer writer(in, all.keys, node);
               REQUIRE(need(writer.erase(lmdb::as_key("a"))));
             }),
             Contains("there are 2 keys; 3 are counted"));
}

TEST_CASE("a cursor that no check answered is refused") {
  const temporary_directory home;
  const auto store = full_store(home.path() / "n");
  CHECK(code_of(store->check("nonsense", std::chrono::milliseconds(1))) == errc::invalid_argument);
}

TEST_CASE("a compacted file is smaller and holds the same; what nobody adopts is removed") {
  const temporary_directory home;
  const auto directory = home.path() / "n";
  auto store = full_store(directory);
  for (int round = 0; round < 5; ++round) {
    write(*store, batch_of(write_kind::upsert, numbers(1'000, 3'000), {}));
    write(*store, batch_of(write_kind::erase, numbers(1'000, 3'000)));
  }
  const auto before = need(store->stats());
  CHECK(before.free_pages > 0);
  CHECK(before.records == 280);
  CHECK(before.keys == 3);
  CHECK(before.oldest_lsn == 1);
  need(store->copy_compacted());
  CHECK(compacted_bytes(directory) > 0);

  SECTION("adopted") {
    store.reset();
    need(adopt_compacted(directory));
    store = need(open_store(directory, with_words(), {}));
    const auto after = need(store->stats());
    CHECK(after.file_bytes < before.file_bytes);
    CHECK(after.free_pages <= 16);  // opening writes the tables that older formats lack
    CHECK(after.records == 280);
    CHECK(check_all(*store).ok());
    write(*store, batch_of(write_kind::upsert, numbers(9'000, 10), vectors_of(10, 4, 3)));
    CHECK(check_all(*store).ok());
  }
  SECTION("left behind") {
    store.reset();
    store = need(open_store(directory, with_words(), {}));
    CHECK(compacted_bytes(directory) == 0);
    CHECK(need(store->stats()).file_bytes == before.file_bytes);
  }
  SECTION("a copy that was cut off is not adopted") {
    store.reset();
    std::filesystem::resize_file(directory / "data.mdb.compact", 8'192);
    CHECK(code_of(adopt_compacted(directory)) == errc::corruption);
    store = need(open_store(directory, with_words(), {}));
    CHECK(check_all(*store).ok());
  }
}

// In a process of its own, for the limit of its files stands in for a full disk.
TEST_CASE("a copy that the disk has no room for goes, and the file is as it was") {
  const temporary_directory home;
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const auto directory = home.path() / "n";
    const auto store = full_store(directory);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{.rlim_cur = 40'000, .rlim_max = before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const auto copied = store->copy_compacted();
    ::setrlimit(RLIMIT_FSIZE, &before);
    int verdict = !copied && copied.error().code == errc::no_space ? 0 : 1;
    verdict += compacted_bytes(directory) == 0 ? 0 : 2;
    write(*store, batch_of(write_kind::upsert, numbers(9'000, 10), vectors_of(10, 4, 3)));
    verdict += check_all(*store).ok() && need(store->stats()).records == 290 ? 0 : 4;
    ::_exit(verdict);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a reader shows among the statistics, with what was committed since it began") {
  const temporary_directory home;
  const auto store = full_store(home.path() / "n");
  const auto view = need(store->read());
  for (std::uint64_t i = 0; i < 3; ++i)
    write(*store, batch_of(write_kind::upsert, numbers(500 + i, 1)));
  const auto stats = need(store->stats());
  CHECK(stats.readers == 1);
  CHECK(stats.oldest_reader_lag == 3);
}
