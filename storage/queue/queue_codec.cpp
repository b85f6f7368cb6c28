#include "storage/queue/queue_codec.hpp"

#include <cstring>

#include "core/bytes.hpp"
#include "core/format.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"
#include "storage/keys.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view counters_key = "queues";

using item_bytes = std::array<std::byte, 16>;

item_bytes encode(item_key key) noexcept {
  item_bytes bytes;
  std::ranges::copy(big_endian(key.queue), bytes.begin());
  std::ranges::copy(big_endian(key.item), bytes.begin() + 8);
  return bytes;
}

std::unexpected<error> damaged_item(std::string_view part, item_key key) {
  auto reason = corrupt(core::format("{} {} of a queue", part, key.item));
  reason.error().hint = "remove the item, or restore the store from a backup";
  return reason;
}

std::uint32_t read_small(byte_reader& data) noexcept {
  const auto number = data.varint();
  if (number > UINT32_MAX)
    data.fail();
  return static_cast<std::uint32_t>(number);
}

bool is_stored_state(std::uint8_t number) noexcept {
  return number >= static_cast<std::uint8_t>(item_state::ready) &&
         number <= static_cast<std::uint8_t>(item_state::dead);
}

}  // namespace

result<queue_tables> queue_tables::open(lmdb::write_transaction& in) {
  queue_tables all;
  HEARTH_TRY(all.names, in.open_table("queues", true));
  HEARTH_TRY(all.items, in.open_table("queue_items", true));
  HEARTH_TRY(all.payloads, in.open_table("queue_payloads", true));
  HEARTH_TRY(all.order, in.open_table("queue_order", true));
  return all;
}

result<queue_counters> read_queue_counters(const lmdb::transaction& in, lmdb::table meta) {
  HEARTH_TRY(auto data, read_meta(in, meta, counters_key));
  queue_counters counters;
  if (!data)
    return counters;
  counters.next_queue = data->varint();
  counters.next_item = data->varint();
  counters.next_turn = data->varint();
  counters.queues = data->varint();
  if (!data->done())
    return corrupt("\"queues\" in the meta table");
  return counters;
}

result<void> write_queue_counters(lmdb::write_transaction& in, lmdb::table meta,
                                  const queue_counters& counters) {
  return write_meta(in, meta, counters_key, [&](byte_writer& out) {
    out.varint(counters.next_queue);
    out.varint(counters.next_item);
    out.varint(counters.next_turn);
    out.varint(counters.queues);
  });
}

result<queue_head> decode_queue_head(byte_span name, byte_span value) {
  auto data = open_checked(value, checksum(name));
  queue_head head;
  head.number = data.varint();
  for (auto& count : head.items)
    count = data.varint();
  if (!data.done())
    return corrupt(core::format(
        "the queue \"{}\"", printable({reinterpret_cast<const char*>(name.data()), name.size()})));
  return head;
}

result<std::optional<queue_head>> read_queue_head(const lmdb::transaction& in,
                                                  const queue_tables& from, std::string_view name) {
  const auto key = lmdb::as_key(name);
  HEARTH_TRY(const auto value, in.get(from.names, key));
  if (!value)
    return std::nullopt;
  return decode_queue_head(key, *value);
}

result<void> write_queue_head(lmdb::write_transaction& in, const queue_tables& to,
                              std::string_view name, const queue_head& head) {
  std::vector<std::byte> value;
  begin_checked(value);
  byte_writer out(value);
  out.varint(head.number);
  for (const auto count : head.items)
    out.varint(count);
  finish_checked(value, checksum(lmdb::as_key(name)));
  return in.put(to.names, lmdb::as_key(name), value);
}

item_place place_of(item_key key, const stored_item& item) noexcept {
  // Without its sign, and the other way round: the highest priority comes first.
  const auto rank = ~(static_cast<std::uint32_t>(item.priority) ^ (1U << 31U));
  return {key.queue, item.state, item.state == item_state::ready ? rank : 0, item.position,
          key.item};
}

