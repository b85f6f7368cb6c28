#pragma once
// Transactions: reads and writes of one namespace that happen all together, at one moment, or not
// at all.
#include <cstdint>
#include <variant>

#include "reader.hpp"
#include "write_batch.hpp"

namespace hearth::inline core {

struct transaction_options {
  /// Takes no writes; its commit always succeeds.
  bool read_only = false;
  /// From its beginning to its commit; later calls answer timeout. At most limits::transaction_ms.
  std::uint32_t timeout_ms = 30'000;
};

/// One transaction. Reads see the snapshot and what the transaction itself has written, in searches
/// too; nobody else sees that before it commits. It is serializable: at commit, what it read must
/// not have been changed by a transaction that committed first, or else it answers conflict and has
/// changed nothing. Then it is to be run again.
///
/// No lock is held and nobody waits for it. A snapshot is kept for limits::snapshot_ms at most; a
/// transaction that goes on longer moves to a newer one, if nothing that it has read was changed
/// meanwhile, and else answers conflict.
///
/// Calls are carried out one after the other, in the order in which they were made. After commit(),
/// abort(), a conflict or a time-out all of them answer invalid_argument, timeout or conflict.
/// Dropping the last reference aborts. Thread-safe.
class transaction_handle : public reader {
 public:
  /// LSN of the snapshot when it began.
  [[nodiscard]] virtual lsn_t snapshot() const noexcept = 0;

  /// Writes into the transaction; the errors are those of a write to the namespace, as far as the
  /// snapshot tells. Records need ids; `ack` means nothing here. limit_exceeded when it has written
  /// more than limits::batch_bytes. `lsn` and `durable_lsn` of the answer are 0.
  virtual void write(write_batch batch, completion<write_result> done) = 0;
  /// Remembers what has been written so far, and answers its number.
  virtual void savepoint(completion<std::uint32_t> done) = 0;
  /// Forgets what has been written since a savepoint, which stays. What was read since still counts
  /// as read.
  virtual void rollback_to(std::uint32_t savepoint, completion<std::monostate> done) = 0;
  /// Commits everything under one LSN: on disk and visible to all when it answers (with
  /// durability::interval: queued). A transaction that has written nothing always succeeds and
  /// answers the LSN of its snapshot.
  virtual void commit(durability ack, completion<write_result> done) = 0;
  virtual void abort(completion<std::monostate> done) = 0;

  [[nodiscard]] result<write_result> write(write_batch batch) {
    return wait_for<write_result>([&](auto done) { write(std::move(batch), std::move(done)); });
  }
  [[nodiscard]] result<std::uint32_t> savepoint() {
    return wait_for<std::uint32_t>([&](auto done) { savepoint(std::move(done)); });
  }
  [[nodiscard]] result<void> rollback_to(std::uint32_t savepoint) {
    return done_or_error([&](auto done) { rollback_to(savepoint, std::move(done)); });
  }
  [[nodiscard]] result<write_result> commit(durability ack = durability::sync) {
    return wait_for<write_result>([&](auto done) { commit(ack, std::move(done)); });
  }
  [[nodiscard]] result<void> abort() {
    return done_or_error([&](auto done) { abort(std::move(done)); });
  }

 private:
  template <class Start>
  static result<void> done_or_error(Start&& start) {
    auto done = wait_for<std::monostate>(std::forward<Start>(start));
    if (!done)
      return std::unexpected(std::move(done).error());
    return {};
  }
};

/// limit_exceeded for a time-out beyond limits::transaction_ms, invalid_argument for none.
[[nodiscard]] result<void> validate(const transaction_options& options);

}  // namespace hearth::inline core
