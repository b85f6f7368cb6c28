// Transactions of the embedded runtime. What a transaction reads before it commits is what
// everybody reads after it did.
#include <future>
#include <numeric>
#include <set>

#include "core/filter/filter_text.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::test;

constexpr std::uint32_t dimension = 8;
constexpr field_set metadata_only{.vectors = false, .metadata = true, .texts = true};

struct open_space {
  temporary_directory directory;
  std::shared_ptr<hearth::runtime> runtime = must(runtime::start({.worker_threads = 2}));
  std::shared_ptr<store_handle> store = must(runtime->open(directory.path()));
  std::shared_ptr<namespace_handle> space;

  explicit open_space(index_kind kind = index_kind::hnsw) {
    namespace_request request;
    request.dimension = dimension;
    request.distance = distance_kind::l2;
    request.kind = kind;
    request.text_fields = {{"text", 1.0}, {"title", 2.0}};
    space = must(store->open_namespace("docs", open_mode::create, std::move(request)));
  }
  [[nodiscard]] std::shared_ptr<transaction_handle> begin(transaction_options options = {}) const {
    return must(space->begin(options));
  }
};

const std::array<std::string, 6> words = {"apple", "pear", "tree", "river", "stone", "cloud"};

write_batch records(std::span<const std::uint64_t> ids, std::uint64_t seed) {
  write_batch batch;
  batch.kind = write_kind::upsert;
  std::vector<float> values;
  for (const auto id : ids) {
    batch.ids.emplace_back(id);
    const auto vector = vector_of(id * 31 + seed * 7919, dimension);
    values.insert(values.end(), vector.begin(), vector.end());
    const auto word = [&](std::uint64_t salt) { return words[(id * 7 + seed * 3 + salt) % 6]; };
    batch.metadata.push_back(
        {{"group", static_cast<std::int64_t>((id + seed) % 3)}, {"title", word(1)}});
    batch.texts.emplace_back(word(2) + " " + word(3) + " " + word(id % 5));
  }
  batch.vectors = matrix(std::move(values), ids.size(), dimension);
  return batch;
}

write_batch put(const std::string& key, const std::string& value) {
  write_batch batch;
  batch.keys = {{.key = key, .value = value}};
  return batch;
}

write_batch erased(std::vector<record_id> ids) {
  write_batch batch;
  batch.kind = write_kind::erase;
  batch.ids = std::move(ids);
  return batch;
}

std::string value_of(reader& from, const std::string& key) {
  const auto found = must(from.get_keys({{key}})).found.front();
  return found ? found->value : "none";
}

std::string line(const record_id& id, double score) {
  return to_string(id) + " " + std::to_string(score);
}

std::vector<std::string> hits(reader& from, search_query query) {
  query.fields = {};
  const auto found = must(from.search(std::move(query)));
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < found.hits.size(); ++i)
    lines.push_back(line(found.hits.ids[i], found.scores.empty()
                                                ? static_cast<double>(found.distances[i])
                                                : found.scores[i]));
  return lines;
}

search_query near(std::uint64_t seed, std::uint32_t k = 10) {
  search_query query;
  query.vectors = matrix(vector_of(seed, dimension), 1, dimension);
  query.k = k;
  query.ef = 200;
  return query;
}

filter in_group(std::int64_t group) {
  return must(parse_filter("group = " + std::to_string(group)));
}

// Every kind of read that a transaction has.
std::vector<std::vector<std::string>> everything(reader& from) {
  std::vector<std::vector<std::string>> told;
  for (const std::uint64_t seed : {3, 77, 1000}) {
    told.push_back(hits(from, near(seed)));
    auto filtered = near(seed);
    filtered.where = in_group(1);
    told.push_back(hits(from, filtered));
    auto exact = near(seed, 40);
    exact.exact = true;
    told.push_back(hits(from, exact));
    auto grouped = near(seed, 3);
    grouped.group = group_options{"group", 2};
    told.push_back(hits(from, grouped));
    auto diverse = near(seed, 5);
    diverse.diversity = diversity_options{};
    told.push_back(hits(from, diverse));
  }
  search_query like;
  like.like = {record_id(4)};
  like.k = 5;
  told.push_back(hits(from, like));
  auto& counted = told.emplace_back();
  counted.push_back(std::to_string(must(from.count({}))));
  counted.push_back(std::to_string(must(from.count(in_group(2)))));
  for (const auto& each : must(from.facets({"group", std::nullopt, 10})).facets)
    counted.push_back(std::to_string(*each.item.get_if<std::int64_t>()) + ":" +
                      std::to_string(each.count));
  auto& scanned = told.emplace_back();
  scan_query scan{.limit = 7, .fields = metadata_only};
  for (;;) {
    const auto page = must(from.scan(scan));
    for (std::size_t i = 0; i < page.rows.size(); ++i)
      scanned.push_back(to_string(page.rows.ids[i]) + page.rows.texts[i].value_or(""));
    if (page.next.empty())
      break;
    scan.cursor = page.next;
  }
  return told;
}

