// The importer against a namespace in memory that can be told to refuse, stall or lose answers.
#include <catch2/catch.hpp>

#include "tools/importer.hpp"

using namespace hearth;
using namespace hearth::tools;

namespace {

class list_source final : public row_source {
 public:
  std::vector<import_row> rows;
  std::optional<std::size_t> broken_at;

  result<bool> next(import_row& row) override {
    if (broken_at == at_)
      return fail(errc::invalid_argument, "row " + std::to_string(at_) + ": broken");
    if (at_ == rows.size())
      return false;
    row = rows[at_++];
    return true;
  }
  std::string place() const override { return "row " + std::to_string(at_ - 1); }
  double share() const override { return -1; }

 private:
  std::size_t at_ = 0;
};

// Keeps records by id; `refuse` decides the fate of the n-th write before it happens.
class memory_namespace final : public namespace_handle {
 public:
  using namespace_handle::flush;
  using namespace_handle::get;
  using namespace_handle::info;
  using namespace_handle::scan;
  using namespace_handle::search;
  using namespace_handle::write;

  explicit memory_namespace(std::uint32_t dimension) { config_.dimension = dimension; }

  std::function<std::optional<error>(std::size_t)> refuse = [](std::size_t) {
    return std::nullopt;
  };
  std::map<record_id, float> records;  // first value of the vector; -1 without one
  std::vector<std::size_t> batches;
  std::size_t attempts = 0;
  bool flushed = false;
  std::optional<lsn_t> durable;  // where the disk stops; without it, it is always up to date

  const std::string& name() const noexcept override { return name_; }
  const namespace_config& config() const noexcept override { return config_; }

  void write(write_batch batch, completion<write_result> done) override {
    if (auto failure = refuse(attempts++)) {
      done(std::unexpected(*failure));
      return;
    }
    if (auto valid = validate(batch, config_); !valid) {
      done(std::unexpected(valid.error()));
      return;
    }
    for (std::size_t i = 0; i < batch.rows(); ++i)
      records[batch.ids.empty() ? record_id{1'000'000 + records.size()} : batch.ids[i]] =
          batch.vectors.empty() ? -1.0F : batch.vectors.view().row(i)[0];
    batches.push_back(batch.rows());
    done(write_result{batches.size(), durable.value_or(batches.size()), batch.rows(), {}});
  }
  void flush(lsn_t lsn, completion<lsn_t> done) override {
    if (durable && *durable < lsn) {
      done(fail(errc::io_error, "the commit failed"));
      return;
    }
    flushed = true;
    done(lsn);
  }
  void alter(namespace_request, completion<namespace_config> done) override { done(unused()); }
  void tune(tune_request, completion<tune_result> done) override { done(unused()); }
  void stats(completion<namespace_stats> done) override { done(unused()); }
  void checkpoint(completion<lsn_t> done) override { done(unused()); }
  void compact(completion<compact_result> done) override { done(unused()); }
  void check(std::string, completion<check_step> done) override { done(unused()); }
  void search(search_query, completion<search_result> done) override { done(unused()); }
  void get(get_query, completion<get_result> done) override { done(unused()); }
  void scan(scan_query, completion<scan_page> done) override { done(unused()); }
  void count(std::optional<filter>, completion<std::uint64_t> done) override { done(unused()); }
  void facets(facet_query, completion<facet_result> done) override { done(unused()); }
  void get_keys(key_query, completion<key_result> done) override { done(unused()); }
  void begin(transaction_options, completion<std::shared_ptr<transaction_handle>> done) override {
    done(unused());
  }
  void scan_keys(key_scan, completion<key_page> done) override { done(unused()); }
  void get_queues(queue_query, completion<queue_result> done) override { done(unused()); }
  void scan_items(item_scan, completion<item_page> done) override { done(unused()); }
  void changes(change_query, completion<change_page> done) override { done(unused()); }
  void update_consumer(consumer_request, completion<feed_position> done) override {
    done(unused());
  }
  void list_consumers(completion<std::vector<feed_consumer>> done) override { done(unused()); }
  void info(completion<namespace_info> done) override { done(unused()); }

 private:
  static std::unexpected<error> unused() { return fail(errc::unsupported, "not in this test"); }

  std::string name_ = "memory";
  namespace_config config_;
};

import_row row_of(std::uint64_t id, float first) {
  import_row row;
  row.id = record_id{id};
  row.vector = {first, 0};
  return row;
}

struct fixture {
  list_source source;
  std::shared_ptr<memory_namespace> target = std::make_shared<memory_namespace>(2);
  import_options options;
  std::uint32_t asked_dimension = 0;

  result<import_report> run() {
    return import_rows(
        source,
        [this](std::uint32_t dimension) -> result<std::shared_ptr<namespace_handle>> {
          asked_dimension = dimension;
          return target;
        },
        options, [](std::uint64_t) {});
  }
};

}  // namespace

