#pragma once
// What a client asks the writer to do. One batch commits whole or not at all, under one LSN.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "filter/filter.hpp"
#include "key_value.hpp"
#include "limits.hpp"
#include "namespace_config.hpp"
#include "queue.hpp"
#include "record.hpp"

namespace hearth::inline core {

enum class write_kind : std::uint8_t {
  add = 1,     ///< insert; already_exists if any id is there (no ids: they are assigned)
  upsert = 2,  ///< insert or replace the whole record
  update = 3,  ///< change the given columns of existing records; not_found if any id is missing
  erase = 4,   ///< remove; ids that are not there are counted, not an error
};

/// When a write is acknowledged.
enum class durability : std::uint8_t {
  sync = 1,      ///< after the commit is on disk
  interval = 2,  ///< once validated and queued; on disk, and visible to reads, within 50 ms
};

/// How `update` treats metadata.
enum class metadata_mode : std::uint8_t {
  merge = 1,    ///< given keys replace, a null value removes the key, the others stay
  replace = 2,  ///< the given map is the new metadata
};

/// A column of named vectors.
struct named_vectors {
  std::string name;
  matrix vectors;
};

/// Columns of one write. Each of `vectors`, `named`, `metadata` and `texts` is empty (column not
/// given) or has one entry per id. With `update`, an absent text keeps the old one, and vectors
/// that are not given stay.
struct write_batch {
  write_kind kind = write_kind::upsert;
  durability ack = durability::sync;
  metadata_mode merge = metadata_mode::merge;
  std::vector<record_id> ids;  ///< empty with add/upsert: the namespace assigns uint64 ids
  matrix vectors;
  std::vector<named_vectors> named;  ///< each name once
  std::vector<value_map> metadata;
  std::vector<std::optional<std::string>> texts;
  /// Compare and set: one version per id, or none at all. The record has to have that version (0:
  /// there must be no such record), or the batch is refused with conflict.
  std::vector<lsn_t> expected;
  /// Of update and erase, instead of ids: every record that matches. An update then has at most one
  /// row of metadata and one text, for all of them.
  std::optional<filter> where;
  /// Of the key-value side, with any kind of write, or alone: then `kind` means nothing. Each key
  /// once.
  std::vector<key_write> keys{};
  /// Operations on queues, with any kind of write and with keys, or alone.
  std::vector<queue_write> queue{};

  /// Number of records: ids, or the longest given column when ids are to be assigned.
  [[nodiscard]] std::size_t rows() const noexcept;
  /// Nothing but keys and queues.
  [[nodiscard]] bool without_records() const noexcept {
    return (!keys.empty() || !queue.empty()) && rows() == 0 && !where;
  }
  [[nodiscard]] bool gives_vectors() const noexcept { return !vectors.empty() || !named.empty(); }
};

struct write_result {
  lsn_t lsn = 0;  ///< of this batch; of the one before if leases found nothing and that was all
  lsn_t durable_lsn = 0;             ///< everything up to here is on disk
  std::uint64_t affected = 0;        ///< records written or erased
  std::vector<record_id> assigned;   ///< the ids given, if the batch had none
  std::uint64_t keys = 0;            ///< keys that were put, or were there to be erased
  std::vector<std::int64_t> sums{};  ///< what each key_change::add came to, in the batch's order
  std::vector<queue_reply> queue{};  ///< one per operation on queues
};

/// Everything that can be checked without the store: column lengths, dimension, finiteness, id and
/// metadata limits, batch size, an id named twice. Messages name the field and the row.
[[nodiscard]] result<void> validate(const write_batch& batch, const namespace_config& config);

/// Bytes that limits::batch_bytes bounds: vectors, ids, metadata, texts, values and payloads.
[[nodiscard]] std::size_t batch_size(const write_batch& batch) noexcept;

}  // namespace hearth::inline core
