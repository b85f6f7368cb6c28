#include "storage/queue/queue_writes.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

/// Of a reply, beside payloads and names.
constexpr std::size_t leased_overhead = 128;

// Random, so that the token of a lease that a crash undid fits no later lease.
result<std::uint64_t> make_token() {
  std::uint64_t token = 0;
  while (token == 0)
    if (::getrandom(&token, sizeof token, 0) != sizeof token)
      return std::unexpected(posix_error(errno, "read random bytes"));
  return token;
}

std::string name_of(const queue_write& one) {
  return core::format("item {} of queue \"{}\"", one.item, printable(one.queue));
}

}  // namespace

result<void> queue_applier::prepare() {
  if (writes_.empty())
    return {};
  now_ms_ = static_cast<std::uint64_t>(std::max<std::int64_t>(clock_.wall_ms(), 0));
  HEARTH_CHECK(plan_.open());
  replies_.reserve(writes_.size());
  for (std::size_t row = 0; row < writes_.size(); ++row) {
    auto applied = apply(writes_[row], replies_.emplace_back());
    if (!applied && writes_.size() > 1)
      applied.error().message = core::format("queue[{}]: {}", row, applied.error().message);
    HEARTH_CHECK(applied);
  }
  return {};
}

result<void> queue_applier::apply(const queue_write& one, queue_reply& reply) {
  reply.item = one.item;
  switch (one.change) {
  case queue_change::push:
    return push(one, reply);
  case queue_change::lease:
    return lease(one, reply);
  case queue_change::ack:
  case queue_change::nack:
    return finish(one, reply);
  case queue_change::extend:
    return extend(one, reply);
  case queue_change::requeue:
    return requeue(one, reply);
  case queue_change::remove:
    return remove(one, reply);
  }
  return fail(errc::invalid_argument, "there is no such operation on queues");
}

void queue_applier::enter(stored_item& item, item_state state,
                          std::uint64_t position) const noexcept {
  item.state = state;
  item.position = position;
  item.since_ms = now_ms_;
  if (state != item_state::leased)
    item.token = 0;
}

// At the end of those of its priority: one that fails again and again must not keep others waiting.
void queue_applier::make_ready(stored_item& item) {
  enter(item, item_state::ready, plan_.next_turn());
}

void queue_applier::give_back(stored_item& item, std::uint64_t delay_ms, bool dead) {
  if (dead || item.attempts >= item.max_attempts)
    enter(item, item_state::dead, now_ms_);
  else if (delay_ms > 0)
    enter(item, item_state::delayed, now_ms_ + delay_ms);
  else
    make_ready(item);
}

result<void> queue_applier::push(const queue_write& one, queue_reply& reply) {
  HEARTH_TRY(auto* const queue, plan_.find_or_make(one.queue));
  stored_item item;
  item.priority = one.priority;
  item.max_attempts = one.max_attempts;
  item.pushed_ms = now_ms_;
  item.payload_bytes = one.payload.size();
  if (one.delay_ms > 0)
    enter(item, item_state::delayed, now_ms_ + one.delay_ms);
  else
    make_ready(item);
  reply.item = plan_.next_item();
  reply.state = item.state;
  plan_.insert(*queue, reply.item, std::move(item), one.payload);
  return {};
}

// What an entry of the order says has to be what the item says.
result<stored_item> queue_applier::item_in(const planned_queue& queue, std::uint64_t id,
                                           item_state state) const {
  HEARTH_TRY(auto item, plan_.item(queue, id));
  if (!item || item->state != state)
    return corrupt(core::format("the order of a queue, at its item {},", id));
  return *std::move(item);
}

result<void> queue_applier::sweep(planned_queue& queue) {
  if (std::exchange(queue.swept, true))
    return {};
  HEARTH_TRY(const auto expired,
             plan_.due(queue, item_state::leased, now_ms_, limits::queue_due_items));
  for (const auto id : expired) {
    HEARTH_TRY(const auto before, item_in(queue, id, item_state::leased));
    auto after = before;
    give_back(after, 0, false);
    plan_.change(queue, id, before, std::move(after));
  }
  HEARTH_TRY(const auto due, plan_.due(queue, item_state::delayed, now_ms_,
                                       limits::queue_due_items - expired.size()));
  for (const auto id : due) {
    HEARTH_TRY(const auto before, item_in(queue, id, item_state::delayed));
    auto after = before;
    make_ready(after);
    plan_.change(queue, id, before, std::move(after));
  }
  return {};
}