TEST_CASE("importer: rows become batches of the size asked for, and are flushed at the end") {
  fixture f;
  f.options.batch_rows = 4;
  for (std::uint64_t i = 0; i < 10; ++i)
    f.source.rows.push_back(row_of(i, 1));
  const auto report = f.run();
  REQUIRE(report.has_value());
  CHECK(report->rows == 10);
  CHECK(report->batches == 3);
  CHECK(report->lsn == 3);
  CHECK(f.target->batches == std::vector<std::size_t>{4, 4, 2});
  CHECK(f.target->flushed);
  CHECK(f.asked_dimension == 2);
}

TEST_CASE("importer: batches are bounded in bytes") {
  fixture f;
  f.options.batch_bytes = 1'000;
  for (std::uint64_t i = 0; i < 6; ++i) {
    f.source.rows.push_back(row_of(i, 1));
    f.source.rows.back().text = std::string(400, 'x');
  }
  REQUIRE(f.run().has_value());
  CHECK(f.target->batches == std::vector<std::size_t>{2, 2, 2});
}

TEST_CASE("importer: an id that comes again ends the batch, so that the last one wins") {
  fixture f;
  f.source.rows = {row_of(1, 10), row_of(2, 20), row_of(1, 11)};
  REQUIRE(f.run().has_value());
  CHECK(f.target->batches == std::vector<std::size_t>{2, 1});
  CHECK(f.target->records.at(record_id{1}) == 11);
}

TEST_CASE("importer: rows with and without vectors or ids do not share a batch") {
  fixture f;
  import_row no_vector;
  no_vector.id = record_id{2};
  import_row no_id;
  no_id.vector = {5, 5};
  f.source.rows = {row_of(1, 1), no_vector, row_of(3, 1), no_id};
  const auto report = f.run();
  REQUIRE(report.has_value());
  CHECK(report->without_vector == 1);
  CHECK(f.target->batches == std::vector<std::size_t>{1, 1, 1, 1});
}

TEST_CASE("importer: a bad row is named, everything before it is written, and the hint goes on") {
  fixture f;
  f.options.batch_rows = 3;
  for (std::uint64_t i = 0; i < 8; ++i)
    f.source.rows.push_back(row_of(i, 1));
  f.source.rows[4].vector = {1, 2, 3};
  auto report = f.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == errc::dimension_mismatch);
  CHECK(report.error().message.starts_with("row 4: "));
  CHECK(report.error().hint.find("--skip 4") != std::string::npos);
  CHECK(f.target->records.size() == 4);

  fixture again;
  again.target = f.target;
  again.source.rows = f.source.rows;
  again.source.rows[4].vector = {4, 4};
  again.options.skip = 4;
  report = again.run();
  REQUIRE(report.has_value());
  CHECK(report->rows == 4);
  CHECK(f.target->records.size() == 8);
}

TEST_CASE("importer: a source that breaks half-way leaves the rows before it written") {
  fixture f;
  for (std::uint64_t i = 0; i < 5; ++i)
    f.source.rows.push_back(row_of(i, 1));
  f.source.broken_at = 3;
  const auto report = f.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().message == "row 3: broken");
  CHECK(report.error().hint.find("--skip 3") != std::string::npos);
  CHECK(f.target->records.size() == 3);
}

TEST_CASE("importer: a mistake in the first row leaves nothing to skip") {
  fixture f;
  f.source.broken_at = 0;
  const auto report = f.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().hint.find("--skip") == std::string::npos);
}

TEST_CASE("importer: busy is tried again, and nothing is lost or written twice") {
  fixture f;
  f.options.batch_rows = 2;
  for (std::uint64_t i = 0; i < 6; ++i)
    f.source.rows.push_back(row_of(i, 1));
  f.target->refuse = [](std::size_t attempt) -> std::optional<error> {
    if (attempt == 1 || attempt == 2)
      return error{errc::busy, "full", "", 1};
    return std::nullopt;
  };
  const auto report = f.run();
  REQUIRE(report.has_value());
  CHECK(report->rows == 6);
  CHECK(f.target->attempts == 5);
  CHECK(f.target->batches == std::vector<std::size_t>{2, 2, 2});
}

TEST_CASE("importer: a lost connection is tried again only where the rows have ids") {
  const auto lost_once = [](std::size_t attempt) -> std::optional<error> {
    if (attempt == 0)
      return error{errc::unavailable, "connection lost", "", 1};
    return std::nullopt;
  };
  fixture with_ids;
  with_ids.source.rows = {row_of(1, 1)};
  with_ids.target->refuse = lost_once;
  CHECK(with_ids.run().has_value());

  fixture without;
  import_row row;
  row.vector = {1, 2};
  without.source.rows = {row};
  without.target->refuse = lost_once;
  const auto report = without.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == errc::unavailable);
  CHECK(without.target->attempts == 1);
}

