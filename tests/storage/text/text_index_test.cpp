// The tables of full text against a std::map, and what damage does to them.
#include <map>
#include <optional>
#include <random>

#include "core/limits.hpp"
#include "storage/text/text_reader.hpp"
#include "storage/text/text_writer.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

using words = std::vector<std::string>;

std::vector<text_token> tokens_of(const words& text) {
  std::vector<text_token> tokens;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != "-")  // a word that is left out
      tokens.push_back({text[i], static_cast<std::uint32_t>(i)});
  return tokens;
}

// An environment with the tables of full text.
class text_store {
 public:
  text_store() { open(true); }

  void reopen() {
    environment_.reset();
    open(false);
  }

  template <class Change>
  void write(Change&& change, std::size_t most_collected = 1'000'000) {
    auto transaction = need(environment_->begin_write());
    text_writer writer(transaction, tables_, most_collected);
    change(writer);
    need(writer.finish());
    need(transaction.commit());
  }

  [[nodiscard]] lmdb::read_transaction read() const { return need(environment_->begin_read()); }
  [[nodiscard]] lmdb::write_transaction begin() const { return need(environment_->begin_write()); }
  [[nodiscard]] const text_tables& tables() const { return tables_; }

 private:
  void open(bool create) {
    environment_ = need(lmdb::environment::open(directory_.path(), {.create = create}));
    auto transaction = need(environment_->begin_write());
    tables_ = need(text_tables::open(transaction, create));
    need(transaction.commit());
  }

  temporary_directory directory_;
  std::shared_ptr<lmdb::environment> environment_;
  text_tables tables_;
};

using model = std::map<std::pair<std::uint32_t, row_id>, words>;

struct expected_posting {
  std::vector<std::uint32_t> positions;
  std::uint32_t length = 0;
};
using expected_terms =
    std::map<std::pair<std::uint32_t, std::string>, std::map<row_id, expected_posting>>;

expected_terms expectation(const model& texts) {
  expected_terms terms;
  for (const auto& [key, text] : texts) {
    const auto tokens = tokens_of(text);
    for (const auto& token : tokens) {
      auto& entry = terms[{key.first, std::string(token.term)}][key.second];
      entry.positions.push_back(token.position);
      entry.length = static_cast<std::uint32_t>(tokens.size());
    }
  }
  return terms;
}

void check_term(const text_reader& reader, std::uint32_t field, const std::string& term,
                const std::map<row_id, expected_posting>& rows) {
  auto cursor = need(reader.open(field, term));
  REQUIRE(cursor.has_value());
  REQUIRE(cursor->documents() == rows.size());
  posting_block block;
  std::vector<byte_span> cuts;
  std::vector<std::uint32_t> positions;
  auto next = rows.begin();
  for (row_id from = 0; need(cursor->seek(from)); from = cursor->head().last + 1) {
    need(cursor->decode(block));
    need(cursor->positions(block, cuts));
    REQUIRE(cursor->head().count == block.count);
    for (std::size_t i = 0; i < block.count; ++i, ++next) {
      REQUIRE(next != rows.end());
      REQUIRE(block.rows[i] == next->first);
      REQUIRE(block.lengths[i] == next->second.length);
      REQUIRE(decode_positions(cuts[i], positions));
      REQUIRE(positions == next->second.positions);
      REQUIRE(block.frequencies[i] == positions.size());
      const auto covers = [&](const impact& point) {
        return point.frequency >= block.frequencies[i] && point.length <= block.lengths[i];
      };
      REQUIRE(std::ranges::any_of(cursor->head().frontier, covers));
      REQUIRE(std::ranges::any_of(cursor->frontier(), covers));
    }
  }
  REQUIRE(next == rows.end());
}

void check(const text_store& store, const model& texts) {
  const auto transaction = store.read();
  const text_reader reader(transaction, store.tables());
  const auto terms = expectation(texts);
  std::map<std::uint32_t, text_statistics> statistics{{0, {}}, {7, {}}};
  for (const auto& [key, text] : texts) {
    const auto length = tokens_of(text).size();
    statistics[key.first].documents += length > 0 ? 1 : 0;
    statistics[key.first].total_length += length;
  }
  for (const auto& [field, numbers] : statistics)
    REQUIRE(need(reader.statistics(field)) == numbers);
  for (const auto& [field, numbers] : statistics) {
    std::vector<std::string> all;
    for (const auto& [key, rows] : terms)
      if (key.first == field)
        all.push_back(key.second);
    REQUIRE(need(reader.terms(field, "", 1'000'000)) == all);
  }
  for (const auto& [key, rows] : terms)
    check_term(reader, key.first, key.second, rows);
}

void require_empty(const text_store& store) {
  const auto transaction = store.read();
  for (const auto table : {store.tables().postings, store.tables().positions, store.tables().stats})
    REQUIRE(need(transaction.statistics(table)).ms_entries == 0);
}