// Ids of hits by text, in any order: the statistics of the index and of a transaction differ a
// little, and so do scores.
std::set<std::string> text_ids(reader& from, const std::string& text, bool operators) {
  search_query query;
  query.text = text_question{{text}, operators, {}};
  query.k = 1000;
  const auto found = must(from.search(std::move(query)));
  std::set<std::string> ids;
  for (const auto& id : found.hits.ids)
    ids.insert(to_string(id));
  return ids;
}

}  // namespace

TEST_CASE("what a transaction reads is what everybody reads when it has committed") {
  for (const auto kind : {index_kind::hnsw, index_kind::flat}) {
    const open_space opened(kind);
    std::vector<std::uint64_t> ids(120);
    std::iota(ids.begin(), ids.end(), 0);
    must(opened.space->write(records(ids, 1)));
    const auto transaction = opened.begin();
    const auto before = everything(*opened.space);
    REQUIRE(everything(*transaction) == before);

    const std::array<std::uint64_t, 6> replaced = {3, 5, 8, 50, 119, 200};
    must(transaction->write(records(replaced, 9)));
    must(transaction->write(erased({record_id(7), record_id(60), record_id(5)})));
    write_batch update;
    update.kind = write_kind::update;
    update.where = in_group(0);
    update.metadata = {{{"group", 2}}};
    CHECK(must(transaction->write(std::move(update))).affected > 20);
    const auto own = everything(*transaction);
    CHECK(own != before);
    REQUIRE(everything(*opened.space) == before);  // nobody else sees it
    std::vector<std::set<std::string>> texts;
    for (const auto* text : {"apple", "pear tree", "cloud river stone"})
      texts.push_back(text_ids(*transaction, text, false));
    for (const auto* text : {"\"tree river\"", "+apple -pear", "clo*", "title:stone"})
      texts.push_back(text_ids(*transaction, text, true));

    const auto done = must(transaction->commit());
    CHECK(done.lsn == transaction->snapshot() + 1);
    REQUIRE(everything(*opened.space) == own);
    std::vector<std::set<std::string>> after;
    for (const auto* text : {"apple", "pear tree", "cloud river stone"})
      after.push_back(text_ids(*opened.space, text, false));
    for (const auto* text : {"\"tree river\"", "+apple -pear", "clo*", "title:stone"})
      after.push_back(text_ids(*opened.space, text, true));
    CHECK(texts == after);
  }
}

TEST_CASE("a transaction goes on reading its snapshot while others write") {
  const open_space opened;
  std::vector<std::uint64_t> ids(300);
  std::iota(ids.begin(), ids.end(), 0);
  must(opened.space->write(records(ids, 1)));
  must(opened.space->write(put("k", "old")));
  const auto transaction = opened.begin({.read_only = true});
  const auto before = everything(*transaction);
  must(opened.space->write(records(std::span(ids).first(150), 2)));
  must(opened.space->write(erased({record_id(200), record_id(201)})));
  must(opened.space->write(put("k", "new")));
  CHECK(everything(*opened.space) != before);
  REQUIRE(everything(*transaction) == before);
  CHECK(value_of(*transaction, "k") == "old");
  CHECK(must(transaction->commit()).lsn == transaction->snapshot());
}

TEST_CASE("of two transactions that depend on each other's writes, the second one conflicts") {
  const open_space opened;
  must(opened.space->write(put("a", "1")));
  must(opened.space->write(put("b", "1")));
  const auto first = opened.begin();
  const auto second = opened.begin();
  // Write skew: each reads both keys and writes the other one.
  for (const auto& each : {first, second})
    CHECK(value_of(*each, "a") + value_of(*each, "b") == "11");
  must(first->write(put("a", "0")));
  must(second->write(put("b", "0")));
  must(first->commit());
  CHECK(second->commit().error().code == errc::conflict);
  CHECK(value_of(*opened.space, "b") == "1");
  // It is over, whatever is asked of it.
  CHECK(second->get_keys({{"a"}}).error().code == errc::invalid_argument);
}

