#include "core/change_feed.hpp"

#include <catch2/catch.hpp>

#include "core/limits.hpp"

using namespace hearth;

namespace {

template <class T>
errc code_of(const result<T>& outcome) {
  return outcome ? errc{} : outcome.error().code;
}

namespace_config config_of(std::uint32_t dimension) {
  namespace_config config;
  config.dimension = dimension;
  return config;
}

}  // namespace

TEST_CASE("a position of the feed is read back from its text, and nothing else is") {
  for (const feed_position position : {feed_position{}, feed_position{57, 0}, feed_position{57, 3},
                                       feed_position{0, 1}, feed_position{UINT64_MAX, UINT64_MAX}})
    CHECK(feed_position_from_string(to_string(position)) == position);
  CHECK(to_string(feed_position{57, 0}) == "57");
  CHECK(to_string(feed_position{57, 3}) == "57+3");
  for (const auto* wrong : {"", "+", "5+", "+5", "-1", " 5", "5 ", "5+3+1", "0x5", "5.0",
                            "18446744073709551616", "5+18446744073709551616", "n"})
    CHECK(code_of(feed_position_from_string(wrong)) == errc::invalid_argument);
}

TEST_CASE("positions are ordered as changes are") {
  CHECK(feed_position{4, 0} < feed_position{4, 1});
  CHECK(feed_position{4, 9} < feed_position{5, 0});
  change_event event;
  event.lsn = 5;
  event.number = 2;
  CHECK(event.position() == feed_position{4, 3});
  event.last = true;
  CHECK(event.position() == feed_position{5, 0});
}

TEST_CASE("questions to the feed are checked before anything is read") {
  const auto config = config_of(2);
  const auto code = [&](const change_query& query) { return code_of(validate(query, config)); };
  CHECK(code({}) == errc{});
  CHECK(code({.limit = limits::feed_changes}) == errc{});
  CHECK(code({.limit = limits::feed_changes + 1}) == errc::invalid_argument);
  CHECK(code({.limit = 0}) == errc::invalid_argument);
  CHECK(code({.wait_ms = limits::feed_wait_ms}) == errc{});
  CHECK(code({.wait_ms = limits::feed_wait_ms + 1}) == errc::invalid_argument);
  CHECK(code({.prefix = std::string(limits::key_bytes, 'k')}) == errc{});
  CHECK(code({.prefix = std::string(limits::key_bytes + 1, 'k')}) == errc::limit_exceeded);
  const auto near = [&](matrix vector, float radius, std::string name = {}) {
    change_query query;
    query.near = near_condition{std::move(vector), std::move(name), radius};
    return code(query);
  };
  CHECK(near(matrix({1, 2}, 1, 2), 1) == errc{});
  CHECK(near(matrix({1, 2, 3}, 1, 3), 1) == errc::dimension_mismatch);
  CHECK(near(matrix({1, 2, 3, 4}, 2, 2), 1) == errc::invalid_argument);
  CHECK(near(matrix({1, std::numeric_limits<float>::quiet_NaN()}, 1, 2), 1) ==
        errc::invalid_argument);
  CHECK(near(matrix({1, 2}, 1, 2), std::numeric_limits<float>::quiet_NaN()) ==
        errc::invalid_argument);
  CHECK(near(matrix({1, 2}, 1, 2), 1, "image") != errc{});
}

TEST_CASE("names of consumers are bounded UTF-8, and an acknowledgement says where") {
  const auto code = [](consumer_request request) { return code_of(validate(request)); };
  CHECK(code({.name = "m\xC3\xA9l"}) == errc{});
  CHECK(code({.name = ""}) == errc::invalid_argument);
  CHECK(code({.name = "\xFF"}) == errc::invalid_argument);
  CHECK(code({.name = std::string(limits::consumer_bytes, 'c')}) == errc{});
  CHECK(code({.name = std::string(limits::consumer_bytes + 1, 'c')}) == errc::limit_exceeded);
  CHECK(code({.name = "a", .action = consumer_action::acknowledge}) == errc::invalid_argument);
  CHECK(code({.name = "a",
              .action = consumer_action::acknowledge,
              .position = feed_position{1, 0}}) == errc{});
}
