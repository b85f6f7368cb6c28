// The change feed of the embedded store: what it delivers, in which order, and how it waits.
#include <future>
#include <set>

#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::test;

constexpr std::uint32_t dimension = 4;

struct open_store {
  explicit open_store(runtime_options options = {.worker_threads = 2})
      : runtime(must(runtime::start(std::move(options)))), store(must(runtime->open(home.path()))),
        space(must(store->open_namespace("docs", open_mode::create, request_of(dimension)))) {}

  const temporary_directory home;
  std::unique_ptr<hearth::runtime> runtime;
  std::shared_ptr<store_handle> store;
  std::shared_ptr<namespace_handle> space;
};

write_batch keys_of(std::vector<key_write> writes) {
  write_batch batch;
  batch.keys = std::move(writes);
  return batch;
}

change_query from(feed_position after, std::uint32_t limit = 1000) {
  change_query query;
  query.after = after;
  query.limit = limit;
  return query;
}

// "3+a!" is: batch 3 put record a, and that was its last change.
std::string as_text(const change_event& event) {
  return std::to_string(event.lsn) + (event.erased ? '-' : '+') +
         (event.is_key ? "'" + event.key + "'" : to_string(event.id)) + (event.last ? "!" : "");
}

std::vector<std::string> texts_of(const change_page& page) {
  std::vector<std::string> texts;
  for (const auto& event : page.events)
    texts.push_back(as_text(event));
  return texts;
}

// A call that is under way.
std::future<result<change_page>> start(namespace_handle& space, change_query query) {
  auto promise = std::make_shared<std::promise<result<change_page>>>();
  auto future = promise->get_future();
  space.changes(std::move(query),
                [promise](result<change_page> page) { promise->set_value(std::move(page)); });
  return future;
}

}  // namespace

TEST_CASE("the feed delivers every change in order, in pages of any size") {
  open_store opened;
  auto& space = *opened.space;
  must(space.write(upsert_of({5, 6, 7}, dimension)));
  must(space.write(keys_of({{.key = "a", .value = "1"}, {.key = "b"}})));
  must(space.write(erase_of({6, 99})));
  must(space.write(erase_of({99})));  // changes nothing
  must(space.write(keys_of({{.key = "b", .change = key_change::erase}})));
  const std::vector<std::string> all{"1+5", "1+6", "1+7!", "2+'a'", "2+'b'!", "3-6!", "5-'b'!"};
  const auto whole = must(space.changes(from({})));
  REQUIRE(texts_of(whole) == all);
  REQUIRE(whole.next == feed_position{5, 0});
  REQUIRE(whole.newest == 5);
  for (const std::uint32_t limit : {1U, 2U, 3U, 5U}) {
    std::vector<std::string> collected;
    for (feed_position at; at < feed_position{5, 0};) {
      const auto page = must(space.changes(from(at, limit)));
      REQUIRE(page.events.size() <= limit);
      for (auto& text : texts_of(page))
        collected.push_back(std::move(text));
      REQUIRE(at < page.next);
      at = page.next;
    }
    REQUIRE(collected == all);
  }
  // Whoever goes on behind any one change misses nothing and sees nothing twice.
  for (std::size_t i = 0; i < whole.events.size(); ++i) {
    const auto rest = must(space.changes(from(whole.events[i].position())));
    REQUIRE(texts_of(rest) ==
            std::vector<std::string>(all.begin() + static_cast<long>(i) + 1, all.end()));
  }
  REQUIRE(must(space.changes({})).events.empty());
  REQUIRE(must(space.changes({})).next == feed_position{5, 0});
}

