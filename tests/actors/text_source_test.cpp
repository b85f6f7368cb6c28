// Texts from the analyzer through the tables to the ranking, against BM25 computed plainly.
#include "actors/text_source.hpp"

#include <random>

#include "engine/text/text_search.hpp"
#include "storage/text/text_writer.hpp"
#include "tests/engine/text/plain_bm25.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::engine::text;
using namespace hearth::engine::text::test;
using hearth::storage::test::need;
using hearth::storage::test::temporary_directory;
namespace lmdb = hearth::storage::lmdb;

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words)
    text += word + " ";
  return text;
}

class stored_corpus {
 public:
  stored_corpus()
      : environment_(need(lmdb::environment::open(directory_.path(), {.create = true}))) {
    auto transaction = need(environment_->begin_write());
    tables_ = need(storage::text_tables::open(transaction, true));
    need(transaction.commit());
  }

  // Stores what `texts` has, and takes away what it has no more.
  void become(const corpus& texts, const analyzer& by) {
    auto transaction = need(environment_->begin_write());
    storage::text_writer writer(transaction, tables_);
    token_list tokens;
    for (auto& [field, rows] : stored_)
      for (auto& [row, words] : rows) {
        by.analyze(joined(words), tokens);
        need(writer.remove(row, field, tokens.tokens()));
      }
    for (const auto& [field, rows] : texts)
      for (const auto& [row, words] : rows) {
        by.analyze(joined(words), tokens);
        need(writer.add(row, field, tokens.tokens()));
      }
    need(writer.finish());
    need(transaction.commit());
    stored_ = texts;
  }

  [[nodiscard]] lmdb::read_transaction read() const { return need(environment_->begin_read()); }
  [[nodiscard]] const storage::text_tables& tables() const { return tables_; }

 private:
  temporary_directory directory_;
  std::shared_ptr<lmdb::environment> environment_;
  storage::text_tables tables_;
  corpus stored_;
};

}  // namespace

TEST_CASE("a search over stored texts answers exactly what scoring every text gives") {
  std::mt19937_64 random(31);
  const auto by = need(analyzer::make({}));
  const std::vector<searched_field> fields{{"title", 0, 2, true}, {"body", 1, 1, true}};
  stored_corpus store;
  for (const std::size_t size : {900, 3000, 400}) {
    const auto texts = random_corpus(random, size, 2);
    store.become(texts, by);
    const plain_bm25 plain(texts, fields);
    const auto snapshot = store.read();
    for (int queries = 0; queries < 30; ++queries) {
      const auto query = random_query(random, static_cast<int>(random() % 3));
      const auto plan = need(make_text_plan(query, by, fields));
      text_search_options options;
      options.k = std::size_t{1} << (random() % 9);
      INFO(to_string(query));
      actors::text_source source(snapshot, store.tables());
      REQUIRE(need(search_text(plan, source, options)).hits == plain.search(query, options));
      const std::vector<row_id> rows{7, 3, 400, 100'000};
      const auto scores = need(score_rows(plan, source, rows));
      for (std::size_t i = 0; i < rows.size(); ++i)
        REQUIRE(scores[i] == plain.score(query, rows[i]).value_or(0));
    }
  }
}
