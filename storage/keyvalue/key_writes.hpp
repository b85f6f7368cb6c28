#pragma once
// The key-value part of a write batch.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/key_value.hpp"
#include "storage/keyvalue/key_tree.hpp"

namespace hearth::storage {

class change_encoder;
struct tables;

/// What the table `meta` holds of the keys.
struct key_state {
  key_node next_node = 1;
  std::uint64_t count = 0;  ///< keys that are there
};

[[nodiscard]] result<key_state> read_key_state(const lmdb::transaction& in, const tables& from);

/// What the prefixes of one batch erase at most.
struct erase_limits {
  std::size_t keys = limits::erased_keys;
  std::size_t bytes = limits::erased_key_bytes;
};

/// One batch, one object. Prepare, and if that succeeded, execute.
class key_applier {
 public:
  key_applier(lmdb::write_transaction& in, const tables& to, std::span<const key_write> writes,
              erase_limits most = {})
      : transaction_(in), tables_(to), writes_(writes), most_(most) {}

  /// Checks versions, numbers and how many keys prefixes erase against what is stored. Writes
  /// nothing.
  [[nodiscard]] result<void> prepare();
  /// Writes under `version`. On error the transaction must be aborted.
  [[nodiscard]] result<void> execute(lsn_t version);

  /// Names what changed for the change table. After execute().
  [[nodiscard]] result<void> name_changes(change_encoder& out) const;

  /// Keys that were put, or were there to be erased.
  [[nodiscard]] std::uint64_t affected() const noexcept { return affected_; }
  /// What each `add` came to, in the order of the batch.
  [[nodiscard]] std::vector<std::int64_t> take_sums() noexcept { return std::move(sums_); }

 private:
  struct erased_count {
    std::size_t keys = 0;
    std::size_t bytes = 0;
  };

  [[nodiscard]] result<void> check(const key_write& each, std::size_t row);
  [[nodiscard]] result<void> count_below(const std::string& prefix, erased_count& erased);
  [[nodiscard]] result<void> erase_below(key_writer& writer, const std::string& prefix,
                                         key_state& state);

  lmdb::write_transaction& transaction_;
  const tables& tables_;
  const std::span<const key_write> writes_;
  const erase_limits most_;
  std::vector<bool> there_;   // one per write: the key exists
  byte_column erased_below_;  // keys that were erased with a prefix
  std::vector<std::int64_t> sums_;
  std::uint64_t affected_ = 0;
};

/// What is stored under keys, as far as `max_bytes` goes (limit_exceeded).
[[nodiscard]] result<key_result> get_keys(const lmdb::transaction& in, const tables& from,
                                          const key_query& query, std::size_t max_bytes);
/// One page. `max_bytes` ends it early, never before its first key.
[[nodiscard]] result<key_page> scan_keys(const lmdb::transaction& in, const tables& from,
                                         const key_scan& scan, std::size_t max_bytes);

}  // namespace hearth::storage
