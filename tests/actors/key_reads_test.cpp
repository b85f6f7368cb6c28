// Blocking reads of keys, which an open namespace answers on the caller's thread.
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::test;
using namespace std::chrono_literals;

write_batch put(std::string key, std::string value) {
  write_batch batch;
  batch.keys.push_back({.key = std::move(key), .value = std::move(value)});
  return batch;
}

std::string value_of(namespace_handle& space, const std::string& key) {
  return must(space.get_keys({.keys = {key}})).found.front().value().value;
}

TEST_CASE("a blocking read of keys answers what the asynchronous one does") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start());
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(1)));
  must(space->write(put("a", "1")));
  must(space->write(put("b", "")));
  const key_query query{.keys = {"b", "none", "a"}};
  const auto found = must(space->get_keys(query)).found;
  REQUIRE(found == must(wait_for<key_result>([&](auto done) {
                     space->get_keys(query, std::move(done));
                   })).found);
  REQUIRE(found ==
          std::vector<std::optional<key_value>>{key_value{"b", "", 2}, {}, key_value{"a", "1", 1}});
  const auto page = must(space->scan_keys({.limit = 1}));
  REQUIRE(page.entries == key_columns{{"a", "1", 1}});
  REQUIRE(must(wait_for<key_page>([&](auto done) {
            space->scan_keys({.cursor = page.next}, std::move(done));
          })).entries == key_columns{{"b", "", 2}});
  REQUIRE(code_of(space->scan_keys({.limit = 0})) == errc::invalid_argument);
  REQUIRE(code_of(space->get_keys({.keys = {std::string(limits::key_bytes + 1, 'k')}})) ==
          errc::limit_exceeded);
}

TEST_CASE("blocking reads of keys open a namespace again that closed as idle under them") {
  const temporary_directory directory;
  const auto runtime = must(runtime::start({.idle_close = 1ms}));
  const auto store = must(runtime->open(directory.path()));
  const auto space = must(store->open_namespace("docs", open_mode::create, request_of(1)));
  must(space->write(put("k", "0")));
  REQUIRE(eventually([&] { return must(store->info()).open_namespaces == 0; }));
  REQUIRE(value_of(*space, "k") == "0");
  for (int round = 1; round <= 30; ++round) {
    must(space->write(put("k", std::to_string(round))));
    std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
    REQUIRE(value_of(*space, "k") == std::to_string(round));
    REQUIRE(must(space->scan_keys({})).entries.size() == 1);
  }
}

TEST_CASE("blocking reads of keys are refused once the namespace is gone") {
  const temporary_directory directory;
  auto runtime = must(runtime::start());
  auto store = must(runtime->open(directory.path()));
  const auto dropped = must(store->open_namespace("docs", open_mode::create, request_of(1)));
  must(store->drop_namespace("docs"));
  REQUIRE(code_of(dropped->get_keys({.keys = {"k"}})) == errc::not_found);
  REQUIRE(code_of(dropped->scan_keys({})) == errc::not_found);
}

}  // namespace