TEST_CASE("what a transaction commits is delivered under one LSN, whole") {
  open_store opened;
  auto& space = *opened.space;
  must(space.write(upsert_of({1, 2}, dimension)));
  must(space.write(keys_of({{.key = "old"}})));
  auto query = from({2, 0});
  query.wait_ms = 20'000;
  auto waiting = start(space, query);
  const auto dropped = must(space.begin());
  must(dropped->write(keys_of({{.key = "never"}})));
  must(dropped->abort());
  const auto changing = must(space.begin());
  must(changing->write(keys_of({{.key = "old", .change = key_change::erase}, {.key = "new"}})));
  must(changing->write(erase_of({1})));
  must(changing->write(upsert_of({4, 3}, dimension)));
  REQUIRE(waiting.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  REQUIRE(must(changing->commit()).lsn == 3);
  const std::vector<std::string> all{"3+3", "3+4", "3-1", "3+'new'", "3-'old'!"};
  REQUIRE(texts_of(must(waiting.get())) == all);
  const auto whole = must(space.changes(from({2, 0})));
  REQUIRE(texts_of(whole) == all);
  REQUIRE(whole.next == feed_position{3, 0});
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto at = whole.events[i].position();
    must(space.update_consumer(
        {"reader", i == 0 ? consumer_action::open : consumer_action::acknowledge, at}));
    REQUIRE(must(space.list_consumers()).front().position == at);
    REQUIRE(texts_of(must(space.changes(from(at)))) ==
            std::vector<std::string>(all.begin() + static_cast<long>(i) + 1, all.end()));
  }
}

TEST_CASE("changes come with what is there now, and versions tell") {
  open_store opened;
  auto& space = *opened.space;
  auto batch = upsert_of({1, 2}, dimension);
  batch.metadata = {{{"n", 1}}, {{"n", 2}}};
  batch.texts = {"one", std::nullopt};
  must(space.write(batch));
  auto update = write_batch();
  update.kind = write_kind::update;
  update.ids = {1};
  update.metadata = {{{"n", 10}}};
  must(space.write(update));
  must(space.write(erase_of({2})));
  must(space.write(keys_of({{.key = "k", .value = "v"}})));
  auto query = from({});
  query.fields = {.vectors = true, .metadata = true, .texts = true};
  query.values = true;
  const auto page = must(space.changes(query));
  REQUIRE(texts_of(page) == std::vector<std::string>{"1+1", "1+2!", "2+1!", "3-2!", "4+'k'!"});
  REQUIRE(page.events[0].version == 2);
  REQUIRE(page.events[1].version == 0);  // it is gone; that comes later
  REQUIRE(page.events[2].version == 2);
  REQUIRE(page.events[4].version == 4);
  REQUIRE(page.events[4].value == "v");
  REQUIRE(page.records.size() == 2);
  for (const auto row : {page.events[0].row, page.events[2].row}) {
    REQUIRE(page.records.ids[row] == record_id(1));
    REQUIRE(page.records.metadata[row] == value_map{{"n", 10}});
    REQUIRE(page.records.texts[row] == "one");
    REQUIRE(std::ranges::equal(page.records.vectors.view().row(row), vector_of(1, dimension)));
  }
}

TEST_CASE("conditions filter what is put, erased records are always delivered") {
  open_store opened;
  auto& space = *opened.space;
  auto batch = upsert_of({1, 2, 3, 4}, dimension);
  batch.metadata = {{{"n", 1}}, {{"n", 2}}, {{"n", 3}}, {{"n", 4}}};
  batch.keys = {{.key = "a/1"}, {.key = "b/1"}};
  must(space.write(batch));
  must(space.write(erase_of({2})));
  auto query = from({});
  query.where = K("n") >= 2;
  query.subject = feed_subject::records;
  REQUIRE(texts_of(must(space.changes(query))) == std::vector<std::string>{"1+3", "1+4!", "2-2!"});
  query.where = K("n") == 1;
  REQUIRE(texts_of(must(space.changes(query))) == std::vector<std::string>{"1+1!", "2-2!"});
  query.where = K("n") == 77;
  auto page = must(space.changes(query));
  REQUIRE(texts_of(page) == std::vector<std::string>{"2-2!"});

  change_query near = from({});
  near.near = near_condition{matrix(vector_of(3, dimension), 1, dimension), "", 0.001F};
  near.subject = feed_subject::records;
  REQUIRE(texts_of(must(space.changes(near))) == std::vector<std::string>{"1+3!", "2-2!"});

  change_query keys = from({});
  keys.prefix = "b/";
  keys.subject = feed_subject::keys;
  page = must(space.changes(keys));
  REQUIRE(texts_of(page) == std::vector<std::string>{"1+'b/1'!"});
  REQUIRE(page.next == feed_position{2, 0});  // moves past what was left out
  // A page of one may end before the rest is known to be left out.
  keys.prefix = "a/";
  keys.limit = 1;
  page = must(space.changes(keys));
  REQUIRE(texts_of(page) == std::vector<std::string>{"1+'a/1'!"});
}