words random_text(std::mt19937_64& random) {
  words text;
  const auto length = random() % 20 == 0 ? random() % 300 : random() % 12;
  for (std::size_t i = 0; i < length; ++i) {
    // A few words are everywhere, most are rare.
    const auto rank = random() % (1ULL << (1 + random() % 9));
    text.push_back(rank == 3 ? "-" : "w" + std::to_string(rank));
  }
  return text;
}

}  // namespace

TEST_CASE("the full-text tables answer like a map, whatever they are put through") {
  std::mt19937_64 random(11);
  text_store store;
  model texts;
  row_id next_row = 1;
  const int rounds = std::getenv("HEARTH_FUZZ") != nullptr ? 600 : 60;
  for (int round = 0; round < rounds; ++round) {
    const auto operations = random() % 4 == 0 ? 1 + random() % 900 : 1 + random() % 20;
    const bool shrinking = round % 20 > 12;
    store.write(
        [&](text_writer& writer) {
          for (std::size_t i = 0; i < operations; ++i) {
            const std::uint32_t field = random() % 3 == 0 ? 7 : 0;
            const bool appends = texts.empty() || (!shrinking && random() % 3 != 0);
            auto old = texts.lower_bound({field, random() % next_row});
            if (appends || old == texts.end()) {
              next_row += 1 + (random() % 50 == 0 ? random() % 100'000 : 0);
              const auto text = random_text(random);
              texts[{field, next_row}] = text;
              need(writer.add(next_row, field, tokens_of(text)));
              continue;
            }
            const auto key = old->first;
            need(writer.remove(key.second, key.first, tokens_of(old->second)));
            texts.erase(old);
            if (shrinking && random() % 8 != 0)
              continue;
            texts[key] = random_text(random);
            need(writer.add(key.second, key.first, tokens_of(texts[key])));
          }
        },
        random() % 3 == 0 ? 100 : 1'000'000);
    if (round % 10 == 4)
      store.reopen();
    if (round % 5 == 4)
      check(store, texts);
  }
  check(store, texts);
  store.write([&](text_writer& writer) {
    for (const auto& [key, text] : texts)
      need(writer.remove(key.second, key.first, tokens_of(text)));
  });
  require_empty(store);
}

TEST_CASE("a cursor over full text finds the block of any row") {
  text_store store;
  std::vector<row_id> rows;
  store.write([&](text_writer& writer) {
    for (row_id row = 10; row < 30'000; row += 1 + row % 7) {
      rows.push_back(row);
      need(writer.add(row, 1, tokens_of({"often"})));
    }
  });
  const auto transaction = store.read();
  const text_reader reader(transaction, store.tables());
  std::mt19937_64 random(12);
  for (int round = 0; round < 300; ++round) {
    auto cursor = need(reader.open(1, "often"));
    REQUIRE(cursor.has_value());
    row_id from = 0;
    while (true) {
      from += random() % 3 == 0 ? random() % 100 : random() % 9000;
      const auto at = std::ranges::lower_bound(rows, from);
      const bool found = need(cursor->seek(from));
      REQUIRE(found == (at != rows.end()));
      if (!found)
        break;
      REQUIRE(cursor->head().last >= *at);
      REQUIRE(cursor->head().first <= *at);
    }
  }
}

TEST_CASE("blocks that lost their rows join, and a rare term becomes one entry again") {
  text_store store;
  store.write([&](text_writer& writer) {
    for (row_id row = 1; row <= 20'000; ++row)
      need(writer.add(row, 0, tokens_of({"word"})));
  });
  const auto entries = [&] {
    return need(store.read().statistics(store.tables().postings)).ms_entries;
  };
  REQUIRE(entries() == 1 + 20'000 / posting_block_rows + 1);
  store.write([&](text_writer& writer) {
    for (row_id row = 1; row <= 20'000; ++row)
      if (row % 20 != 0)
        need(writer.remove(row, 0, tokens_of({"word"})));
  });
  REQUIRE(entries() <= 1 + 2 * 1000 / (posting_block_rows / 4));
  store.write([&](text_writer& writer) {
    for (row_id row = 20; row <= 20'000; row += 20)
      if (row % 400 != 0)
        need(writer.remove(row, 0, tokens_of({"word"})));
  });
  REQUIRE(entries() == 1);
}

TEST_CASE("texts that repeat a word thousands of times come and go like others") {
  std::mt19937_64 random(13);
  text_store store;
  model texts;
  for (int round = 0; round < 40; ++round) {
    store.write([&](text_writer& writer) {
      for (int i = 0; i < 12; ++i) {
        const row_id row = 1 + random() % 300;
        const auto old = texts.find({0, row});
        if (old != texts.end()) {
          need(writer.remove(row, 0, tokens_of(old->second)));
          texts.erase(old);
          if (round % 2 == 1)
            continue;
        }
        const auto size = random() % 4 == 0 ? 6000 : random() % 200;
        texts[{0, row}] = words(size, "echo");
        need(writer.add(row, 0, tokens_of(texts[{0, row}])));
      }
    });
    check(store, texts);
  }
  store.write([&](text_writer& writer) {
    for (const auto& [key, text] : texts)
      need(writer.remove(key.second, key.first, tokens_of(text)));
  });
  require_empty(store);
}

TEST_CASE("a text is added once and taken away once") {
  text_store store;
  store.write([&](text_writer& writer) { need(writer.add(5, 0, tokens_of({"a", "b"}))); });
  const auto refused = [&](auto&& change) {
    auto transaction = store.begin();
    text_writer writer(transaction, store.tables());
    const auto outcome = change(writer);
    return outcome ? code_of(writer.finish()) : outcome.error().code;
  };
  REQUIRE(refused([](text_writer& to) { return to.add(5, 0, tokens_of({"b"})); }) ==
          errc::corruption);
  REQUIRE(refused([](text_writer& to) { return to.remove(6, 0, tokens_of({"b"})); }) ==
          errc::corruption);
  REQUIRE(refused([](text_writer& to) { return to.remove(5, 1, tokens_of({"b"})); }) ==
          errc::corruption);
  REQUIRE(refused([](text_writer& to) { return to.add(6, 0, tokens_of({""})); }) ==
          errc::invalid_argument);
  const std::string longest(limits::text_term_bytes, 'x');
  REQUIRE(refused([&](text_writer& to) { return to.add(6, 0, tokens_of({longest + "x"})); }) ==
          errc::invalid_argument);
  REQUIRE(refused([](text_writer& to) {
            const text_token twice[]{{"a", 1}, {"a", 1}};
            return to.add(6, 0, twice);
          }) == errc::invalid_argument);
  store.write([&](text_writer& writer) { need(writer.add(6, UINT32_MAX, tokens_of({longest}))); });
  check(store, {{{0, 5}, {"a", "b"}}, {{UINT32_MAX, 6}, {longest}}});
}

TEST_CASE("prefixes list the terms that begin with them, in order and no more than asked for") {
  text_store store;
  store.write([&](text_writer& writer) {
    for (row_id row = 1; row <= 1000; ++row)
      need(writer.add(row, 3, tokens_of({"car", "care", row % 2 == 0 ? "carpet" : "cat"})));
    need(writer.add(1, 4, tokens_of({"carbon"})));
    need(writer.add(1, 2, tokens_of({"cards"})));
  });
  const auto transaction = store.read();
  const text_reader reader(transaction, store.tables());
  REQUIRE(need(reader.terms(3, "car", 10)) == words{"car", "care", "carpet"});
  REQUIRE(need(reader.terms(3, "care", 10)) == words{"care"});
  REQUIRE(need(reader.terms(3, "ca", 2)) == words{"car", "care"});
  REQUIRE(need(reader.terms(3, "d", 2)).empty());
}

TEST_CASE("a changed byte in the full-text tables is corruption") {
  text_store store;
  store.write([&](text_writer& writer) {
    for (row_id row = 1; row <= 600; ++row)
      need(writer.add(row, 0, tokens_of({"many", row == 7 ? "once" : "-"})));
  });
  const auto read_all = [&](const lmdb::transaction& in) -> result<void> {
    const text_reader reader(in, store.tables());
    HEARTH_CHECK(reader.statistics(0));
    posting_block block;
    std::vector<byte_span> cuts;
    for (const auto* term : {"many", "once"}) {
      HEARTH_TRY(auto cursor, reader.open(0, term));
      if (!cursor)
        return fail(errc::corruption, "gone");
      for (row_id from = 0;;) {
        HEARTH_TRY(const bool found, cursor->seek(from));
        if (!found)
          break;
        HEARTH_CHECK(cursor->decode(block));
        HEARTH_CHECK(cursor->positions(block, cuts));
        from = cursor->head().last + 1;
      }
    }
    return {};
  };
  need(read_all(store.read()));
  for (const auto table :
       {store.tables().postings, store.tables().positions, store.tables().stats}) {
    std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>> entries;
    {
      const auto transaction = store.read();
      auto cursor = need(transaction.open_cursor(table));
      for (bool more = need(cursor.first()); more; more = need(cursor.next()))
        entries.push_back({{cursor.key().begin(), cursor.key().end()},
                           {cursor.value().begin(), cursor.value().end()}});
    }
    for (const auto& [key, value] : entries)
      for (std::size_t at = 0; at < value.size(); at += 1 + at / 16) {
        auto transaction = store.begin();
        auto damaged = value;
        damaged[at] ^= std::byte{0x10};
        need(transaction.put(table, key, damaged));
        REQUIRE(code_of(read_all(transaction)) == errc::corruption);
      }
  }
}
