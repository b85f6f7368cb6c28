#include "core/queue.hpp"

#include <algorithm>

#include "core/validation.hpp"
#include "core/value.hpp"

namespace hearth::inline core {

namespace {

constexpr std::size_t cursor_bytes = 64;  // more than any that a scan answers

result<void> check_name(std::string_view field, const std::string& name) {
  if (name.empty())
    return fail(errc::invalid_argument, core::format("{} is empty", field), "give it a name");
  if (name.size() > limits::queue_name_bytes)
    return validation::too_large(core::format("{} is", field), name.size(),
                                 limits::queue_name_bytes);
  if (!is_utf8(name))
    return fail(errc::invalid_argument, core::format("{} is not valid UTF-8", field));
  return {};
}

result<void> check_push(std::string_view field, const queue_write& push) {
  if (push.payload.size() > limits::queue_payload_bytes)
    return validation::too_large(core::format("the payload of {} is", field), push.payload.size(),
                                 limits::queue_payload_bytes,
                                 "put large data under a key, and the key into the payload");
  return validation::in_range(core::format("max_attempts of {}", field), push.max_attempts, 1,
                              limits::queue_attempts);
}

result<void> check_lease(std::string_view field, const queue_write& lease) {
  if (lease.consumer.size() > limits::queue_consumer_bytes)
    return validation::too_large(core::format("the consumer of {} is", field),
                                 lease.consumer.size(), limits::queue_consumer_bytes);
  if (!is_utf8(lease.consumer))
    return fail(errc::invalid_argument,
                core::format("the consumer of {} is not valid UTF-8", field));
  return validation::in_range(core::format("count of {}", field), lease.count, 1,
                              limits::queue_lease_items);
}

result<void> check(std::string_view field, const queue_write& one) {
  HEARTH_CHECK(check_name(core::format("the name of {}", field), one.queue));
  if (one.change == queue_change::push)
    HEARTH_CHECK(check_push(field, one));
  else if (!one.payload.empty())
    return fail(errc::invalid_argument,
                core::format("{} has a payload, which only a push takes", field));
  if (one.change == queue_change::lease)
    HEARTH_CHECK(check_lease(field, one));
  if (one.change == queue_change::lease || one.change == queue_change::extend)
    HEARTH_CHECK(validation::in_range(core::format("visibility_ms of {}", field), one.visibility_ms,
                                      1, limits::queue_visibility_ms));
  return validation::in_range(core::format("delay_ms of {}", field), one.delay_ms, 0,
                              limits::queue_delay_ms);
}

}  // namespace

std::string_view to_string(item_state state) noexcept {
  switch (state) {
  case item_state::ready:
    return "ready";
  case item_state::delayed:
    return "delayed";
  case item_state::leased:
    return "leased";
  case item_state::dead:
    return "dead";
  case item_state::gone:
    break;
  }
  return "gone";
}

std::size_t payload_bytes(const std::vector<queue_write>& writes) noexcept {
  std::size_t bytes = 0;
  for (const auto& each : writes)
    bytes += each.payload.size() + each.queue.size() + each.consumer.size();
  return bytes;
}

bool leases_any(const std::vector<queue_write>& writes) noexcept {
  return std::ranges::find(writes, queue_change::lease, &queue_write::change) != writes.end();
}

result<void> validate(const std::vector<queue_write>& writes) {
  if (writes.size() > limits::queue_operations)
    return fail(errc::limit_exceeded,
                core::format("the batch has {} queue operations; the limit is {}", writes.size(),
                             limits::queue_operations),
                "split them over several calls");
  std::size_t leases = 0;
  for (std::size_t row = 0; row < writes.size(); ++row) {
    HEARTH_CHECK(check(core::format("queue[{}]", row), writes[row]));
    leases += writes[row].change == queue_change::lease ? 1 : 0;
  }
  if (leases > limits::queue_leases)
    return fail(
        errc::limit_exceeded,
        core::format("the batch has {} leases; the limit is {}", leases, limits::queue_leases),
        "lease several items with one operation");
  return {};
}

result<void> validate(const queue_query& query) {
  return query.queue.empty() ? result<void>() : check_name("queue", query.queue);
}

result<void> validate(const item_scan& scan) {
  HEARTH_CHECK(check_name("queue", scan.queue));
  if (scan.state == item_state::gone)
    return fail(errc::invalid_argument, "there are no items to list that are gone",
                "ask for ready, delayed, leased or dead ones");
  if (scan.cursor.size() > cursor_bytes)
    return validation::too_large("cursor is", scan.cursor.size(), cursor_bytes,
                                 "pass the cursor of the previous page unchanged");
  return validation::in_range("limit", scan.limit, 1, limits::batch_rows);
}

}  // namespace hearth::inline core
