// Every call and every error from a real client over a real socket to a real server and back.
#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>

#include "core/limits.hpp"
#include "support.hpp"

namespace hearth::ipc::test {
namespace {

bool same(const matrix& left, const matrix& right) {
  const auto a = left.view().values();
  const auto b = right.view().values();
  return left.rows() == right.rows() && left.dimension() == right.dimension() &&
         std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void check_same(const record_columns& left, const record_columns& right) {
  CHECK(left.ids == right.ids);
  CHECK(left.versions == right.versions);
  CHECK(same(left.vectors, right.vectors));
  CHECK(left.has_vector == right.has_vector);
  REQUIRE(left.named.size() == right.named.size());
  for (std::size_t i = 0; i < left.named.size(); ++i) {
    CHECK(left.named[i].name == right.named[i].name);
    CHECK(same(left.named[i].vectors, right.named[i].vectors));
    CHECK(left.named[i].has_vector == right.named[i].has_vector);
  }
  CHECK(left.metadata == right.metadata);
  CHECK(left.texts == right.texts);
}

value_map every_value() {
  return {{"null", nullptr},
          {"yes", true},
          {"no", false},
          {"small", std::numeric_limits<std::int64_t>::min()},
          {"large", std::numeric_limits<std::int64_t>::max()},
          {"one", std::int64_t{1}},
          {"one point zero", 1.0},
          {"infinite", std::numeric_limits<double>::infinity()},
          {"text", "größer"},
          {"with zero", std::string("a\0b", 3)},
          {"empty", ""},
          {"when", timestamp{-1}},
          {"where", geo_point{-33.8568, 151.2153}},
          {"list", value_list{1, "two", 3.0, value_list{}, value_map{}, timestamp{}, geo_point{}}},
          {"map", value_map{{"", value_map{{"deep", value_list{nullptr}}}}}}};
}

record_columns every_column() {
  record_columns rows;
  rows.ids = {record_id("seven"), record_id(std::uint64_t{7}), record_id(std::string("n\0l", 3))};
  rows.versions = {1, std::numeric_limits<lsn_t>::max(), 3};
  rows.vectors = ramp(3, 5);
  rows.has_vector = {true, false, true};
  rows.named.push_back({"image", ramp(3, 2, 7), {false, true, false}});
  rows.named.push_back({"title", ramp(3, 4), {true, true, true}});
  rows.metadata = {every_value(), {}, {{"k", "v"}}};
  rows.texts = {std::nullopt, "", "text"};
  return rows;
}

TEST_CASE("a write arrives as it was sent, and so does its result") {
  served_store served;
  write_batch seen;
  served.what().write = [&seen](write_batch batch) {
    seen = std::move(batch);
    return write_result{.lsn = 5,
                        .durable_lsn = 4,
                        .affected = 3,
                        .assigned = {record_id(std::uint64_t{1}), record_id("b")}};
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);

  const auto rows = every_column();
  write_batch batch;
  batch.kind = write_kind::update;
  batch.ack = durability::interval;
  batch.merge = metadata_mode::replace;
  batch.ids = rows.ids;
  batch.vectors = rows.vectors;
  batch.named = {{"image", ramp(3, 2, 7)}, {"title", ramp(3, 4)}};
  batch.metadata = rows.metadata;
  batch.texts = rows.texts;
  const auto written = (*ns)->write(batch);
  REQUIRE(written);
  CHECK(written->lsn == 5);
  CHECK(written->durable_lsn == 4);
  CHECK(written->affected == 3);
  CHECK(written->assigned == std::vector<record_id>{record_id(std::uint64_t{1}), record_id("b")});
  CHECK(seen.kind == batch.kind);
  CHECK(seen.ack == batch.ack);
  CHECK(seen.merge == batch.merge);
  CHECK(seen.ids == batch.ids);
  CHECK(same(seen.vectors, batch.vectors));
  REQUIRE(seen.named.size() == 2);
  CHECK(seen.named[0].name == "image");
  CHECK(same(seen.named[0].vectors, batch.named[0].vectors));
  CHECK(same(seen.named[1].vectors, batch.named[1].vectors));
  CHECK(seen.metadata == batch.metadata);
  CHECK(seen.texts == batch.texts);
}

TEST_CASE("a batch with no rows and a batch with only ids arrive") {
  served_store served;
  write_batch seen;
  served.what().write = [&seen](write_batch batch) {
    seen = std::move(batch);
    return write_result();
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  REQUIRE((*ns)->write(write_batch()));
  CHECK(seen.rows() == 0);
  CHECK(seen.vectors.empty());
  write_batch erase;
  erase.kind = write_kind::erase;
  erase.ids = {record_id(std::uint64_t{0}), record_id(std::numeric_limits<std::uint64_t>::max())};
  REQUIRE((*ns)->write(erase));
  CHECK(seen.ids == erase.ids);
  CHECK(seen.metadata.empty());
  CHECK(seen.texts.empty());
}

TEST_CASE("keys arrive as they were sent, and so does what is stored under them") {
  served_store served;
  write_batch written;
  served.what().write = [&](write_batch batch) {
    written = std::move(batch);
    return write_result{.lsn = 5, .keys = 2, .sums = {-7, 8}};
  };
  key_query asked;
  served.what().get_keys = [&](key_query query) {
    asked = std::move(query);
    return key_result{{key_value{"a", std::string("\0v", 2), 7}, std::nullopt}};
  };
  key_scan scanned;
  served.what().scan_keys = [&](key_scan scan) {
    scanned = std::move(scan);
    return key_page{{{"k", "", 3}, {std::string_view("\xff\0", 2), "value", 4}}, "next", {2, 3}};
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  write_batch batch;
  batch.keys = {{.key = std::string("k\0", 2), .value = "v", .expected = 9},
                {.key = "gone", .change = key_change::erase, .expected = 0},
                {.key = "below/", .change = key_change::erase_prefix},
                {.key = "", .change = key_change::add, .amount = -5}};
  const auto result = (*ns)->write(batch);
  REQUIRE(result);
  CHECK(result->keys == 2);
  CHECK(result->sums == std::vector<std::int64_t>{-7, 8});
  CHECK(written.keys == batch.keys);
  const auto found = (*ns)->get_keys({{"a", "b"}, false});
  REQUIRE(found);
  CHECK(asked.keys == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(asked.values);
  REQUIRE(found->found.size() == 2);
  CHECK(found->found[0] == key_value{"a", std::string("\0v", 2), 7});
  CHECK_FALSE(found->found[1].has_value());
  const auto page = (*ns)->scan_keys({.start = "s",
                                      .end = std::string(),
                                      .prefix = "p",
                                      .reverse = true,
                                      .values = false,
                                      .limit = 77,
                                      .cursor = "c",
                                      .delimiter = "//"});
  REQUIRE(page);
  CHECK(scanned.delimiter == "//");
  CHECK(page->names == std::vector<std::uint8_t>{2, 3});
  CHECK(scanned.start == "s");
  CHECK(scanned.end == std::string());
  CHECK(scanned.prefix == "p");
  CHECK(scanned.reverse);
  CHECK_FALSE(scanned.values);
  CHECK(scanned.limit == 77);
  CHECK(scanned.cursor == "c");
  CHECK(page->entries == key_columns{{"k", "", 3}, {std::string_view("\xff\0", 2), "value", 4}});
  CHECK(page->next == "next");
  REQUIRE((*ns)->scan_keys({}));
  CHECK_FALSE(scanned.end.has_value());
}

TEST_CASE("operations on queues arrive as they were sent, and so do items") {
  served_store served;
  const queue_item item{.id = 7,
                        .state = item_state::leased,
                        .priority = -3,
                        .attempts = 2,
                        .max_attempts = 9,
                        .pushed_ms = 1,
                        .since_ms = 2,
                        .due_ms = 3,
                        .token = UINT64_MAX,
                        .consumer = "Zoë",
                        .payload_bytes = 2,
                        .payload = std::string("\0p", 2)};
  const std::vector<queue_reply> replies = {{.item = 4, .state = item_state::delayed},
                                            {.state = item_state::leased, .leased = {item, item}},
                                            {.item = 5, .changed = false, .due_ms = 77}};
  write_batch written;
  served.what().write = [&](write_batch batch) {
    written = std::move(batch);
    return write_result{.lsn = 5, .queue = replies};
  };
  queue_query asked;
  const queue_info info{"q", 1, 2, 3, 4, 5};
  served.what().get_queues = [&](queue_query query) {
    asked = std::move(query);
    return queue_result{{info}};
  };
  item_scan scanned;
  served.what().scan_items = [&](item_scan scan) {
    scanned = std::move(scan);
    return item_page{{item}, "next"};
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  write_batch batch;
  batch.queue = {
      {.queue = "q",
       .payload = std::string("\0", 1),
       .priority = -5,
       .max_attempts = 6,
       .delay_ms = 7},
      {.queue = "q",
       .change = queue_change::lease,
       .count = 8,
       .consumer = "me",
       .visibility_ms = 9},
      {.queue = "r", .change = queue_change::nack, .item = 10, .token = UINT64_MAX, .dead = true}};
  const auto result = (*ns)->write(batch);
  REQUIRE(result);
  CHECK(written.queue == batch.queue);
  CHECK(result->queue == replies);
  const auto found = (*ns)->get_queues({"q"});
  REQUIRE(found);
  CHECK(asked.queue == "q");
  CHECK(found->queues == std::vector{info});
  const auto page = (*ns)->scan_items(
      {.queue = "q", .state = item_state::dead, .payloads = false, .limit = 11, .cursor = "c"});
  REQUIRE(page);
  CHECK(scanned.queue == "q");
  CHECK(scanned.state == item_state::dead);
  CHECK_FALSE(scanned.payloads);
  CHECK(scanned.limit == 11);
  CHECK(scanned.cursor == "c");
  CHECK(page->items == std::vector{item});
  CHECK(page->next == "next");
}

TEST_CASE("a search arrives as it was sent, and so do its hits") {
  served_store served;
  search_query seen;
  search_result answer;
  answer.offsets = {0, 2, 2, 3};
  answer.distances = {0.5F, -1.0F, 0.0F};
  answer.hits = every_column();
  served.what().search = [&](search_query query) {
    seen = std::move(query);
    return answer;
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  search_query query;
  query.vectors = ramp(3, 4, -2);
  query.vector_name = "image";
  query.k = 2;
  query.ef = 99;
  query.exact = true;
  query.fields = {.vectors = true, .metadata = false, .texts = true};
  const auto found = (*ns)->search(query);
  REQUIRE(found);
  CHECK(found->offsets == answer.offsets);
  CHECK(found->distances == answer.distances);
  check_same(found->hits, answer.hits);
  CHECK(same(seen.vectors, query.vectors));
  CHECK(seen.vector_name == "image");
  CHECK(seen.k == 2);
  CHECK(seen.ef == 99);
  CHECK(seen.exact);
  CHECK(seen.fields == query.fields);
}

TEST_CASE("get and scan arrive as they were sent, and so do their rows") {
  served_store served;
  get_query asked;
  scan_query scanned;
  served.what().get = [&](get_query query) {
    asked = std::move(query);
    return get_result{.found = every_column(), .missing = {record_id("gone")}};
  };
  served.what().scan = [&](scan_query query) {
    scanned = std::move(query);
    return scan_page{.rows = every_column(), .next = std::string("\0next", 5)};
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  get_query query;
  query.ids = {record_id("a"), record_id(std::uint64_t{1})};
  query.fields = {.vectors = false, .metadata = true, .texts = false};
  const auto got = (*ns)->get(query);
  REQUIRE(got);
  check_same(got->found, every_column());
  CHECK(got->missing == std::vector<record_id>{record_id("gone")});
  CHECK(asked.ids == query.ids);
  CHECK(asked.fields == query.fields);

  scan_query page;
  page.cursor = std::string("\xff\0c", 3);
  page.limit = 17;
  const auto rows = (*ns)->scan(page);
  REQUIRE(rows);
  check_same(rows->rows, every_column());
  CHECK(rows->next == std::string("\0next", 5));
  CHECK(scanned.cursor == page.cursor);
  CHECK(scanned.limit == 17);
  CHECK(scanned.fields == page.fields);
}

TEST_CASE("an answer without rows and without columns arrives empty") {
  served_store served;
  served.what().get = [](const get_query&) { return get_result(); };
  served.what().search = [](const search_query&) {
    search_result none;
    none.offsets = {0, 0};
    return none;
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  const auto got = (*ns)->get({});
  REQUIRE(got);
  check_same(got->found, record_columns());
  CHECK(got->missing.empty());
  search_query query;
  query.vectors = ramp(1, 4);
  const auto found = (*ns)->search(query);
  REQUIRE(found);
  CHECK(found->offsets == std::vector<std::uint64_t>{0, 0});
  check_same(found->hits, record_columns());
}

TEST_CASE("every error arrives with its code, message, hint and time") {
  served_store served;
  const auto store = served.connect();
  const auto ns = store->open_namespace("docs");
  REQUIRE(ns);
  for (const errc code : {errc::invalid_argument,
                          errc::dimension_mismatch,
                          errc::not_found,
                          errc::already_exists,
                          errc::config_mismatch,
                          errc::limit_exceeded,
                          errc::permission_denied,
                          errc::unsupported,
                          errc::protocol_mismatch,
                          errc::cursor_too_old,
                          errc::busy,
                          errc::conflict,
                          errc::timeout,
                          errc::unavailable,
                          errc::cancelled,
                          errc::corruption,
                          errc::io_error,
                          errc::no_space,
                          errc::read_only,
                          errc::internal}) {
    const error expected{code, "what " + std::string(to_string(code)), "do this", 1234};
    served.what().write = [&](const write_batch&) -> result<write_result> {
      return std::unexpected(expected);
    };
    served.what().flush = [&](lsn_t) -> result<lsn_t> { return std::unexpected(expected); };
    served.what().drop = [&](const std::string&) -> result<void> {
      return std::unexpected(expected);
    };
    served.what().open = [&](const std::string&, open_mode,
                             const namespace_request&) -> result<namespace_config> {
      return std::unexpected(expected);
    };
    served.what().list = [&]() -> result<std::vector<std::string>> {
      return std::unexpected(expected);
    };
    CHECK((*ns)->write({}).error() == expected);
    CHECK((*ns)->flush(1).error() == expected);
    CHECK(store->drop_namespace("docs").error() == expected);
    CHECK(store->open_namespace("docs").error() == expected);
    CHECK(store->list_namespaces().error() == expected);
  }
}

TEST_CASE("a name outside the rules is refused by the client") {
  served_store served;
  const auto store = served.connect();
  for (const auto* name : {"", "Upper", "a/b", "../x", "spaced out"})
    CHECK(store->open_namespace(name).error().code == errc::invalid_argument);
  CHECK(store->drop_namespace("../x").error().code == errc::invalid_argument);
  CHECK(store->open_namespace(std::string(65, 'a')).error().code == errc::limit_exceeded);
}

TEST_CASE("a request over the daemon's message limit is refused by the client, with both sizes") {
  served_store served;
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  write_batch batch;
  // The same buffer is shared, so that the test stays small.
  batch.vectors = matrix(std::shared_ptr<const float[]>(new float[24 << 20]()), 1024, 24 << 10);
  const auto refused = (*ns)->write(batch);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::limit_exceeded);
  CHECK(refused.error().message.find("96") != std::string::npos);
  CHECK(refused.error().message.find("80 MiB") != std::string::npos);
  CHECK((*ns)->flush(3).value() == 3);  // the connection is as good as before
}

TEST_CASE("a message of many megabytes goes through in both directions") {
  served_store served;
  const auto vectors = ramp(10'000, 1'024);  // 40 MiB
  served.what().write = [&](const write_batch& batch) -> result<write_result> {
    if (!same(batch.vectors, vectors))
      return fail(errc::corruption, "other vectors");
    return write_result{.lsn = 1};
  };
  served.what().get = [&](const get_query&) {
    get_result answer;
    answer.found.ids.resize(vectors.rows());
    answer.found.versions.resize(vectors.rows());
    answer.found.vectors = vectors;
    answer.found.has_vector.assign(vectors.rows(), true);
    return answer;
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  write_batch batch;
  batch.vectors = vectors;
  REQUIRE((*ns)->write(batch));
  const auto got = (*ns)->get({});
  REQUIRE(got);
  CHECK(same(got->found.vectors, vectors));
}

TEST_CASE("a reply that no message can hold is an error, not the end of the connection") {
  served_store served;
  served.what().get = [](const get_query&) {
    get_result answer;
    constexpr std::size_t rows = 1024;
    answer.found.ids.resize(rows);
    answer.found.versions.resize(rows);
    answer.found.vectors =
        matrix(std::shared_ptr<const float[]>(new float[rows * (24 << 10)]()), rows, 24 << 10);
    answer.found.has_vector.assign(rows, true);
    return answer;
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  const auto got = (*ns)->get({});
  REQUIRE_FALSE(got);
  CHECK(got.error().code == errc::limit_exceeded);
  CHECK((*ns)->flush(3).value() == 3);
}

}  // namespace
}  // namespace hearth::ipc::test