TEST_CASE("a snapshot that was let go moves on if nothing that was read has changed") {
  const open_space opened;
  must(opened.space->write(put("read", "1")));
  const auto steady = opened.begin();
  const auto hit = opened.begin();
  CHECK(value_of(*steady, "read") == "1");
  CHECK(value_of(*hit, "other") == "none");
  must(steady->write(put("mine", "x")));
  // There are only so many snapshots at a time: those of the others push ours out.
  std::vector<std::shared_ptr<transaction_handle>> many;
  for (int i = 0; i < 100; ++i) {
    must(opened.space->write(put("other", std::to_string(i))));
    many.push_back(opened.begin());
  }
  CHECK(value_of(*steady, "other") == "99");
  CHECK(value_of(*steady, "mine") == "x");
  must(steady->commit());
  const auto failed = hit->get_keys({{"read"}});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::conflict);
  CHECK(failed.error().message.find("key 'other'") != std::string::npos);
}

TEST_CASE("a savepoint brings back what was written until then, and nothing else") {
  const open_space opened;
  const auto transaction = opened.begin();
  must(transaction->write(put("a", "1")));
  const auto first = must(transaction->savepoint());
  must(transaction->write(put("a", "2")));
  must(transaction->write(put("b", "2")));
  must(transaction->savepoint());
  must(transaction->rollback_to(first));
  CHECK(value_of(*transaction, "a") == "1");
  CHECK(value_of(*transaction, "b") == "none");
  CHECK(transaction->rollback_to(2).error().code == errc::invalid_argument);
  must(transaction->write(put("b", "3")));
  must(transaction->rollback_to(first));
  must(transaction->commit());
  CHECK(value_of(*opened.space, "a") == "1");
  CHECK(value_of(*opened.space, "b") == "none");
}

TEST_CASE("a transaction that is aborted or dropped leaves nothing, and takes no more calls") {
  const open_space opened;
  auto transaction = opened.begin();
  must(transaction->write(put("a", "1")));
  must(transaction->abort());
  CHECK(transaction->write(put("a", "2")).error().code == errc::invalid_argument);
  CHECK(transaction->commit().error().code == errc::invalid_argument);
  transaction = opened.begin();
  must(transaction->write(put("a", "1")));
  transaction.reset();
  CHECK(value_of(*opened.space, "a") == "none");
  const auto reading = opened.begin({.read_only = true});
  CHECK(reading->write(put("a", "1")).error().code == errc::invalid_argument);
  CHECK(opened.space->begin({.timeout_ms = 0}).error().code == errc::invalid_argument);
  CHECK(opened.space->begin({.timeout_ms = limits::transaction_ms + 1}).error().code ==
        errc::limit_exceeded);
}

TEST_CASE("calls that are made at once are carried out in their order") {
  const open_space opened;
  const auto transaction = opened.begin();
  std::vector<std::future<result<write_result>>> answers;
  for (int i = 0; i < 100; ++i) {
    auto answer = std::make_shared<std::promise<result<write_result>>>();
    answers.push_back(answer->get_future());
    write_batch batch;
    batch.keys = {{.key = "list", .change = key_change::add, .amount = i % 2 == 0 ? i : -i}};
    transaction->write(std::move(batch), [answer](auto outcome) { answer->set_value(outcome); });
  }
  std::int64_t sum = 0;
  for (int i = 0; i < 100; ++i) {
    sum += i % 2 == 0 ? i : -i;
    CHECK(must(answers[static_cast<std::size_t>(i)].get()).sums.front() == sum);
  }
  must(transaction->commit());
  CHECK(value_of(*opened.space, "list") == std::to_string(sum));
}

TEST_CASE("a transaction outlives the closing of its namespace, but not its dropping") {
  temporary_directory directory;
  const auto runtime =
      must(runtime::start({.worker_threads = 2, .idle_close = std::chrono::milliseconds(20)}));
  const auto store = must(runtime->open(directory.path()));
  namespace_request request;
  request.dimension = dimension;
  const auto space = must(store->open_namespace("docs", open_mode::create, std::move(request)));
  must(space->write(put("a", "1")));
  const auto transaction = must(space->begin());
  CHECK(value_of(*transaction, "a") == "1");
  must(transaction->write(put("b", "2")));
  for (int i = 0; must(store->info()).open_namespaces > 0; ++i) {
    REQUIRE(i < 1000);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(value_of(*transaction, "b") == "2");
  must(transaction->commit());
  const auto late = must(space->begin());
  must(store->drop_namespace("docs"));
  CHECK(late->get_keys({{"a"}}).error().code == errc::not_found);
}