place_key encode_item_place(const item_place& place) noexcept {
  place_key key;
  auto* at = key.data();
  const auto append = [&at](auto bytes) {
    std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  append(big_endian(place.queue));
  append(big_endian(static_cast<std::uint8_t>(place.state)));
  append(big_endian(place.rank));
  append(big_endian(place.position));
  append(big_endian(place.item));
  return key;
}

std::optional<item_place> decode_item_place(byte_span key) noexcept {
  if (key.size() != place_bytes || !is_stored_state(static_cast<std::uint8_t>(key[8])))
    return std::nullopt;
  return item_place{read_big_endian<std::uint64_t>(key), static_cast<item_state>(key[8]),
                    read_big_endian<std::uint32_t>(key.subspan(9)),
                    read_big_endian<std::uint64_t>(key.subspan(13)),
                    read_big_endian<std::uint64_t>(key.subspan(21))};
}

result<std::optional<stored_item>> read_item(const lmdb::transaction& in, const queue_tables& from,
                                             item_key key) {
  const auto where = encode(key);
  HEARTH_TRY(const auto value, in.get(from.items, where));
  if (!value)
    return std::nullopt;
  auto data = open_checked(*value, checksum(where));
  stored_item item;
  const auto state = data.u8();
  item.state = static_cast<item_state>(state);
  item.priority = static_cast<std::int32_t>(data.u32());
  item.attempts = read_small(data);
  item.max_attempts = read_small(data);
  item.pushed_ms = data.varint();
  item.since_ms = data.varint();
  item.position = data.varint();
  item.token = data.u64();
  item.consumer = data.text();
  item.payload_bytes = data.varint();
  if (!data.done() || !is_stored_state(state))
    return damaged_item("item", key);
  return item;
}

result<void> write_item(lmdb::write_transaction& in, const queue_tables& to, item_key key,
                        const stored_item& item) {
  const auto where = encode(key);
  std::vector<std::byte> value;
  begin_checked(value);
  byte_writer out(value);
  out.u8(static_cast<std::uint8_t>(item.state));
  out.u32(static_cast<std::uint32_t>(item.priority));
  out.varint(item.attempts);
  out.varint(item.max_attempts);
  out.varint(item.pushed_ms);
  out.varint(item.since_ms);
  out.varint(item.position);
  out.u64(item.token);
  out.text(item.consumer);
  out.varint(item.payload_bytes);
  finish_checked(value, checksum(where));
  return in.put(to.items, where, value);
}

result<void> erase_item(lmdb::write_transaction& in, const queue_tables& from, item_key key) {
  HEARTH_CHECK(in.erase(from.items, encode(key)));
  HEARTH_CHECK(in.erase(from.payloads, encode(key)));
  return {};
}

result<std::string> read_payload(const lmdb::transaction& in, const queue_tables& from,
                                 item_key key) {
  const auto where = encode(key);
  HEARTH_TRY(const auto value, in.get(from.payloads, where));
  auto data = open_checked(value.value_or(byte_span()), checksum(where));
  const auto bytes = data.bytes(data.remaining());
  if (!data.done())
    return damaged_item("the payload of item", key);
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

result<void> write_payload(lmdb::write_transaction& in, const queue_tables& to, item_key key,
                           std::string_view payload) {
  const auto where = encode(key);
  const auto bytes = std::as_bytes(std::span(payload));
  HEARTH_TRY(const auto space, in.reserve(to.payloads, where, checksum_bytes + bytes.size()));
  const auto sum = checksum(bytes, checksum(where));
  std::memcpy(space.data(), &sum, sizeof sum);
  std::ranges::copy(bytes, space.begin() + checksum_bytes);
  return {};
}

result<void> write_place(lmdb::write_transaction& in, const queue_tables& to,
                         const item_place& place) {
  const auto key = encode_item_place(place);
  std::vector<std::byte> value;
  begin_checked(value);
  finish_checked(value, checksum(key));
  return in.put(to.order, key, value);
}

result<place_cursor> place_cursor::open(const lmdb::transaction& in, const queue_tables& tables,
                                        const item_place& from) {
  HEARTH_TRY(auto entries, in.open_cursor(tables.order));
  place_cursor opened(std::move(entries));
  opened.queue_ = from.queue;
  opened.state_ = from.state;
  HEARTH_CHECK(opened.seek(from));
  return opened;
}

result<void> place_cursor::next() {
  HEARTH_TRY(const bool found, entries_.next());
  return take(found);
}

result<void> place_cursor::seek(const item_place& bound) {
  HEARTH_TRY(const bool found, entries_.lower_bound(encode_item_place(bound)));
  return take(found);
}

result<void> place_cursor::take(bool found) {
  place_.reset();
  if (!found)
    return {};
  const auto here = decode_item_place(entries_.key());
  if (here && (here->queue != queue_ || here->state != state_))
    return {};
  if (!here || !open_checked(entries_.value(), checksum(entries_.key())).done())
    return corrupt("the order of a queue");
  place_ = here;
  return {};
}

queue_item item_from(std::uint64_t id, const stored_item& item) {
  const bool due = item.state == item_state::delayed || item.state == item_state::leased;
  queue_item seen;
  seen.id = id;
  seen.state = item.state;
  seen.priority = item.priority;
  seen.attempts = item.attempts;
  seen.max_attempts = item.max_attempts;
  seen.pushed_ms = static_cast<std::int64_t>(item.pushed_ms);
  seen.since_ms = static_cast<std::int64_t>(item.since_ms);
  seen.due_ms = due ? static_cast<std::int64_t>(item.position) : 0;
  seen.consumer = item.consumer;
  seen.payload_bytes = item.payload_bytes;
  return seen;
}

}  // namespace hearth::storage
