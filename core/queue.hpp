#pragma once
// The queues of a namespace: lists of work that many processes share. They change in the same
// batches and transactions as its records and keys.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "limits.hpp"

namespace hearth::inline core {

/// Where an item is. docs/queues.md has the diagram.
enum class item_state : std::uint8_t {
  ready = 1,    ///< to be leased
  delayed = 2,  ///< becomes ready at a certain time
  leased = 3,   ///< held by somebody until a certain time
  dead = 4,     ///< given up on; stays until it is requeued or removed
  gone = 5,     ///< done, or removed; only in replies
};

enum class queue_change : std::uint8_t {
  push = 1,     ///< adds an item
  lease = 2,    ///< takes ready items, for a time
  ack = 3,      ///< a leased item is done, and gone
  nack = 4,     ///< a leased item goes back, or is dead
  extend = 5,   ///< a lease lasts longer
  requeue = 6,  ///< a dead item becomes ready, as if it had never been tried
  remove = 7,   ///< an item goes, whatever its state
};

/// One operation on a queue. Those of a batch happen in its order, at one time. A queue is there as
/// long as it has an item: nobody creates or drops it.
struct queue_write {
  std::string queue{};  ///< its name: UTF-8
  queue_change change = queue_change::push;

  std::string payload{};           ///< of push: any bytes
  std::int32_t priority = 0;       ///< of push: higher ones are leased first, equal ones in order
  std::uint32_t max_attempts = 5;  ///< of push: leases that may fail before the item is dead
  std::uint64_t delay_ms = 0;      ///< of push and nack: it becomes ready after that

  std::uint32_t count = 1;  ///< of lease: so many items at most
  std::string consumer{};   ///< of lease: who takes them, for people who look at the queue
  std::uint32_t visibility_ms = 30'000;  ///< of lease and extend: it is held so long from now on

  std::uint64_t item = 0;   ///< of all others: which item
  std::uint64_t token = 0;  ///< of ack, nack and extend: of the lease, or else conflict
  bool dead = false;        ///< of nack: no further attempt

  friend bool operator==(const queue_write&, const queue_write&) = default;
};

/// Times are milliseconds since 1970, by the clock of the process that serves the store.
struct queue_item {
  std::uint64_t id = 0;  ///< rising in the namespace, never used twice
  item_state state = item_state::ready;
  std::int32_t priority = 0;
  std::uint32_t attempts = 0;  ///< leases so far, this one included
  std::uint32_t max_attempts = 0;
  std::int64_t pushed_ms = 0;
  std::int64_t since_ms = 0;  ///< when it came into its state
  std::int64_t due_ms = 0;    ///< delayed: when it becomes ready; leased: when the lease ends
  std::uint64_t token = 0;    ///< of the lease; only in the reply to it
  std::string consumer{};     ///< who holds it, or held it last
  std::uint64_t payload_bytes = 0;
  std::string payload{};

  friend bool operator==(const queue_item&, const queue_item&) = default;
};

struct queue_reply {
  std::uint64_t item = 0;               ///< the item that was pushed or named
  item_state state = item_state::gone;  ///< its state from now on
  bool changed = true;                  ///< false: remove found no such item
  std::int64_t due_ms = 0;              ///< of extend: when the lease ends now
  /// Of lease: fewer than asked for if there are not so many, or if more would not fit into the
  /// reply (limits::queue_reply_bytes).
  std::vector<queue_item> leased{};

  friend bool operator==(const queue_reply&, const queue_reply&) = default;
};

struct queue_query {
  std::string queue{};  ///< empty: all that there are, by name
};

struct queue_info {
  std::string name{};
  /// Items that are due count as delayed or leased until the next lease takes them up.
  std::uint64_t ready = 0;
  std::uint64_t delayed = 0;
  std::uint64_t leased = 0;
  std::uint64_t dead = 0;
  std::uint64_t oldest_ready_ms = 0;  ///< how long ago it became ready; 0 if none is

  friend bool operator==(const queue_info&, const queue_info&) = default;
};

struct queue_result {
  std::vector<queue_info> queues{};  ///< one with zeros for a queue asked for that is not there
};

/// One page of the items in one state, without leasing them: ready ones in the order in which they
/// would be leased, delayed and leased ones by the time that they are due, dead ones by the time of
/// their death. The cursor is opaque; items that stay where they are throughout appear exactly
/// once.
struct item_scan {
  std::string queue{};
  item_state state = item_state::ready;
  bool payloads = true;
  std::uint32_t limit = 1000;  ///< items per page; the reply may hold fewer to stay in bounds
  std::string cursor{};        ///< empty: the first page
};

struct item_page {
  std::vector<queue_item> items{};
  std::string next{};  ///< empty: this was the last page
};

/// Checks sizes, counts and times. Messages name the field and the limit.
[[nodiscard]] result<void> validate(const std::vector<queue_write>& writes);
[[nodiscard]] result<void> validate(const queue_query& query);
[[nodiscard]] result<void> validate(const item_scan& scan);

/// Bytes of payloads and names, which count into limits::batch_bytes.
[[nodiscard]] std::size_t payload_bytes(const std::vector<queue_write>& writes) noexcept;
[[nodiscard]] bool leases_any(const std::vector<queue_write>& writes) noexcept;

/// "ready", "delayed", "leased", "dead", "gone".
[[nodiscard]] std::string_view to_string(item_state state) noexcept;

}  // namespace hearth::inline core
