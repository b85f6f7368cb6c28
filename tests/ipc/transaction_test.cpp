// A transaction from a real client over a real socket to a server and back.
#include <atomic>
#include <catch2/catch.hpp>

#include "core/filter/filter_text.hpp"
#include "support.hpp"

namespace hearth::ipc::test {
namespace {

/// What became of the transactions of a store.
struct ledger {
  std::atomic<int> open = 0;
  std::atomic<int> begun = 0;
  std::mutex guard;
  std::vector<std::string> calls;

  void note(std::string call) {
    const std::lock_guard lock(guard);
    calls.push_back(std::move(call));
  }
  std::vector<std::string> taken() {
    const std::lock_guard lock(guard);
    return std::exchange(calls, {});
  }
};

/// Answers at once, and notes what it was asked.
class noted_transaction final : public transaction_handle {
 public:
  explicit noted_transaction(std::shared_ptr<ledger> in) : ledger_(std::move(in)) {
    ++ledger_->open;
    ++ledger_->begun;
  }
  ~noted_transaction() override { --ledger_->open; }

  lsn_t snapshot() const noexcept override { return 41; }
  void search(search_query query, completion<search_result> done) override {
    ledger_->note("search " + std::to_string(query.k));
    search_result none;
    none.offsets = {0, 0};
    done(std::move(none));
  }
  void get(get_query query, completion<get_result> done) override {
    ledger_->note("get " + to_string(query.ids.front()));
    done(get_result{{}, query.ids});
  }
  void scan(scan_query query, completion<scan_page> done) override {
    ledger_->note("scan " + std::to_string(query.limit));
    done(scan_page{});
  }
  void count(std::optional<filter> where, completion<std::uint64_t> done) override {
    ledger_->note("count " + (where ? to_string(*where) : "all"));
    done(7);
  }
  void facets(facet_query query, completion<facet_result> done) override {
    ledger_->note("facets " + query.field);
    done(facet_result{{{value("x"), 2}}, 3});
  }
  void get_keys(key_query query, completion<key_result> done) override {
    ledger_->note("keys " + query.keys.front());
    done(key_result{{key_value{query.keys.front(), "", 0}, std::nullopt}});  // its own, and none
  }
  void scan_keys(key_scan query, completion<key_page> done) override {
    ledger_->note("scan keys " + query.prefix);
    done(key_page{{{"a", "1", 0}}, "kb"});
  }
  void write(write_batch batch, completion<write_result> done) override {
    ledger_->note("write " + batch.keys.front().key);
    done(write_result{.keys = 1, .sums = {5}});
  }
  void savepoint(completion<std::uint32_t> done) override {
    ledger_->note("savepoint");
    done(3);
  }
  void rollback_to(std::uint32_t savepoint, completion<std::monostate> done) override {
    ledger_->note("rollback " + std::to_string(savepoint));
    done(std::monostate());
  }
  void commit(durability ack, completion<write_result> done) override {
    ledger_->note(ack == durability::interval ? "commit interval" : "commit sync");
    if (ack == durability::sync)
      return done(fail(errc::conflict, "somebody was faster", "run it again"));
    done(write_result{.lsn = 42, .durable_lsn = 40, .affected = 2});
  }
  void abort(completion<std::monostate> done) override {
    ledger_->note("abort");
    done(std::monostate());
  }

 private:
  const std::shared_ptr<ledger> ledger_;
};

struct served {
  std::shared_ptr<ledger> noted = std::make_shared<ledger>();
  std::optional<transaction_options> asked;
  served_store store;

  served() {
    store.what().begin =
        [this](const transaction_options& options) -> result<std::shared_ptr<transaction_handle>> {
      asked = options;
      return std::make_shared<noted_transaction>(noted);
    };
  }
};

void wait_for_none(const ledger& noted) {
  for (int i = 0; noted.open > 0; ++i) {
    REQUIRE(i < 5'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

TEST_CASE("every call of a transaction arrives, in order, and so do answers and errors") {
  served test;
  const auto store = test.store.connect();
  const auto space = store->open_namespace("docs", open_mode::open_or_create, {}).value();
  const auto begun = space->begin({.read_only = true, .timeout_ms = 1234}).value();
  CHECK(test.asked->read_only);
  CHECK(test.asked->timeout_ms == 1234);
  CHECK(begun->snapshot() == 41);

  search_query near;
  near.vectors = ramp(1, space->config().dimension);
  near.k = 9;
  CHECK(begun->search(near).value().offsets.size() == 2);
  CHECK(begun->get({{record_id("a")}}).value().missing.size() == 1);
  CHECK(begun->scan({.limit = 11}).value().rows.size() == 0);
  CHECK(begun->count(parse_filter("a = 1").value()).value() == 7);
  CHECK(begun->count({}).value() == 7);
  CHECK(begun->facets({"tag", std::nullopt, 5}).value().records == 3);
  const auto keys = begun->get_keys({{"k", "none"}}).value();
  CHECK(keys.found == std::vector<std::optional<key_value>>{key_value{"k", "", 0}, std::nullopt});
  const auto page = begun->scan_keys({.prefix = "p"}).value();
  CHECK(page.next == "kb");
  CHECK(page.entries.size() == 1);
  write_batch batch;
  batch.keys = {{.key = "w", .value = "v"}};
  CHECK(begun->write(batch).value().sums == std::vector<std::int64_t>{5});
  CHECK(begun->savepoint().value() == 3);
  CHECK(begun->rollback_to(3).has_value());
  const auto refused = begun->commit();
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == error{errc::conflict, "somebody was faster", "run it again", 0});
  CHECK(begun->commit(durability::interval).value().lsn == 42);
  CHECK(begun->abort().has_value());
  CHECK(test.noted->taken() ==
        std::vector<std::string>{"search 9", "get 'a'", "scan 11", "count a == 1", "count all",
                                 "facets tag", "keys k", "scan keys p", "write w", "savepoint",
                                 "rollback 3", "commit sync", "commit interval", "abort"});
}

TEST_CASE("a transaction ends with its handle, and with its connection") {
  served test;
  auto store = test.store.connect();
  auto space = store->open_namespace("docs", open_mode::open_or_create, {}).value();
  auto begun = space->begin().value();
  CHECK(test.asked->timeout_ms == transaction_options().timeout_ms);
  CHECK(test.noted->open == 1);
  begun.reset();
  wait_for_none(*test.noted);

  begun = space->begin().value();
  const auto other = space->begin().value();
  CHECK(test.noted->open == 2);
  test.store.stop();
  wait_for_none(*test.noted);
  test.store.start();
  const auto lost = begun->get_keys({{"k"}});
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == errc::conflict);
  CHECK(space->begin().has_value());  // the namespace is found again
}

TEST_CASE("a connection that has too many transactions open is told so, and goes on") {
  served test;
  const auto store = test.store.connect();
  const auto space = store->open_namespace("docs", open_mode::open_or_create, {}).value();
  std::vector<std::shared_ptr<transaction_handle>> many;
  for (;;) {
    auto begun = space->begin();
    if (!begun) {
      CHECK(begun.error().code == errc::busy);
      break;
    }
    many.push_back(*std::move(begun));
    REQUIRE(many.size() < 5'000);
  }
  CHECK(many.size() == 1'024);
  many.resize(10);
  for (int i = 0; test.noted->open > 10; ++i) {
    REQUIRE(i < 5'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(space->begin().has_value());
}

}  // namespace hearth::ipc::test
