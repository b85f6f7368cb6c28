#pragma once
// What a transaction has written and nobody else sees yet: the state in which it leaves each record
// and key. It becomes write batches when the transaction commits.
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/write_batch.hpp"
#include "storage/namespace_store.hpp"
#include "storage/transaction/read_set.hpp"

namespace hearth::storage {

/// A record as the transaction leaves it.
struct written_record {
  row_id stored_row = 0;   ///< its row in the snapshot; 0: it is not there
  bool erased = false;     ///< and then nothing else
  bool rewritten = false;  ///< false: only metadata and text differ from the stored record
  value_map metadata{};
  std::optional<std::string> text{};
  std::vector<std::vector<float>> vectors{};  ///< by number; empty: it has none
};

/// Copies share what they have in common, so that savepoints cost little. One thread at a time.
class write_set {
 public:
  using records_map = std::map<record_id, std::shared_ptr<const written_record>>;
  /// Nothing: the key is erased.
  using keys_map = std::map<std::string, std::shared_ptr<const std::optional<std::string>>>;

  [[nodiscard]] const records_map& records() const noexcept { return records_; }
  [[nodiscard]] const keys_map& keys() const noexcept { return keys_; }
  [[nodiscard]] bool empty() const noexcept {
    return records_.empty() && keys_.empty() && queue_.empty();
  }
  /// Of everything that was written, which limits::batch_bytes bounds.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Carries out a batch that was validated, on what `stored` and earlier batches hold. What it had
  /// to look at is entered in `reads`. All of it or, with an error, nothing: already_exists,
  /// not_found, conflict (`expected`), limit_exceeded, invalid_argument. batch.where was replaced
  /// by ids. `lsn` and `durable_lsn` of the answer are 0.
  [[nodiscard]] result<write_result> apply(const write_batch& batch, const namespace_config& config,
                                           read_view& stored, read_set& reads);

  /// After the transaction has moved to another snapshot, where rows may be others.
  [[nodiscard]] result<void> look_up_rows(read_view& stored);

  /// What does it all. No two name the same record or key.
  [[nodiscard]] std::vector<write_batch> batches(const namespace_config& config) const;

 private:
  class staging;

  records_map records_;
  keys_map keys_;
  std::vector<queue_write> queue_;  // in their order; carried out when the transaction commits
  std::size_t bytes_ = 0;
};

}  // namespace hearth::storage
