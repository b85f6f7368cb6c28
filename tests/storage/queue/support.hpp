#pragma once
// What the tests of queues share: a clock that they own, and operations in few words.
#include <atomic>

#include "tests/storage/support.hpp"

namespace hearth::storage::test {

class test_clock final : public clock_source {
 public:
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override { return {}; }
  [[nodiscard]] std::int64_t wall_ms() const override { return now_ms; }

  std::int64_t now_ms = 1'800'000'000'000;
};

inline write_batch queue_batch(std::vector<queue_write> operations) {
  write_batch batch;
  batch.queue = std::move(operations);
  return batch;
}

inline queue_write push_of(std::string payload, std::int32_t priority = 0,
                           std::uint64_t delay_ms = 0, std::uint32_t max_attempts = 5) {
  return {.queue = "tasks",
          .payload = std::move(payload),
          .priority = priority,
          .max_attempts = max_attempts,
          .delay_ms = delay_ms};
}

inline queue_write lease_of(std::uint32_t count, std::uint32_t visibility_ms = 1000) {
  return {.queue = "tasks",
          .change = queue_change::lease,
          .count = count,
          .consumer = "worker",
          .visibility_ms = visibility_ms};
}

/// An ack, nack, extension, requeue or removal.
inline queue_write named(queue_change change, std::uint64_t item, std::uint64_t token = 0) {
  return {.queue = "tasks", .change = change, .item = item, .token = token};
}

/// Applies, commits, and answers what the only operation answered.
inline queue_reply run(namespace_store& store, queue_write operation) {
  auto applied = need(store.apply(queue_batch({std::move(operation)})));
  need(store.commit());
  REQUIRE(applied.result.queue.size() == 1);
  return std::move(applied.result.queue.front());
}

inline std::vector<queue_item> items_in(const namespace_store& store, item_state state,
                                        std::uint32_t page = 1000) {
  std::vector<queue_item> all;
  item_scan scan{.queue = "tasks", .state = state, .limit = page};
  for (;;) {
    auto found = need(need(store.read())->scan_items(scan, no_limit));
    REQUIRE(found.items.size() <= page);
    std::ranges::move(found.items, std::back_inserter(all));
    if (found.next.empty())
      return all;
    scan.cursor = found.next;
  }
}

inline queue_info info_of(const namespace_store& store) {
  return need(need(store.read())->get_queues({"tasks"})).queues.at(0);
}

/// A store whose queues live by `clock`, which outlives it.
inline std::unique_ptr<namespace_store> create_with(const std::filesystem::path& directory,
                                                    const clock_source& clock) {
  namespace_store_options options;
  options.clock = &clock;
  return create(directory, 2, options);
}

}  // namespace hearth::storage::test