result<void> queue_applier::lease(const queue_write& one, queue_reply& reply) {
  HEARTH_TRY(auto* const queue, plan_.find(one.queue));
  if (queue == nullptr)
    return {};
  HEARTH_CHECK(sweep(*queue));
  while (reply.leased.size() < one.count) {
    HEARTH_TRY(const auto id, plan_.first_ready(*queue));
    if (!id)
      break;
    HEARTH_TRY(const auto before, item_in(*queue, *id, item_state::ready));
    const auto bytes = before.payload_bytes + one.consumer.size() + leased_overhead;
    if (bytes > limits::queue_reply_bytes - reply_bytes_)
      break;
    reply_bytes_ += bytes;
    auto after = before;
    enter(after, item_state::leased, now_ms_ + one.visibility_ms);
    HEARTH_TRY(after.token, make_token());
    ++after.attempts;
    after.consumer = one.consumer;
    auto& leased = reply.leased.emplace_back(item_from(*id, after));
    leased.token = after.token;
    HEARTH_TRY(leased.payload, plan_.payload(*queue, *id));
    plan_.change(*queue, *id, before, std::move(after));
  }
  reply.state = item_state::leased;
  return {};
}

result<queue_applier::named_item> queue_applier::held(const queue_write& one) {
  constexpr const char* hint = "drop its work: another holder may do it, or has done it";
  HEARTH_TRY(auto* const queue, plan_.find(one.queue));
  std::optional<stored_item> item;
  if (queue != nullptr) {
    HEARTH_TRY(item, plan_.item(*queue, one.item));
  }
  if (!item)
    return fail(errc::conflict, core::format("{} is done or was removed", name_of(one)), hint);
  if (item->state != item_state::leased)
    return fail(errc::conflict,
                core::format("the lease of {} is over: the item is {}", name_of(one),
                             to_string(item->state)),
                hint);
  if (item->token != one.token)
    return fail(errc::conflict,
                core::format("the lease of {} is over: the item was leased again", name_of(one)),
                hint);
  return named_item{queue, *std::move(item)};
}

// An ack or a nack. A lease whose time is over still counts while nobody took the item up: its work
// is not worth doing twice.
result<void> queue_applier::finish(const queue_write& one, queue_reply& reply) {
  HEARTH_TRY(const auto found, held(one));
  if (one.change == queue_change::ack) {
    reply.state = item_state::gone;
    plan_.erase(*found.queue, one.item, found.item);
    return {};
  }
  auto after = found.item;
  give_back(after, one.delay_ms, one.dead);
  reply.state = after.state;
  plan_.change(*found.queue, one.item, found.item, std::move(after));
  return {};
}

result<void> queue_applier::extend(const queue_write& one, queue_reply& reply) {
  HEARTH_TRY(const auto found, held(one));
  auto after = found.item;
  after.position = now_ms_ + one.visibility_ms;
  reply.state = item_state::leased;
  reply.due_ms = static_cast<std::int64_t>(after.position);
  plan_.change(*found.queue, one.item, found.item, std::move(after));
  return {};
}

result<void> queue_applier::requeue(const queue_write& one, queue_reply& reply) {
  HEARTH_TRY(auto* const queue, plan_.find(one.queue));
  std::optional<stored_item> before;
  if (queue != nullptr) {
    HEARTH_TRY(before, plan_.item(*queue, one.item));
  }
  if (!before)
    return fail(errc::not_found, core::format("there is no {}", name_of(one)));
  if (before->state != item_state::dead)
    return fail(errc::not_found,
                core::format("{} is not dead: it is {}", name_of(one), to_string(before->state)),
                "only dead items are requeued");
  auto after = *before;
  after.attempts = 0;
  make_ready(after);
  reply.state = after.state;
  plan_.change(*queue, one.item, *before, std::move(after));
  return {};
}

// The one operation that also takes an item that is damaged.
result<void> queue_applier::remove(const queue_write& one, queue_reply& reply) {
  HEARTH_TRY(auto* const queue, plan_.find(one.queue));
  reply.state = item_state::gone;
  reply.changed = false;
  if (queue == nullptr)
    return {};
  const auto before = plan_.item(*queue, one.item);
  if (!before && before.error().code != errc::corruption)
    return std::unexpected(before.error());
  if (before && !*before)
    return {};
  reply.changed = true;
  if (!before)
    return plan_.erase_unread(*queue, one.item);
  plan_.erase(*queue, one.item, **before);
  return {};
}

}  // namespace hearth::storage