TEST_CASE("importer: a write that fails for good names its first row and where to go on") {
  fixture f;
  f.options.batch_rows = 2;
  for (std::uint64_t i = 0; i < 8; ++i)
    f.source.rows.push_back(row_of(i, 1));
  f.target->refuse = [](std::size_t attempt) -> std::optional<error> {
    if (attempt == 2)
      return error{errc::no_space, "disk full", "make room", 0};
    return std::nullopt;
  };
  const auto report = f.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == errc::no_space);
  CHECK(report.error().message == "row 4: disk full");
  CHECK(report.error().hint.starts_with("make room; "));
  CHECK(report.error().hint.find("--skip 4") != std::string::npos);
  CHECK(f.target->attempts == 3);
}

TEST_CASE("importer: with interval, the hint counts only the rows that reached the disk") {
  const auto hint = [](std::optional<lsn_t> durable, std::optional<errc> refused) {
    fixture f;
    f.options.batch_rows = 2;
    f.options.ack = durability::interval;
    f.options.skip = 1;
    for (std::uint64_t i = 0; i < 9; ++i)
      f.source.rows.push_back(row_of(i, 1));
    f.target->durable = durable;
    f.target->refuse = [refused](std::size_t attempt) -> std::optional<error> {
      if (attempt == 3 && refused)
        return error{*refused, "refused", "", 0};
      return std::nullopt;
    };
    const auto report = f.run();
    REQUIRE_FALSE(report.has_value());
    return report.error().hint;
  };
  CHECK(hint(1, errc::io_error).ends_with("--skip 3"));
  CHECK(hint(0, errc::io_error).ends_with("--skip 1"));
  CHECK(hint(2, std::nullopt).ends_with("--skip 5"));  // the flush at the end fails
  CHECK(hint(std::nullopt, errc::no_space).ends_with("--skip 7"));
}

TEST_CASE("importer: with interval, a bad row is told after the rows before it are on disk") {
  fixture f;
  f.options.ack = durability::interval;
  for (std::uint64_t i = 0; i < 5; ++i)
    f.source.rows.push_back(row_of(i, 1));
  f.source.broken_at = 3;
  const auto report = f.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().message == "row 3: broken");
  CHECK(report.error().hint.ends_with("--skip 3"));
  CHECK(f.target->flushed);
}

TEST_CASE("importer: with interval, a lost connection ends it: what was acknowledged may be gone") {
  fixture f;
  f.options.batch_rows = 1;
  f.options.ack = durability::interval;
  f.target->durable = 1;
  f.source.rows = {row_of(1, 1), row_of(2, 1), row_of(3, 1)};
  f.target->refuse = [](std::size_t attempt) -> std::optional<error> {
    if (attempt == 2)
      return error{errc::unavailable, "connection lost", "", 1};
    return std::nullopt;
  };
  const auto report = f.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == errc::unavailable);
  CHECK(report.error().hint.ends_with("--skip 1"));
  CHECK(f.target->attempts == 3);
}

TEST_CASE("importer: rows are checked where they can still be named") {
  const auto message = [](auto change) {
    fixture f;
    f.source.rows = {row_of(0, 1), row_of(1, 1)};
    change(f.source.rows[1]);
    const auto report = f.run();
    REQUIRE_FALSE(report.has_value());
    return report.error().message;
  };
  CHECK(message([](import_row& row) { row.vector[1] = std::numeric_limits<float>::quiet_NaN(); }) ==
        "row 1: vector holds NaN or infinity");
  CHECK(message([](import_row& row) { row.text = "\xff"; }) == "row 1: text is not UTF-8");
  CHECK(message([](import_row& row) { row.id = record_id{""}; }).starts_with("row 1: id"));
  CHECK(message([](import_row& row) {
          row.metadata["k"] = value{std::string(2 << 20, 'x')};
        }).starts_with("row 1: metadata"));
}

TEST_CASE("importer: texts are embedded where a row has no vector of its own") {
  fixture f;
  f.target = std::make_shared<memory_namespace>(16);
  f.options.embed = true;
  import_row with_text;
  with_text.id = record_id{1};
  with_text.text = "red bicycle";
  import_row with_both = with_text;
  with_both.id = record_id{2};
  with_both.vector.assign(16, 0.25F);
  f.source.rows = {with_text, with_both};
  const auto report = f.run();
  REQUIRE(report.has_value());
  CHECK(report->without_vector == 0);
  CHECK(f.target->records.at(record_id{2}) == 0.25F);
  CHECK(f.target->records.at(record_id{1}) != -1.0F);
}

TEST_CASE("importer: skipping more rows than there are is a mistake") {
  fixture f;
  f.source.rows = {row_of(0, 1)};
  f.options.skip = 2;
  const auto report = f.run();
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().message == "--skip is 2, but the file has 1 rows");
}
