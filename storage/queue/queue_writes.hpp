#pragma once
// The operations on queues of a write batch.
#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.hpp"
#include "core/queue.hpp"
#include "storage/queue/queue_plan.hpp"

namespace hearth::storage {

/// One batch, one object. Prepare, and if that succeeded, execute.
class queue_applier {
 public:
  queue_applier(lmdb::write_transaction& in, const tables& to, std::span<const queue_write> writes,
                const clock_source& clock)
      : transaction_(in), writes_(writes), clock_(clock), plan_(in, to) {}

  /// Works out what every operation does. Writes nothing.
  [[nodiscard]] result<void> prepare();
  /// After prepare(): whether there is nothing to write, as when leases found nothing.
  [[nodiscard]] bool idle() const noexcept { return plan_.empty(); }
  /// On error the transaction must be aborted.
  [[nodiscard]] result<void> execute() { return plan_.write(transaction_); }
  [[nodiscard]] std::vector<queue_reply> take_replies() noexcept { return std::move(replies_); }

 private:
  /// What an operation names.
  struct named_item {
    planned_queue* queue = nullptr;
    stored_item item;
  };

  [[nodiscard]] result<void> apply(const queue_write& one, queue_reply& reply);
  [[nodiscard]] result<void> push(const queue_write& one, queue_reply& reply);
  [[nodiscard]] result<void> lease(const queue_write& one, queue_reply& reply);
  [[nodiscard]] result<void> finish(const queue_write& one, queue_reply& reply);
  [[nodiscard]] result<void> extend(const queue_write& one, queue_reply& reply);
  [[nodiscard]] result<void> requeue(const queue_write& one, queue_reply& reply);
  [[nodiscard]] result<void> remove(const queue_write& one, queue_reply& reply);

  /// The item that the operation names, if its lease is the one of the token; or else conflict.
  [[nodiscard]] result<named_item> held(const queue_write& one);
  /// Moves what has become due in a queue, once in a batch.
  [[nodiscard]] result<void> sweep(planned_queue& queue);
  [[nodiscard]] result<stored_item> item_in(const planned_queue& queue, std::uint64_t id,
                                            item_state state) const;
  void make_ready(stored_item& item);
  void enter(stored_item& item, item_state state, std::uint64_t position) const noexcept;
  /// Where an item goes whose lease failed.
  void give_back(stored_item& item, std::uint64_t delay_ms, bool dead);

  lmdb::write_transaction& transaction_;
  const std::span<const queue_write> writes_;
  const clock_source& clock_;
  queue_plan plan_;
  std::vector<queue_reply> replies_;
  std::uint64_t now_ms_ = 0;
  std::size_t reply_bytes_ = 0;
};

}  // namespace hearth::storage
