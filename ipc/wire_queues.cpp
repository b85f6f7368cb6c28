// Queues, wire to core and core to wire.
#include <cstdint>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"

namespace hearth::ipc::wire {

namespace {

constexpr std::size_t write_words = 12;  // of a QueueWrite, and what leads to it
constexpr std::size_t reply_words = 6;
constexpr std::size_t item_words = 12;
constexpr std::size_t info_words = 8;
constexpr std::size_t cursor_bytes = 64;

result<queue_item> read_item(schema::QueueItem::Reader from) {
  queue_item to;
  to.id = from.getId();
  HEARTH_TRY(to.state, read_enum(from.getState(), "state", item_state::gone));
  to.priority = from.getPriority();
  to.attempts = from.getAttempts();
  to.max_attempts = from.getMaxAttempts();
  to.pushed_ms = from.getPushedMs();
  to.since_ms = from.getSinceMs();
  to.due_ms = from.getDueMs();
  to.token = from.getToken();
  HEARTH_TRY(to.consumer, read_text(from.getConsumer(), "consumer", limits::queue_consumer_bytes));
  to.payload_bytes = from.getPayloadBytes();
  HEARTH_TRY(to.payload, read_bytes(from.getPayload(), "payload", limits::queue_payload_bytes));
  return to;
}

result<std::vector<queue_item>> read_items(capnp::List<schema::QueueItem>::Reader from) {
  if (from.size() > limits::batch_rows)
    return over_limit("items", from.size(), limits::batch_rows, "items");
  std::vector<queue_item> items;
  items.reserve(from.size());
  for (const auto each : from) {
    HEARTH_TRY(auto item, read_item(each));
    items.push_back(std::move(item));
  }
  return items;
}

void write_items(capnp::List<schema::QueueItem>::Builder to, const std::vector<queue_item>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setId(from[i].id);
    to[i].setState(static_cast<schema::ItemState>(from[i].state));
    to[i].setPriority(from[i].priority);
    to[i].setAttempts(from[i].attempts);
    to[i].setMaxAttempts(from[i].max_attempts);
    to[i].setPushedMs(from[i].pushed_ms);
    to[i].setSinceMs(from[i].since_ms);
    to[i].setDueMs(from[i].due_ms);
    to[i].setToken(from[i].token);
    to[i].setConsumer(to_text(from[i].consumer));
    to[i].setPayloadBytes(from[i].payload_bytes);
    to[i].setPayload(bytes_of(from[i].payload));
  }
}

std::size_t words_of_items(const std::vector<queue_item>& from) {
  std::size_t total = 1;
  for (const auto& each : from)
    total += item_words + text_words(each.consumer) + data_words(each.payload.size());
  return total;
}

}  // namespace

result<std::vector<queue_write>> read_queue_writes(capnp::List<schema::QueueWrite>::Reader from) {
  if (from.size() > limits::queue_operations)
    return over_limit("queue", from.size(), limits::queue_operations, "operations");
  std::vector<queue_write> writes;
  writes.reserve(from.size());
  for (const auto each : from) {
    auto& one = writes.emplace_back();
    HEARTH_TRY(one.queue,
               read_text(each.getQueue(), "the name of a queue", limits::queue_name_bytes));
    HEARTH_TRY(one.change, read_enum(each.getChange(), "change", queue_change::remove));
    HEARTH_TRY(one.payload, read_bytes(each.getPayload(), "payload", limits::queue_payload_bytes));
    one.priority = each.getPriority();
    one.max_attempts = each.getMaxAttempts();
    one.delay_ms = each.getDelayMs();
    one.count = each.getCount();
    HEARTH_TRY(one.consumer,
               read_text(each.getConsumer(), "consumer", limits::queue_consumer_bytes));
    one.visibility_ms = each.getVisibilityMs();
    one.item = each.getItem();
    one.token = each.getToken();
    one.dead = each.getDead();
  }
  return writes;
}

void write_queue_writes(capnp::List<schema::QueueWrite>::Builder to,
                        const std::vector<queue_write>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setQueue(to_text(from[i].queue));
    to[i].setChange(static_cast<schema::QueueChange>(from[i].change));
    to[i].setPayload(bytes_of(from[i].payload));
    to[i].setPriority(from[i].priority);
    to[i].setMaxAttempts(from[i].max_attempts);
    to[i].setDelayMs(from[i].delay_ms);
    to[i].setCount(from[i].count);
    to[i].setConsumer(to_text(from[i].consumer));
    to[i].setVisibilityMs(from[i].visibility_ms);
    to[i].setItem(from[i].item);
    to[i].setToken(from[i].token);
    to[i].setDead(from[i].dead);
  }
}

std::size_t words_of_queue_writes(const std::vector<queue_write>& from) {
  std::size_t total = 1;
  for (const auto& each : from)
    total += write_words + text_words(each.queue) + text_words(each.consumer) +
             data_words(each.payload.size());
  return total;
}

