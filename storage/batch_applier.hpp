#pragma once
// Applies one write batch to an open transaction, in two steps: everything that can be refused is
// found out before the first byte is written.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/write_batch.hpp"
#include "storage/attributes/attribute_writer.hpp"
#include "storage/keys.hpp"
#include "storage/keyvalue/key_writes.hpp"
#include "storage/queue/queue_writes.hpp"
#include "storage/record_codec.hpp"
#include "storage/tables.hpp"
#include "storage/text/text_index.hpp"
#include "storage/vector_table.hpp"

namespace hearth::storage {

/// One batch, one object. Prepare, and if that succeeded, execute, and name what was changed. Of
/// several batches under one LSN, which name different records and keys, each step is done for all
/// before the next.
class batch_applier {
 public:
  batch_applier(lmdb::write_transaction& in, const tables& to, store_state& state,
                const namespace_config& config, std::span<compaction_candidates> candidates,
                id_hash hash, const tokenize_text& tokenize, const clock_source& clock,
                const write_batch& batch, bool alone = true)
      : transaction_(in), tables_(to), state_(state), config_(config), candidates_(candidates),
        hash_(hash), tokenize_(tokenize), batch_(batch), alone_(alone),
        keys_applier_(in, to, batch.keys), queue_applier_(in, to, batch.queue, clock) {}

  /// Looks up every id and checks the batch against what is stored. Writes nothing.
  [[nodiscard]] result<void> prepare();
  /// After prepare(): leases found nothing, and that was all. Then take_idle() is the answer, and
  /// there is nothing to execute.
  [[nodiscard]] bool idle() const noexcept;
  [[nodiscard]] applied_batch take_idle();
  /// Writes under `lsn`, which is the newest. On error the transaction must be aborted.
  [[nodiscard]] result<applied_batch> execute(lsn_t lsn);
  /// The records that it put, or those that it erased.
  [[nodiscard]] result<void> name_records(bool erased, change_encoder& out) const;
  [[nodiscard]] result<void> name_keys(change_encoder& out) const {
    return keys_applier_.name_changes(out);
  }

 private:
  /// A record of the batch, in key order.
  struct target {
    std::size_t index = 0;  ///< in the batch
    std::size_t key_at = 0;
    std::uint16_t key_size = 0;
    bool appended = false;  ///< its key is above every key in the table
    id_entry existing;      ///< row 0: none
  };

  [[nodiscard]] byte_span key_of(const target& item) const noexcept {
    return std::span(keys_).subspan(item.key_at, item.key_size);
  }
  [[nodiscard]] const record_id& id_of(std::size_t index) const noexcept {
    return batch_.ids.empty() ? assigned_[index] : batch_.ids[index];
  }
  [[nodiscard]] bool inserts() const noexcept {
    return batch_.kind == write_kind::add || batch_.kind == write_kind::upsert;
  }
  /// The vectors that the batch gives for this number; empty: none.
  [[nodiscard]] matrix given(std::size_t vector) const;
  /// Whether the record of this target has a vector without a name when all is done.
  [[nodiscard]] bool will_have_vector(const id_entry& existing) const noexcept {
    return !batch_.vectors.empty() || (batch_.kind == write_kind::update && existing.has_vector);
  }

  [[nodiscard]] result<void> check_shape() const;
  [[nodiscard]] result<void> assign_ids();
  [[nodiscard]] result<void> make_targets();
  [[nodiscard]] result<void> look_up();
  [[nodiscard]] result<void> check_existence(const target& item) const;
  [[nodiscard]] result<void> check_version(const target& item) const;
  [[nodiscard]] result<void> check_new_metadata() const;
  [[nodiscard]] result<void> check_update(const target& item);
  [[nodiscard]] result<void> check_rewritten() const;
  [[nodiscard]] result<void> read_carried();
  [[nodiscard]] result<void> find_removed();
  [[nodiscard]] value_map updated_metadata(const value_map& old, std::size_t index) const;

  [[nodiscard]] result<void> open_indexes();
  /// Takes the record at `row` off the indexes of attributes and texts, before it goes.
  [[nodiscard]] result<void> unindex_record(row_id row);
  /// Enters the record just encoded in buffer_.
  [[nodiscard]] result<void> index_record(row_id row, const value_map& metadata,
                                          const std::optional<std::string>& text);
  [[nodiscard]] result<void> insert_records();
  [[nodiscard]] result<void> update_records();
  [[nodiscard]] result<void> erase_records();
  [[nodiscard]] result<void> write_ids();
  [[nodiscard]] result<void> write_vectors(row_changes& changes);
  void raise_next_id() noexcept;

  lmdb::write_transaction& transaction_;
  const tables& tables_;
  store_state& state_;
  const namespace_config& config_;
  const std::span<compaction_candidates> candidates_;  // by number of the vector
  id_hash hash_;
  const tokenize_text& tokenize_;
  const write_batch& batch_;
  const bool alone_;  // no other batch of the transaction writes between the steps
  key_applier keys_applier_;
  queue_applier queue_applier_;

  std::vector<record_id> assigned_;
  std::vector<std::byte> keys_;
  std::vector<target> targets_;
  std::size_t rewritten_bytes_ = 0;  // of stored records, by an update
  row_id first_row_ = 0;             // of the new rows, one per record in batch order; 0: none
  /// By number of the vector: of an update that gives others, what moves to the new rows. The row
  /// is the record's place in the batch until there are new rows.
  std::vector<added_vectors> carried_;
  std::vector<std::vector<row_id>> removed_;  // by number: old rows that have the vector, rising
  std::vector<row_id> replaced_;              // old rows of records that move or go, rising
  std::vector<std::byte> buffer_;
  std::optional<attribute_writer> attributes_;  // none: no field has an index
  std::optional<text_updater> texts_;           // none: nothing is searched by text
};

}  // namespace hearth::storage
