#pragma once
// The tables of full text, in a namespace's environment, and their keys.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/checksum.hpp"
#include "core/disk.hpp"
#include "storage/keys.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

struct text_tables {
  lmdb::table postings = 0;   ///< field, term → what is in one block, or where the blocks begin
  lmdb::table positions = 0;  ///< key of a block → where its rows have the term
  lmdb::table stats = 0;      ///< field → documents, total length

  /// Opens or creates them. Handles count once `in` has committed.
  [[nodiscard]] static result<text_tables> open(lmdb::write_transaction& in, bool create);
};

/// Bytes of the file that full text takes, and its entries.
struct text_usage {
  std::uint64_t posting_bytes = 0;
  std::uint64_t position_bytes = 0;
  std::uint64_t posting_entries = 0;
};

[[nodiscard]] result<text_usage> text_usage_of(const lmdb::transaction& in, const text_tables& of);

/// Field (4 bytes), term, NUL. A term's blocks follow under this key and their first row; `term`
/// has no NUL, so that terms are in byte order and each is before its own blocks.
class term_key {
 public:
  term_key() = default;
  term_key(std::uint32_t field, std::string_view term);

  [[nodiscard]] byte_span bytes() const noexcept { return lmdb::as_key(bytes_); }
  [[nodiscard]] std::uint32_t field() const noexcept;
  [[nodiscard]] std::string_view term() const noexcept;

  /// The key of the block that begins with `row`.
  [[nodiscard]] std::string block(row_id row) const;
  /// Behind every block of the term, and before every other term.
  [[nodiscard]] std::string behind() const;
  /// The first row of the block under `key`; nothing if that is no block of this term.
  [[nodiscard]] std::optional<row_id> row_of(byte_span key) const noexcept;

 private:
  std::string bytes_;
};

/// The start of the keys of `field` whose terms begin with `prefix`.
[[nodiscard]] std::string term_prefix(std::uint32_t field, std::string_view prefix);

/// Ties a value to its key.
[[nodiscard]] inline std::uint64_t text_seed(byte_span key) noexcept {
  return checksum(key);
}

}  // namespace hearth::storage
