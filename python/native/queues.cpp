#include "python/native/queues.hpp"

#include <string>
#include <string_view>

#include "python/native/errors.hpp"
#include "python/native/queries.hpp"

namespace hearth::python {

namespace {

queue_change change_from(std::string_view name) {
  if (name == "push")
    return queue_change::push;
  if (name == "lease")
    return queue_change::lease;
  if (name == "ack")
    return queue_change::ack;
  if (name == "nack")
    return queue_change::nack;
  if (name == "extend")
    return queue_change::extend;
  return name == "requeue" ? queue_change::requeue : queue_change::remove;
}

// What is not given stays as it is.
template <class Number>
void take(const py::dict& operation, const char* name, Number& to) {
  if (const auto given = setting(operation, name); !given.is_none())
    to = py::cast<Number>(given);
}

queue_write queue_write_from(const py::dict& operation) {
  queue_write one;
  one.queue = text_setting(operation, "queue").value_or("");
  one.change = change_from(py::cast<std::string_view>(operation["change"]));
  if (const auto payload = setting(operation, "payload"); !payload.is_none())
    one.payload = std::string(py::cast<py::bytes>(payload));
  take(operation, "priority", one.priority);
  take(operation, "max_attempts", one.max_attempts);
  take(operation, "delay_ms", one.delay_ms);
  take(operation, "count", one.count);
  one.consumer = text_setting(operation, "consumer").value_or("");
  take(operation, "visibility_ms", one.visibility_ms);
  take(operation, "item", one.item);
  take(operation, "token", one.token);
  take(operation, "dead", one.dead);
  return one;
}

// (id, payload, state, priority, attempts, max attempts, pushed, since, due, token, consumer, size)
py::tuple item_tuple(const queue_item& item) {
  return py::make_tuple(item.id, py::bytes(item.payload), std::string(to_string(item.state)),
                        item.priority, item.attempts, item.max_attempts, item.pushed_ms,
                        item.since_ms, item.due_ms, item.token, text_of(item.consumer),
                        item.payload_bytes);
}

py::list items_list(const std::vector<queue_item>& items) {
  py::list listed;
  for (const auto& each : items)
    listed.append(item_tuple(each));
  return listed;
}

}  // namespace

std::vector<queue_write> queue_writes_from(const py::list& operations) {
  std::vector<queue_write> writes;
  writes.reserve(operations.size());
  for (const auto& each : operations)
    writes.push_back(queue_write_from(py::cast<py::dict>(each)));
  return writes;
}

item_scan item_scan_from(const py::dict& options) {
  item_scan scan;
  scan.queue = text_setting(options, "queue").value_or("");
  const auto state = text_setting(options, "state").value_or("ready");
  scan.state = item_state::gone;  // which core refuses
  for (const auto each :
       {item_state::ready, item_state::delayed, item_state::leased, item_state::dead})
    if (state == to_string(each))
      scan.state = each;
  take(options, "limit", scan.limit);
  scan.payloads = py::cast<bool>(options["payloads"]);
  scan.cursor = std::string(py::cast<py::bytes>(options["cursor"]));
  return scan;
}

py::list replies_list(const std::vector<queue_reply>& replies) {
  py::list listed;
  for (const auto& each : replies)
    listed.append(py::make_tuple(each.item, std::string(to_string(each.state)), each.changed,
                                 each.due_ms, items_list(each.leased)));
  return listed;
}

py::list queues_list(const queue_result& found) {
  py::list listed;
  for (const auto& each : found.queues)
    listed.append(py::make_tuple(text_of(each.name), each.ready, each.delayed, each.leased,
                                 each.dead, each.oldest_ready_ms));
  return listed;
}

py::tuple items_tuple(const item_page& page) {
  return py::make_tuple(items_list(page.items), py::bytes(page.next));
}

}  // namespace hearth::python
