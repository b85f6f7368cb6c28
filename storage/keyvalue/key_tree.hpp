#pragma once
// Keys of any length up to limits::key_bytes, in the order of their bytes, over one LMDB table
// whose own keys end at 511 bytes.
//
// A key is cut into fragments. All keys that share their first 480 bytes and go on hang below one
// entry, a link, which names a node of its own; there the rest is cut again. An entry's key is
// (node, fragment), and for fragments of the full 480 bytes a byte that says whether the key ends
// here (0) or goes on (1). So the order of entries is the order of keys, a key costs one entry and
// one look-up per 480 bytes, and no entry ever holds more than one key.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/record.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

/// A node of the tree; 0 is the root.
using key_node = std::uint64_t;

/// What is stored under a key. Valid as long as nothing is written.
struct stored_value {
  lsn_t version = 0;  ///< LSN of the batch that wrote it
  byte_span bytes{};
};

/// The value of `key`; nothing if it is not there. errc::corruption if it fails its checksum.
[[nodiscard]] result<std::optional<stored_value>> find_key(const lmdb::transaction& in,
                                                           lmdb::table keys, byte_span key);

/// Writes keys in one transaction. Precondition of all: keys of at most limits::key_bytes.
class key_writer {
 public:
  /// `next_node` numbers new nodes, from 1, and is kept by the caller from one transaction to the
  /// next.
  key_writer(lmdb::write_transaction& in, lmdb::table keys, key_node& next_node)
      : transaction_(in), keys_(keys), next_node_(next_node) {}

  /// Inserts or replaces.
  [[nodiscard]] result<void> put(byte_span key, byte_span value, lsn_t version);
  /// Answers whether the key was there.
  [[nodiscard]] result<bool> erase(byte_span key);

 private:
  [[nodiscard]] result<bool> is_empty(key_node node) const;

  lmdb::write_transaction& transaction_;
  const lmdb::table keys_;
  key_node& next_node_;
};

/// Walks keys in order. Must not outlive its transaction; writing ends it.
class key_cursor {
 public:
  [[nodiscard]] static result<key_cursor> open(const lmdb::transaction& in, lmdb::table keys);

  // Each answers whether there is such a key; key() and value() are its.

  /// The first key that is not before `bound`.
  [[nodiscard]] result<bool> seek(byte_span bound);
  /// The last key that is before `bound`.
  [[nodiscard]] result<bool> seek_before(byte_span bound);
  [[nodiscard]] result<bool> last();
  [[nodiscard]] result<bool> next();
  [[nodiscard]] result<bool> previous();

  /// Valid until the cursor moves, and if key_stays() as long as the transaction writes nothing.
  [[nodiscard]] byte_span key() const noexcept;
  [[nodiscard]] bool key_stays() const noexcept { return path_.empty(); }
  [[nodiscard]] result<stored_value> value() const { return decode(entry()); }

  /// What is stored for a key, not looked at yet. Valid as long as the transaction writes nothing.
  struct stored_entry {
    byte_span key{};
    byte_span value{};
  };
  [[nodiscard]] stored_entry entry() const noexcept { return {entries_.key(), entries_.value()}; }
  /// errc::corruption if it fails its checksum.
  [[nodiscard]] static result<stored_value> decode(const stored_entry& entry);

 private:
  explicit key_cursor(lmdb::cursor entries) : entries_(std::move(entries)) {}

  [[nodiscard]] key_node node() const noexcept { return path_.empty() ? 0 : path_.back(); }
  [[nodiscard]] std::size_t node_at() const noexcept;
  [[nodiscard]] result<void> descend(byte_span bound, std::size_t& done);
  [[nodiscard]] result<void> enter();
  [[nodiscard]] result<bool> leave();
  [[nodiscard]] result<bool> settle_forward(bool found);
  [[nodiscard]] result<bool> settle_backward(bool found);
  [[nodiscard]] result<bool> last_of_node();
  void take_key();

  lmdb::cursor entries_;
  std::vector<key_node> path_;  // below the root: where the cursor is
  std::vector<std::byte> key_;  // below the root: 480 bytes per node of the path, then the fragment
};

}  // namespace hearth::storage
