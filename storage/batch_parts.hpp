#pragma once
// Batches that commit as one: under one LSN, with one entry in the change table, all or nothing.
#include <deque>
#include <span>

#include "storage/batch_applier.hpp"

namespace hearth::storage {

/// What all batches of a namespace are applied with. Outlives its users.
struct applier_context {
  lmdb::write_transaction& in;
  const tables& to;
  store_state& state;
  const namespace_config& config;
  std::span<compaction_candidates> candidates;
  id_hash hash;
  const tokenize_text& tokenize;
  const clock_source& clock;
};

/// Prepare, and if that succeeded, execute.
class batch_parts {
 public:
  /// Parts name different records and keys; one at least.
  batch_parts(const applier_context& with, std::span<const write_batch> parts);

  /// Writes nothing. What is refused leaves no trace.
  [[nodiscard]] result<void> prepare();
  /// See batch_applier.
  [[nodiscard]] bool idle() const noexcept {
    return appliers_.size() == 1 && appliers_.front().idle();
  }
  [[nodiscard]] applied_batch take_idle() { return appliers_.front().take_idle(); }
  /// On error the transaction must be aborted.
  [[nodiscard]] result<applied_batch> execute();

 private:
  [[nodiscard]] result<void> write_changes(const row_changes& changes) const;

  const applier_context with_;
  std::deque<batch_applier> appliers_;
};

}  // namespace hearth::storage
