#pragma once
// What a batch is going to change in queues, kept beside what is stored until all of it is known to
// be possible. Reading goes through it, so that each operation of a batch sees the ones before.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/queue/queue_codec.hpp"

namespace hearth::storage {

struct tables;

/// A queue that the batch names.
struct planned_queue {
  queue_head head;
  bool stored = false;         ///< it was there before the batch
  bool changed = false;        ///< its counts are to be written
  bool swept = false;          ///< what is due was taken up
  std::set<item_place> ready;  ///< items that the batch made ready
  /// Over what is stored. Only moves forward: what it leaves behind was changed by the batch.
  std::optional<place_cursor> stored_ready;
};

/// One batch, one object.
class queue_plan {
 public:
  queue_plan(const lmdb::transaction& in, const tables& from) : transaction_(in), tables_(from) {}

  /// Reads the counters. Before everything else.
  [[nodiscard]] result<void> open();

  /// Null if there is no such queue. Stays valid.
  [[nodiscard]] result<planned_queue*> find(const std::string& name);
  /// Makes it if need be: limit_exceeded when there are too many.
  [[nodiscard]] result<planned_queue*> find_or_make(const std::string& name);
  [[nodiscard]] std::uint64_t next_item() noexcept { return counters_.next_item++; }
  [[nodiscard]] std::uint64_t next_turn() noexcept { return counters_.next_turn++; }

  /// Nothing if it is not there.
  [[nodiscard]] result<std::optional<stored_item>> item(const planned_queue& of,
                                                        std::uint64_t id) const;
  [[nodiscard]] result<std::string> payload(const planned_queue& of, std::uint64_t id) const;
  /// The ready item whose turn it is; nothing if none is.
  [[nodiscard]] result<std::optional<std::uint64_t>> first_ready(planned_queue& of);
  /// Stored items in a state whose time has come, at most `limit`, the first ones first.
  [[nodiscard]] result<std::vector<std::uint64_t>>
  due(const planned_queue& of, item_state state, std::uint64_t now_ms, std::size_t limit) const;

  /// A new item. `payload` has to stay where it is until everything is written.
  void insert(planned_queue& to, std::uint64_t id, stored_item item, const std::string& payload);
  /// `before` is what item() answered.
  void change(planned_queue& in, std::uint64_t id, const stored_item& before, stored_item after);
  void erase(planned_queue& from, std::uint64_t id, const stored_item& before);
  /// Takes an item away that cannot be read: finds its place by looking at all of them.
  [[nodiscard]] result<void> erase_unread(planned_queue& from, std::uint64_t id);

  /// Nothing is going to change.
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  [[nodiscard]] result<void> write(lmdb::write_transaction& to);

 private:
  struct planned_item {
    std::optional<item_place> stored;  ///< its place before the batch; none: it is new
    std::optional<stored_item> now;    ///< none: it goes
    const std::string* payload = nullptr;
  };

  [[nodiscard]] static item_key key_of(const planned_queue& queue, std::uint64_t id) noexcept {
    return {queue.head.number, id};
  }
  [[nodiscard]] bool is_changed(const item_place& place) const {
    return items_.contains({place.queue, place.item});
  }
  planned_item& enter(planned_queue& queue, std::uint64_t id, const stored_item& before);
  [[nodiscard]] result<void> write_items(lmdb::write_transaction& to) const;

  const lmdb::transaction& transaction_;
  const tables& tables_;
  queue_counters counters_;
  queue_counters stored_counters_;
  std::map<std::string, planned_queue, std::less<>> queues_;
  std::map<item_key, planned_item> items_;  // that change
};

}  // namespace hearth::storage
