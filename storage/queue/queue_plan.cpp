#include "storage/queue/queue_plan.hpp"

#include "core/format.hpp"
#include "storage/corruption.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

result<void> queue_plan::open() {
  HEARTH_TRY(counters_, read_queue_counters(transaction_, tables_.meta));
  stored_counters_ = counters_;
  return {};
}

result<planned_queue*> queue_plan::find(const std::string& name) {
  if (const auto known = queues_.find(name); known != queues_.end())
    return &known->second;
  HEARTH_TRY(const auto head, read_queue_head(transaction_, tables_.queues, name));
  if (!head)
    return nullptr;
  auto& queue = queues_[name];
  queue.head = *head;
  queue.stored = true;
  return &queue;
}

result<planned_queue*> queue_plan::find_or_make(const std::string& name) {
  HEARTH_TRY(auto* const known, find(name));
  if (known != nullptr)
    return known;
  if (counters_.queues >= limits::queues)
    return fail(errc::limit_exceeded,
                core::format("the namespace has {} queues with items; the limit is {}",
                             counters_.queues, limits::queues),
                "push to queues that are there, or empty some");
  ++counters_.queues;
  auto& queue = queues_[name];
  queue.head.number = counters_.next_queue++;
  return &queue;
}

result<std::optional<stored_item>> queue_plan::item(const planned_queue& of,
                                                    std::uint64_t id) const {
  if (const auto planned = items_.find(key_of(of, id)); planned != items_.end())
    return planned->second.now;
  return read_item(transaction_, tables_.queues, key_of(of, id));
}

result<std::string> queue_plan::payload(const planned_queue& of, std::uint64_t id) const {
  const auto planned = items_.find(key_of(of, id));
  if (planned != items_.end() && planned->second.payload != nullptr)
    return *planned->second.payload;
  return read_payload(transaction_, tables_.queues, key_of(of, id));
}

result<std::optional<std::uint64_t>> queue_plan::first_ready(planned_queue& of) {
  if (!of.stored_ready) {
    HEARTH_TRY(of.stored_ready, place_cursor::open(transaction_, tables_.queues,
                                                   {of.head.number, item_state::ready, 0, 0, 0}));
  }
  auto& stored = *of.stored_ready;
  while (stored.place() && is_changed(*stored.place()))
    HEARTH_CHECK(stored.next());
  const auto& first = stored.place();
  if (!of.ready.empty() && (!first || *of.ready.begin() < *first))
    return of.ready.begin()->item;
  return first ? std::optional(first->item) : std::nullopt;
}

result<std::vector<std::uint64_t>> queue_plan::due(const planned_queue& of, item_state state,
                                                   std::uint64_t now_ms, std::size_t limit) const {
  std::vector<std::uint64_t> found;
  HEARTH_TRY(auto at,
             place_cursor::open(transaction_, tables_.queues, {of.head.number, state, 0, 0, 0}));
  while (found.size() < limit && at.place() && at.place()->position <= now_ms) {
    if (!is_changed(*at.place()))
      found.push_back(at.place()->item);
    HEARTH_CHECK(at.next());
  }
  return found;
}

queue_plan::planned_item& queue_plan::enter(planned_queue& queue, std::uint64_t id,
                                            const stored_item& before) {
  const auto place = place_of(key_of(queue, id), before);
  const auto [entry, is_first] = items_.try_emplace(key_of(queue, id));
  if (is_first)
    entry->second.stored = place;
  queue.ready.erase(place);
  --queue.head.count(before.state);
  queue.changed = true;
  return entry->second;
}

void queue_plan::insert(planned_queue& to, std::uint64_t id, stored_item item,
                        const std::string& payload) {
  ++to.head.count(item.state);
  to.changed = true;
  if (item.state == item_state::ready)
    to.ready.insert(place_of(key_of(to, id), item));
  items_[key_of(to, id)] = {std::nullopt, std::move(item), &payload};
}

void queue_plan::change(planned_queue& in, std::uint64_t id, const stored_item& before,
                        stored_item after) {
  auto& planned = enter(in, id, before);
  ++in.head.count(after.state);
  if (after.state == item_state::ready)
    in.ready.insert(place_of(key_of(in, id), after));
  planned.now = std::move(after);
}

void queue_plan::erase(planned_queue& from, std::uint64_t id, const stored_item& before) {
  enter(from, id, before).now.reset();
}

result<void> queue_plan::erase_unread(planned_queue& from, std::uint64_t id) {
  HEARTH_TRY(auto entries, transaction_.open_cursor(tables_.queues.order));
  HEARTH_TRY(bool found, entries.lower_bound(
                             encode_item_place({from.head.number, item_state::ready, 0, 0, 0})));
  auto& planned = items_[key_of(from, id)];
  from.changed = true;
  while (found) {
    const auto place = decode_item_place(entries.key());
    if (place && place->queue != from.head.number)
      break;
    if (place && place->item == id) {
      planned.stored = place;
      --from.head.count(place->state);
      break;
    }
    HEARTH_TRY(found, entries.next());
  }
  return {};
}

result<void> queue_plan::write(lmdb::write_transaction& to) {
  if (empty())
    return {};
  for (auto& [name, queue] : queues_)
    queue.stored_ready.reset();
  HEARTH_CHECK(write_items(to));
  for (const auto& [name, queue] : queues_) {
    if (!queue.changed)
      continue;
    if (!queue.head.empty()) {
      HEARTH_CHECK(write_queue_head(to, tables_.queues, name, queue.head));
      continue;
    }
    --counters_.queues;
    if (queue.stored)
      HEARTH_CHECK(to.erase(tables_.queues.names, lmdb::as_key(name)));
  }
  if (counters_ == stored_counters_)
    return {};
  if (stored_counters_ == queue_counters())  // the first item that the namespace ever had
    HEARTH_CHECK(raise_format(to, tables_.meta, queue_format));
  return write_queue_counters(to, tables_.meta, counters_);
}

result<void> queue_plan::write_items(lmdb::write_transaction& to) const {
  for (const auto& [key, planned] : items_) {
    if (planned.stored)
      HEARTH_CHECK(to.erase(tables_.queues.order, encode_item_place(*planned.stored)));
    if (!planned.now) {
      HEARTH_CHECK(erase_item(to, tables_.queues, key));
      continue;
    }
    HEARTH_CHECK(write_place(to, tables_.queues, place_of(key, *planned.now)));
    HEARTH_CHECK(write_item(to, tables_.queues, key, *planned.now));
    if (planned.payload != nullptr)
      HEARTH_CHECK(write_payload(to, tables_.queues, key, *planned.payload));
  }
  return {};
}

}  // namespace hearth::storage
