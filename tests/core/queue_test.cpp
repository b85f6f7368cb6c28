#include "core/queue.hpp"

#include <catch2/catch.hpp>

#include "core/write_batch.hpp"

using namespace hearth;

namespace {

std::string refused(const result<void>& outcome) {
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error().message;
}

result<void> check(queue_write one) {
  return validate(std::vector<queue_write>{std::move(one)});
}

}  // namespace

TEST_CASE("operations on queues have limits, and messages that name them") {
  const std::string longest(limits::queue_name_bytes, 'q');
  CHECK(check({.queue = longest}));
  CHECK(refused(check({.queue = longest + "q"})) ==
        "the name of queue[0] is 257 bytes; the limit is 256 bytes");
  CHECK(refused(check({})) == "the name of queue[0] is empty");
  CHECK(refused(check({.queue = "\xff"})) == "the name of queue[0] is not valid UTF-8");
  const std::string payload(limits::queue_payload_bytes, 'p');
  CHECK(check({.queue = "q", .payload = payload}));
  CHECK(refused(check({.queue = "q", .payload = payload + "p"})) ==
        "the payload of queue[0] is 16777217 bytes; the limit is 16777216 bytes");
  CHECK(refused(check({.queue = "q", .change = queue_change::ack, .payload = "p"})) ==
        "queue[0] has a payload, which only a push takes");
  CHECK(check({.queue = "q", .max_attempts = 1'000'000, .delay_ms = limits::queue_delay_ms}));
  CHECK(refused(check({.queue = "q", .max_attempts = 0})) ==
        "max_attempts of queue[0] is 0; the range is 1 to 1000000");
  CHECK(
      refused(check(
          {.queue = "q", .change = queue_change::nack, .delay_ms = limits::queue_delay_ms + 1})) ==
      "delay_ms of queue[0] is 31536000001; the range is 0 to 31536000000");
  const auto lease = queue_write{.queue = "q",
                                 .change = queue_change::lease,
                                 .count = 1000,
                                 .consumer = std::string(256, 'c'),
                                 .visibility_ms = 43'200'000};
  CHECK(check(lease));
  auto more = lease;
  more.count = 1001;
  CHECK(refused(check(more)) == "count of queue[0] is 1001; the range is 1 to 1000");
  more = lease;
  more.consumer += 'c';
  CHECK(refused(check(more)).starts_with("the consumer of queue[0] is 257"));
  more = lease;
  ++more.visibility_ms;
  CHECK(refused(check(more)) ==
        "visibility_ms of queue[0] is 43200001; the range is 1 to 43200000");
  more.change = queue_change::extend;
  CHECK_FALSE(check(more).has_value());
}

TEST_CASE("a batch has so many operations and leases, and leases are durable") {
  std::vector<queue_write> many(limits::queue_operations, {.queue = "q"});
  CHECK(validate(many));
  many.push_back({.queue = "q"});
  CHECK(refused(validate(many)) == "the batch has 65537 queue operations; the limit is 65536");
  const queue_write lease{.queue = "q", .change = queue_change::lease};
  many.assign(limits::queue_leases, lease);
  CHECK(validate(many));
  many.push_back(lease);
  CHECK(refused(validate(many)) == "the batch has 101 leases; the limit is 100");
  write_batch batch;
  batch.queue = {{.queue = "q"}};
  batch.ack = durability::interval;
  const namespace_config config{};
  CHECK(validate(batch, config));
  batch.queue.push_back(lease);
  CHECK(refused(validate(batch, config)) == "a lease takes durability sync");
  batch.ack = durability::sync;
  CHECK(validate(batch, config));
  batch.queue.assign(5, {.queue = "q", .payload = std::string(limits::queue_payload_bytes, 'p')});
  CHECK(refused(validate(batch, config)).starts_with("the batch is 80 MiB"));
}

TEST_CASE("questions about queues have limits, too") {
  CHECK(validate(queue_query{}));
  CHECK_FALSE(validate(queue_query{std::string(257, 'q')}).has_value());
  CHECK(validate(item_scan{.queue = "q"}));
  CHECK(refused(validate(item_scan{})) == "queue is empty");
  CHECK(refused(validate(item_scan{.queue = "q", .limit = 0})).starts_with("limit is 0"));
  CHECK_FALSE(validate(item_scan{.queue = "q", .state = item_state::gone}).has_value());
  CHECK(refused(validate(item_scan{.queue = "q", .cursor = std::string(65, 'c')}))
            .starts_with("cursor is 65 bytes"));
}
