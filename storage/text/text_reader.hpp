#pragma once
// Reads the tables of full text.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/postings.hpp"
#include "storage/text/posting_codec.hpp"
#include "storage/text/text_tables.hpp"

namespace hearth::storage {

/// Zeros for a field that has no texts.
[[nodiscard]] result<text_statistics>
read_text_statistics(const lmdb::transaction& in, const text_tables& from, std::uint32_t field);
/// Zeros remove the entry.
[[nodiscard]] result<void> write_text_statistics(lmdb::write_transaction& in, const text_tables& to,
                                                 std::uint32_t field,
                                                 const text_statistics& numbers);

/// The postings of one term, block by block, forwards. Valid as long as its transaction, and in a
/// writing one until the next write.
class posting_cursor {
 public:
  /// How many rows have the term.
  [[nodiscard]] std::uint64_t documents() const noexcept { return documents_; }
  /// Covers every block.
  [[nodiscard]] const impact_frontier& frontier() const noexcept { return frontier_; }

  /// Moves to the first block, from the current one on, whose last row is not before `row`; false
  /// if there is none. Must be called once before the others.
  [[nodiscard]] result<bool> seek(row_id row);
  [[nodiscard]] const posting_block_head& head() const noexcept { return block_.head; }
  [[nodiscard]] result<void> decode(posting_block& out) const;
  /// The positions of the current block, as decoded: one span per row, for decode_positions.
  [[nodiscard]] result<void> positions(const posting_block& decoded,
                                       std::vector<byte_span>& out) const;

 private:
  friend class text_reader;
  posting_cursor(const lmdb::transaction& in, const text_tables& from, term_key term)
      : transaction_(&in), tables_(&from), term_(std::move(term)) {}
  [[nodiscard]] std::unexpected<error> damaged() const;
  [[nodiscard]] result<bool> load();

  const lmdb::transaction* transaction_;
  const text_tables* tables_;
  term_key term_;
  std::uint64_t documents_ = 0;
  impact_frontier frontier_;
  encoded_block block_;
  std::optional<lmdb::cursor> cursor_;  // none: the term is one block, in its own entry
  bool started_ = false;
  bool ended_ = false;
};

/// Of one transaction, which must outlive it. One thread at a time.
class text_reader {
 public:
  text_reader(const lmdb::transaction& in, const text_tables& from)
      : transaction_(in), tables_(from) {}

  [[nodiscard]] result<text_statistics> statistics(std::uint32_t field) const {
    return read_text_statistics(transaction_, tables_, field);
  }
  /// Nothing if no row has the term.
  [[nodiscard]] result<std::optional<posting_cursor>> open(std::uint32_t field,
                                                           std::string_view term) const;
  /// The terms that begin with `prefix`, in byte order; `limit` at most.
  [[nodiscard]] result<std::vector<std::string>> terms(std::uint32_t field, std::string_view prefix,
                                                       std::size_t limit) const;

 private:
  const lmdb::transaction& transaction_;
  const text_tables& tables_;
};

}  // namespace hearth::storage
