#pragma once
// The tables of queues and what is in them. docs/storage_format.md describes them.
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/queue.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

struct queue_tables {
  lmdb::table names = 0;     ///< name → queue_head
  lmdb::table items = 0;     ///< item_key → stored_item
  lmdb::table payloads = 0;  ///< item_key → payload: apart, so that a lease does not rewrite it
  lmdb::table order = 0;     ///< item_place → nothing

  /// Opens them, or creates them in a namespace that has none.
  [[nodiscard]] static result<queue_tables> open(lmdb::write_transaction& in);
};

/// What `meta` holds of queues: the next number of everything that is numbered, and never again.
struct queue_counters {
  std::uint64_t next_queue = 1;
  std::uint64_t next_item = 1;
  std::uint64_t next_turn = 1;  ///< of items that become ready
  std::uint64_t queues = 0;     ///< that are there

  friend bool operator==(const queue_counters&, const queue_counters&) = default;
};

[[nodiscard]] result<queue_counters> read_queue_counters(const lmdb::transaction& in,
                                                         lmdb::table meta);
[[nodiscard]] result<void> write_queue_counters(lmdb::write_transaction& in, lmdb::table meta,
                                                const queue_counters& counters);

/// A queue that has items.
struct queue_head {
  std::uint64_t number = 0;              ///< what the other tables call it
  std::array<std::uint64_t, 4> items{};  ///< how many, by state from ready to dead

  [[nodiscard]] std::uint64_t& count(item_state state) noexcept {
    return items[static_cast<std::size_t>(state) - 1];
  }
  [[nodiscard]] std::uint64_t count(item_state state) const noexcept {
    return items[static_cast<std::size_t>(state) - 1];
  }
  [[nodiscard]] bool empty() const noexcept { return items == decltype(items){}; }
};

[[nodiscard]] result<queue_head> decode_queue_head(byte_span name, byte_span value);
/// Nothing if there is no such queue.
[[nodiscard]] result<std::optional<queue_head>>
read_queue_head(const lmdb::transaction& in, const queue_tables& from, std::string_view name);
[[nodiscard]] result<void> write_queue_head(lmdb::write_transaction& in, const queue_tables& to,
                                            std::string_view name, const queue_head& head);

struct item_key {
  std::uint64_t queue = 0;
  std::uint64_t item = 0;

  friend auto operator<=>(const item_key&, const item_key&) = default;
};

/// An item without its payload. Times in milliseconds since 1970.
struct stored_item {
  item_state state = item_state::ready;
  std::int32_t priority = 0;
  std::uint32_t attempts = 0;
  std::uint32_t max_attempts = 0;
  std::uint64_t pushed_ms = 0;
  std::uint64_t since_ms = 0;
  /// What orders it among those of its state: ready: its turn; delayed, leased: when it is due;
  /// dead: when it died.
  std::uint64_t position = 0;
  std::uint64_t token = 0;  ///< of the lease
  std::string consumer{};
  std::uint64_t payload_bytes = 0;
};

/// The order of the items of a queue in one state; as a key of 29 bytes that sort the same.
struct item_place {
  std::uint64_t queue = 0;
  item_state state = item_state::ready;
  std::uint32_t rank = 0;  ///< of ready items: less for a higher priority
  std::uint64_t position = 0;
  std::uint64_t item = 0;

  friend auto operator<=>(const item_place&, const item_place&) = default;
};

inline constexpr std::size_t place_bytes = 29;
using place_key = std::array<std::byte, place_bytes>;

[[nodiscard]] item_place place_of(item_key key, const stored_item& item) noexcept;
[[nodiscard]] place_key encode_item_place(const item_place& place) noexcept;
/// Nothing if it is not such a key.
[[nodiscard]] std::optional<item_place> decode_item_place(byte_span key) noexcept;

/// Nothing if there is no such item; corruption if it fails its checksum.
[[nodiscard]] result<std::optional<stored_item>> read_item(const lmdb::transaction& in,
                                                           const queue_tables& from, item_key key);
[[nodiscard]] result<void> write_item(lmdb::write_transaction& in, const queue_tables& to,
                                      item_key key, const stored_item& item);
[[nodiscard]] result<void> erase_item(lmdb::write_transaction& in, const queue_tables& from,
                                      item_key key);

[[nodiscard]] result<std::string> read_payload(const lmdb::transaction& in,
                                               const queue_tables& from, item_key key);
[[nodiscard]] result<void> write_payload(lmdb::write_transaction& in, const queue_tables& to,
                                         item_key key, std::string_view payload);

[[nodiscard]] result<void> write_place(lmdb::write_transaction& in, const queue_tables& to,
                                       const item_place& place);

/// Walks items in one state of one queue in order. Must not outlive its transaction.
class place_cursor {
 public:
  /// At the first place that is not before `from`, of its queue and state.
  [[nodiscard]] static result<place_cursor>
  open(const lmdb::transaction& in, const queue_tables& tables, const item_place& from);

  /// Where it is; nothing behind the last one.
  [[nodiscard]] const std::optional<item_place>& place() const noexcept { return place_; }
  [[nodiscard]] result<void> next();
  /// To the first place that is not before `bound`, of the same queue and state.
  [[nodiscard]] result<void> seek(const item_place& bound);

 private:
  explicit place_cursor(lmdb::cursor entries) : entries_(std::move(entries)) {}
  [[nodiscard]] result<void> take(bool found);

  lmdb::cursor entries_;
  std::uint64_t queue_ = 0;
  item_state state_ = item_state::ready;
  std::optional<item_place> place_;
};

/// The item as callers see it: without token and payload.
[[nodiscard]] queue_item item_from(std::uint64_t id, const stored_item& item);

}  // namespace hearth::storage