TEST_CASE("wrong questions to the feed are refused") {
  open_store opened;
  const auto refused = [&](change_query query) { return code_of(opened.space->changes(query)); };
  REQUIRE(refused({.limit = 0}) == errc::invalid_argument);
  REQUIRE(refused({.limit = limits::feed_changes + 1}) == errc::invalid_argument);
  REQUIRE(refused({.wait_ms = 30'001}) == errc::invalid_argument);
  REQUIRE(refused({.near = near_condition{}}) == errc::invalid_argument);
  REQUIRE(refused({.near = near_condition{matrix({1, 2}, 1, 2), "", 1}}) ==
          errc::dimension_mismatch);
  REQUIRE(code_of(opened.space->update_consumer({""})) == errc::invalid_argument);
  REQUIRE(code_of(opened.space->update_consumer({std::string(129, 'x')})) == errc::limit_exceeded);
  REQUIRE(code_of(opened.space->update_consumer({"a", consumer_action::acknowledge})) ==
          errc::invalid_argument);
}

TEST_CASE("a cursor that history does not reach back to is too old") {
  open_store opened({.worker_threads = 2, .history_batches = 3});
  auto& space = *opened.space;
  for (int i = 0; i < 20; ++i)
    must(space.write(keys_of({{.key = "k"}})));
  // Upkeep trims in the background.
  REQUIRE(eventually([&] { return code_of(space.changes(from({2, 0}))) == errc::cursor_too_old; }));
  REQUIRE(must(space.changes(from({17, 0}))).events.size() == 3);
  must(space.update_consumer({"late", consumer_action::open, feed_position{17, 0}}));
  for (int i = 0; i < 10; ++i)
    must(space.write(keys_of({{.key = "k"}})));
  must(space.flush());
  REQUIRE(must(space.changes(from({17, 0}))).events.size() == 13);
}

TEST_CASE("a cursor of a namespace that is no more is refused, not taken for one that is early") {
  open_store opened;
  auto& space = *opened.space;
  const auto written = must(space.write(upsert_of({1}, dimension)));
  REQUIRE(must(space.changes({.after = feed_position{written.lsn, 0}})).events.empty());
  const auto refused =
      space.changes({.after = feed_position{written.lsn + 1, 0}, .wait_ms = 20'000});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::cursor_too_old);
  CHECK(refused.error().message ==
        "the cursor is at lsn 2, but the newest change of \"docs\" is 1: "
        "it is another namespace by now, or an older copy");
}

TEST_CASE("who waits gets the next change, or an empty page when the time is over") {
  open_store opened;
  auto& space = *opened.space;
  auto query = change_query{.wait_ms = 20'000};
  auto waiting = start(space, query);
  auto filtered = query;
  filtered.subject = feed_subject::keys;
  filtered.prefix = "wanted";
  auto picky = start(space, filtered);
  // Both have to have fixed "now" before something is written.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::uint64_t id = 0;
  while (waiting.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready)
    must(space.write(upsert_of({id++}, dimension)));
  REQUIRE_FALSE(must(waiting.get()).events.empty());
  REQUIRE(picky.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  must(space.write(keys_of({{.key = "wanted/1"}})));
  const auto page = must(picky.get());
  REQUIRE(page.events.size() == 1);
  REQUIRE(page.events[0].key == "wanted/1");

  const auto nothing = must(space.changes({.wait_ms = 20}));
  REQUIRE(nothing.events.empty());
  REQUIRE(nothing.next == feed_position{nothing.newest, 0});
}

TEST_CASE("many who wait are all answered by one write, in order, and none is lost") {
  open_store opened;
  auto& space = *opened.space;
  constexpr int readers = 300;
  constexpr lsn_t writes = 30;
  std::vector<std::future<result<change_page>>> waiting;
  std::vector<lsn_t> seen(readers, 0);
  for (int i = 0; i < readers; ++i)
    waiting.push_back(start(space, {.after = feed_position{}, .wait_ms = 20'000}));
  std::thread writer([&] {
    for (lsn_t i = 0; i < writes; ++i)
      must(space.write(keys_of({{.key = "k" + std::to_string(i)}})));
  });
  for (int i = 0; i < readers; ++i) {
    auto& one = seen[static_cast<std::size_t>(i)];
    while (one < writes) {
      const auto page = must(waiting[static_cast<std::size_t>(i)].get());
      for (const auto& event : page.events)
        REQUIRE(event.lsn == ++one);
      if (one < writes)
        waiting[static_cast<std::size_t>(i)] =
            start(space, {.after = page.next, .wait_ms = 20'000});
    }
  }
  writer.join();
}

TEST_CASE("calls that wait end when the namespace is dropped, and when the runtime stops") {
  auto opened = std::make_unique<open_store>();
  auto waiting = start(*opened->space, {.wait_ms = 20'000});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  must(opened->store->drop_namespace("docs"));
  REQUIRE(code_of(waiting.get()) == errc::not_found);

  opened = std::make_unique<open_store>();
  waiting = start(*opened->space, {.wait_ms = 20'000});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  opened->space.reset();
  opened->store.reset();
  opened->runtime.reset();
  REQUIRE(code_of(waiting.get()) == errc::unavailable);
}

TEST_CASE("a namespace with somebody waiting is not closed as idle") {
  open_store opened({.worker_threads = 2, .idle_close = std::chrono::milliseconds(30)});
  auto waiting = start(*opened.space, {.wait_ms = 20'000});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  REQUIRE(waiting.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  REQUIRE(must(opened.store->info()).open_namespaces == 1);
  must(opened.space->write(keys_of({{.key = "k"}})));
  REQUIRE(must(waiting.get()).events.size() == 1);
}

TEST_CASE("the position of a consumer is kept, moves forward only, and survives a restart") {
  const temporary_directory home;
  const auto open = [&](hearth::runtime& runtime) {
    const auto store = must(runtime.open(home.path()));
    return must(store->open_namespace("docs", open_mode::open_or_create, request_of(dimension)));
  };
  {
    const auto runtime = must(runtime::start({.worker_threads = 2}));
    const auto space = open(*runtime);
    must(space->write(keys_of({{.key = "a"}, {.key = "b"}})));
    REQUIRE(must(space->update_consumer({"all", consumer_action::open, feed_position{}})) ==
            feed_position{});
    REQUIRE(must(space->update_consumer({"new", consumer_action::open, {}})) ==
            feed_position{1, 0});
    const auto page = must(space->changes(from({}, 1)));
    REQUIRE(must(space->update_consumer({"all", consumer_action::acknowledge,
                                         page.events[0].position()})) == feed_position{0, 1});
    REQUIRE(must(space->info()).lsn == 1);
  }
  const auto runtime = must(runtime::start({.worker_threads = 2}));
  const auto space = open(*runtime);
  const auto known = must(space->list_consumers());
  REQUIRE(known == std::vector<feed_consumer>{{"all", {0, 1}}, {"new", {1, 0}}});
  REQUIRE(texts_of(must(space->changes(from(known[0].position)))) ==
          std::vector<std::string>{"1+'b'!"});
  must(space->update_consumer({"all", consumer_action::erase, {}}));
  REQUIRE(must(space->list_consumers()).size() == 1);
  REQUIRE(code_of(space->update_consumer({"all", consumer_action::erase, {}})) == errc::not_found);
}
