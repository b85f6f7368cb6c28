#include "storage/queue/queue_reads.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "storage/corruption.hpp"
#include "storage/keys.hpp"
#include "storage/queue/queue_codec.hpp"

namespace hearth::storage {

namespace {

/// Of a page, beside payloads and names.
constexpr std::size_t item_overhead = 128;
constexpr char cursor_mark = 'q';
constexpr std::size_t queue_prefix = sizeof(std::uint64_t);  // of a place, which cursors lack

// Items of one priority become ready one after the other, so the oldest is the first of some
// priority.
result<std::uint64_t> oldest_ready(const lmdb::transaction& in, const queue_tables& from,
                                   const queue_head& head, std::int64_t now_ms) {
  HEARTH_TRY(auto at, place_cursor::open(in, from, {head.number, item_state::ready, 0, 0, 0}));
  std::int64_t oldest = 0;
  while (at.place()) {
    const auto place = *at.place();
    HEARTH_TRY(const auto item, read_item(in, from, {place.queue, place.item}));
    if (!item)
      return corrupt(core::format("the order of a queue, at its item {},", place.item));
    oldest = std::max(oldest, now_ms - static_cast<std::int64_t>(item->since_ms));
    if (place.rank == UINT32_MAX)
      break;
    HEARTH_CHECK(at.seek({head.number, item_state::ready, place.rank + 1, 0, 0}));
  }
  return static_cast<std::uint64_t>(oldest);
}

result<queue_info> info_of(const lmdb::transaction& in, const queue_tables& from, std::string name,
                           const queue_head& head, std::int64_t now_ms) {
  queue_info info{.name = std::move(name),
                  .ready = head.count(item_state::ready),
                  .delayed = head.count(item_state::delayed),
                  .leased = head.count(item_state::leased),
                  .dead = head.count(item_state::dead)};
  HEARTH_TRY(info.oldest_ready_ms, oldest_ready(in, from, head, now_ms));
  return info;
}

std::string cursor_at(const item_place& place) {
  const auto key = encode_item_place(place);
  return cursor_mark + std::string(reinterpret_cast<const char*>(key.data()) + queue_prefix,
                                   key.size() - queue_prefix);
}

// Where the page begins: at the first item, or behind the last one of the page before.
result<place_cursor> start(const lmdb::transaction& in, const queue_tables& from,
                           const item_scan& scan, std::uint64_t queue) {
  item_place first{queue, scan.state, 0, 0, 0};
  if (scan.cursor.empty())
    return place_cursor::open(in, from, first);
  auto key = std::vector<std::byte>(queue_prefix);
  std::ranges::copy(big_endian(queue), key.begin());
  const auto rest = std::as_bytes(std::span(scan.cursor).subspan(1));
  key.insert(key.end(), rest.begin(), rest.end());
  const auto last = decode_item_place(key);
  if (scan.cursor.front() != cursor_mark || !last || last->state != scan.state)
    return fail(errc::invalid_argument, "cursor is not one that a list of these items answered",
                "start without a cursor");
  HEARTH_TRY(auto at, place_cursor::open(in, from, *last));
  if (at.place() == last)
    HEARTH_CHECK(at.next());
  return at;
}

}  // namespace

result<queue_result> get_queues(const lmdb::transaction& in, const queue_tables& from,
                                const queue_query& query, std::int64_t now_ms) {
  queue_result answer;
  if (!query.queue.empty()) {
    HEARTH_TRY(const auto head, read_queue_head(in, from, query.queue));
    auto& info = answer.queues.emplace_back(queue_info{.name = query.queue});
    if (head) {
      HEARTH_TRY(info, info_of(in, from, query.queue, *head, now_ms));
    }
    return answer;
  }
  HEARTH_TRY(auto names, in.open_cursor(from.names));
  HEARTH_TRY(bool found, names.first());
  while (found) {
    std::string name(reinterpret_cast<const char*>(names.key().data()), names.key().size());
    HEARTH_TRY(const auto head, decode_queue_head(names.key(), names.value()));
    HEARTH_TRY(auto info, info_of(in, from, std::move(name), head, now_ms));
    answer.queues.push_back(std::move(info));
    HEARTH_TRY(found, names.next());
  }
  return answer;
}

result<item_page> scan_items(const lmdb::transaction& in, const queue_tables& from,
                             const item_scan& scan, std::size_t max_bytes) {
  item_page page;
  HEARTH_TRY(const auto head, read_queue_head(in, from, scan.queue));
  if (!head)
    return page;
  HEARTH_TRY(auto at, start(in, from, scan, head->number));
  item_place last;
  std::size_t bytes = 0;
  while (at.place()) {
    const item_key key{at.place()->queue, at.place()->item};
    HEARTH_TRY(const auto item, read_item(in, from, key));
    if (!item || place_of(key, *item) != *at.place())
      return corrupt(core::format("the order of a queue, at its item {},", key.item));
    bytes += item_overhead + item->consumer.size() + (scan.payloads ? item->payload_bytes : 0);
    if (!page.items.empty() && (page.items.size() >= scan.limit || bytes > max_bytes)) {
      page.next = cursor_at(last);
      break;
    }
    auto& listed = page.items.emplace_back(item_from(key.item, *item));
    if (scan.payloads) {
      HEARTH_TRY(listed.payload, read_payload(in, from, key));
    }
    last = *at.place();
    HEARTH_CHECK(at.next());
  }
  return page;
}

}  // namespace hearth::storage