result<std::vector<queue_reply>> read_queue_replies(capnp::List<schema::QueueReply>::Reader from) {
  if (from.size() > limits::queue_operations)
    return over_limit("queue", from.size(), limits::queue_operations, "replies");
  std::vector<queue_reply> replies;
  replies.reserve(from.size());
  for (const auto each : from) {
    auto& one = replies.emplace_back();
    one.item = each.getItem();
    HEARTH_TRY(one.state, read_enum(each.getState(), "state", item_state::gone));
    one.changed = each.getChanged();
    one.due_ms = each.getDueMs();
    HEARTH_TRY(one.leased, read_items(each.getLeased()));
  }
  return replies;
}

void write_queue_replies(capnp::List<schema::QueueReply>::Builder to,
                         const std::vector<queue_reply>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setItem(from[i].item);
    to[i].setState(static_cast<schema::ItemState>(from[i].state));
    to[i].setChanged(from[i].changed);
    to[i].setDueMs(from[i].due_ms);
    write_items(to[i].initLeased(static_cast<kj::uint>(from[i].leased.size())), from[i].leased);
  }
}

std::size_t words_of_queue_replies(const std::vector<queue_reply>& from) {
  std::size_t total = 1;
  for (const auto& each : from)
    total += reply_words + words_of_items(each.leased);
  return total;
}

result<queue_query> read(schema::QueueQuery::Reader from) {
  queue_query to;
  HEARTH_TRY(to.queue, read_text(from.getQueue(), "queue", limits::queue_name_bytes));
  return to;
}

result<queue_result> read(schema::Queues::Reader from) {
  if (from.getQueues().size() > limits::queues)
    return over_limit("queues", from.getQueues().size(), limits::queues, "queues");
  queue_result to;
  for (const auto each : from.getQueues()) {
    auto& one = to.queues.emplace_back();
    HEARTH_TRY(one.name, read_text(each.getName(), "name", limits::queue_name_bytes));
    one.ready = each.getReady();
    one.delayed = each.getDelayed();
    one.leased = each.getLeased();
    one.dead = each.getDead();
    one.oldest_ready_ms = each.getOldestReadyMs();
  }
  return to;
}

result<item_scan> read(schema::ItemScan::Reader from) {
  item_scan to;
  HEARTH_TRY(to.queue, read_text(from.getQueue(), "queue", limits::queue_name_bytes));
  HEARTH_TRY(to.state, read_enum(from.getState(), "state", item_state::gone));
  to.payloads = from.getPayloads();
  to.limit = from.getLimit();
  HEARTH_TRY(to.cursor, read_bytes(from.getCursor(), "cursor", cursor_bytes));
  return to;
}

result<item_page> read(schema::ItemPage::Reader from) {
  item_page to;
  HEARTH_TRY(to.items, read_items(from.getItems()));
  HEARTH_TRY(to.next, read_bytes(from.getNext(), "next", cursor_bytes));
  return to;
}

void write(schema::QueueQuery::Builder to, const queue_query& from) {
  to.setQueue(to_text(from.queue));
}

void write(schema::Queues::Builder to, const queue_result& from) {
  auto queues = to.initQueues(static_cast<kj::uint>(from.queues.size()));
  for (kj::uint i = 0; i < queues.size(); ++i) {
    queues[i].setName(to_text(from.queues[i].name));
    queues[i].setReady(from.queues[i].ready);
    queues[i].setDelayed(from.queues[i].delayed);
    queues[i].setLeased(from.queues[i].leased);
    queues[i].setDead(from.queues[i].dead);
    queues[i].setOldestReadyMs(from.queues[i].oldest_ready_ms);
  }
}

void write(schema::ItemScan::Builder to, const item_scan& from) {
  to.setQueue(to_text(from.queue));
  to.setState(static_cast<schema::ItemState>(from.state));
  to.setPayloads(from.payloads);
  to.setLimit(from.limit);
  to.setCursor(bytes_of(from.cursor));
}

void write(schema::ItemPage::Builder to, const item_page& from) {
  write_items(to.initItems(static_cast<kj::uint>(from.items.size())), from.items);
  to.setNext(bytes_of(from.next));
}

std::size_t words(const queue_query& value) {
  return fixed_words + text_words(value.queue);
}

std::size_t words(const queue_result& value) {
  std::size_t total = fixed_words;
  for (const auto& each : value.queues)
    total += info_words + text_words(each.name);
  return total;
}

std::size_t words(const item_scan& value) {
  return fixed_words + text_words(value.queue) + data_words(value.cursor.size());
}

std::size_t words(const item_page& value) {
  return fixed_words + words_of_items(value.items) + data_words(value.next.size());
}

}  // namespace hearth::ipc::wire
