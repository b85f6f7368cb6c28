// The change feed over a real socket, against a store that notes what it is asked.
#include <catch2/catch.hpp>

#include "tests/ipc/support.hpp"

using namespace hearth;
using namespace hearth::ipc::test;

TEST_CASE("a question to the feed arrives as it was sent") {
  served_store served;
  change_query asked;
  served.what().changes = [&](change_query query) {
    asked = std::move(query);
    return change_page{.next = {9, 4}, .newest = 11};
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  change_query query;
  query.after = feed_position{7, 3};
  query.subject = feed_subject::records;
  query.where = K("year") >= 2024;
  query.near = near_condition{ramp(1, 4, -2), "image", 0.25F};
  query.prefix = std::string("p\0", 2);
  query.fields = {.vectors = true, .texts = true};
  query.values = true;
  query.limit = 77;
  const auto page = (*ns)->changes(query);
  REQUIRE(page);
  CHECK(page->events.empty());
  CHECK(page->next == feed_position{9, 4});
  CHECK(page->newest == 11);
  CHECK(asked.after == query.after);
  CHECK(asked.subject == feed_subject::records);
  REQUIRE(asked.where);
  CHECK(to_string(*asked.where) == to_string(*query.where));
  REQUIRE(asked.near);
  CHECK(std::ranges::equal(asked.near->vector.view().row(0), ramp(1, 4, -2).view().row(0)));
  CHECK(asked.near->vector_name == "image");
  CHECK(asked.near->radius == 0.25F);
  CHECK(asked.prefix == query.prefix);
  CHECK(asked.fields == query.fields);
  CHECK(asked.values);
  CHECK(asked.limit == 77);
  CHECK(asked.wait_ms == 0);
  REQUIRE((*ns)->changes({}));
  CHECK_FALSE(asked.after);
  CHECK_FALSE(asked.where);
  CHECK_FALSE(asked.near);
  CHECK(asked.subject == feed_subject::everything);
}

TEST_CASE(
    "a question that waits holds no page: it asks for one name, and reads when there is one") {
  served_store served;
  std::vector<change_query> asked;
  bool found = true;
  served.what().changes = [&](change_query query) {
    asked.push_back(std::move(query));
    change_page page;
    page.next = {9, 0};
    if (found)
      page.events.push_back({.lsn = 9, .number = 4, .last = true, .is_key = true, .key = "k"});
    return page;
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  change_query query;
  query.where = K("year") >= 2024;
  query.fields = {.vectors = true};
  query.values = true;
  query.limit = 77;
  query.wait_ms = 1234;
  const auto page = (*ns)->changes(query);
  REQUIRE(page);
  CHECK(page->events.size() == 1);
  REQUIRE(asked.size() == 2);
  CHECK_FALSE(asked[0].after);
  CHECK(asked[0].limit == 1);
  CHECK(asked[0].wait_ms == 1234);
  CHECK(asked[0].fields == field_set());
  CHECK_FALSE(asked[0].values);
  CHECK(asked[0].where);
  CHECK(asked[1].after == feed_position{8, 4});  // from the name that was found
  CHECK(asked[1].limit == 77);
  CHECK(asked[1].wait_ms == 0);
  CHECK(asked[1].fields == query.fields);
  CHECK(asked[1].values);
  CHECK(asked[1].where);
  found = false;  // the time is over
  const auto nothing = (*ns)->changes(query);
  REQUIRE(nothing);
  CHECK(nothing->events.empty());
  CHECK(nothing->next == feed_position{9, 0});
  CHECK(asked.size() == 3);
}

TEST_CASE("changes of records and keys arrive with their rows and values") {
  served_store served;
  change_page answer;
  answer.events = {
      {.lsn = 5, .number = 0, .id = "a", .version = 6, .row = 0},
      {.lsn = 5, .number = 1, .erased = true, .id = 7},
      {.lsn = 5, .number = 2, .last = true, .is_key = true, .key = "k", .version = 5, .value = "v"},
      {.lsn = 6, .number = 0, .id = "gone"},
      {.lsn = 6, .number = 1, .id = "b", .version = 6, .row = 1},
      {.lsn = 6, .number = 2, .erased = true, .last = true, .is_key = true, .key = ""},
  };
  answer.records.ids = {"a", "b"};
  answer.records.versions = {6, 6};
  answer.records.texts = {"text", std::nullopt};
  answer.next = {6, 0};
  served.what().changes = [&](const change_query&) { return answer; };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  const auto page = (*ns)->changes({});
  REQUIRE(page);
  REQUIRE(page->events.size() == answer.events.size());
  for (std::size_t i = 0; i < answer.events.size(); ++i) {
    const auto& got = page->events[i];
    const auto& sent = answer.events[i];
    CHECK(got.lsn == sent.lsn);
    CHECK(got.number == sent.number);
    CHECK(got.erased == sent.erased);
    CHECK(got.last == sent.last);
    CHECK(got.is_key == sent.is_key);
    CHECK(got.key == sent.key);
    CHECK(got.version == sent.version);
    CHECK(got.row == sent.row);
    CHECK(got.value == sent.value);
    if (!sent.is_key)
      CHECK(got.id == sent.id);
  }
  CHECK(page->records.ids == answer.records.ids);
  CHECK(page->records.texts == answer.records.texts);
}

TEST_CASE("columns of changes that do not go together are refused") {
  served_store served;
  change_page answer;
  answer.events = {{.lsn = 5, .id = "a", .version = 6}};  // there, but without a row
  served.what().changes = [&](const change_query&) { return answer; };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  const auto page = (*ns)->changes({});
  REQUIRE_FALSE(page);
  CHECK(page.error().code == errc::internal);
}

TEST_CASE("consumers and their positions arrive as they were sent") {
  served_store served;
  consumer_request asked;
  served.what().update_consumer = [&](consumer_request request) -> result<feed_position> {
    asked = std::move(request);
    return feed_position{8, 2};
  };
  served.what().list_consumers = [] {
    return std::vector<feed_consumer>{{"a", {1, 0}}, {"b", {2, 9}}};
  };
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  CHECK((*ns)->update_consumer({"mailer", consumer_action::acknowledge, feed_position{8, 1}}) ==
        feed_position{8, 2});
  CHECK(asked.name == "mailer");
  CHECK(asked.action == consumer_action::acknowledge);
  CHECK(asked.position == feed_position{8, 1});
  REQUIRE((*ns)->update_consumer({"new", consumer_action::open, {}}));
  CHECK(asked.action == consumer_action::open);
  CHECK_FALSE(asked.position);
  CHECK((*ns)->list_consumers() == std::vector<feed_consumer>{{"a", {1, 0}}, {"b", {2, 9}}});
}
