#pragma once
// Changes the postings of one term after the other.
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "storage/text/posting_codec.hpp"
#include "storage/text/text_tables.hpp"

namespace hearth::storage {

/// A block is cut where its rows have the term this often together: rewriting one stays cheap. A
/// single row may have more.
inline constexpr std::uint64_t block_occurrences = 4096;

/// What becomes of a row of a term.
struct posting_change {
  posting to;             ///< its row always counts; the rest, if it is to have the term
  bool present = false;   ///< has the term afterwards
  bool expected = false;  ///< has it before
};

/// Terms come in the order of their keys, each once.
class posting_editor {
 public:
  posting_editor(lmdb::write_transaction& in, const text_tables& to)
      : transaction_(in), tables_(to) {}

  /// `changes`: rows rise. corruption if a row has the term and is not expected to, or the reverse.
  /// On error the transaction must be aborted.
  [[nodiscard]] result<void> edit(const term_key& term, std::span<const posting_change> changes);

 private:
  using posting_list = std::vector<posting>;

  [[nodiscard]] std::unexpected<error> damaged() const;
  [[nodiscard]] result<byte_span> checked_value(lmdb::table in, byte_span key);
  /// Adds the postings of a block, with copies of their positions.
  [[nodiscard]] result<void> load(byte_reader body, byte_span key, posting_list& out);
  [[nodiscard]] result<void> merge(std::span<const posting_change> changes);
  [[nodiscard]] result<void> write_block(std::string_view key, std::span<const posting> postings,
                                         const term_head* head);
  [[nodiscard]] result<void> write_blocks(std::span<const posting> postings, bool evenly);
  [[nodiscard]] result<void> write_term(std::span<const posting> postings);
  [[nodiscard]] result<void> erase_block(std::string_view key);
  [[nodiscard]] result<void> edit_single(byte_reader body, std::span<const posting_change> changes);
  [[nodiscard]] result<void> edit_blocks(term_head head, std::span<const posting_change> changes);
  /// Changes the block that the first of them falls into; answers how many fall into it.
  [[nodiscard]] result<std::size_t> edit_block(std::span<const posting_change> changes,
                                               frontier_builder& impacts);
  /// Writes a term that has become small anew, as one block if it can be.
  [[nodiscard]] result<void> rewrite(std::uint64_t documents,
                                     std::span<const posting_change> changes);
  [[nodiscard]] result<void> join_neighbours(row_id row);
  /// Makes one of two blocks if both are small; answers whether it did.
  [[nodiscard]] result<bool> join(row_id first, row_id second);

  lmdb::write_transaction& transaction_;
  const text_tables& tables_;
  const term_key* term_ = nullptr;
  posting_list before_;
  posting_list after_;
  std::deque<std::vector<std::byte>> copies_;  // positions that postings point to
  std::vector<row_id> small_;                  // first rows of blocks that lost rows
  std::vector<byte_span> cuts_;
  std::vector<std::byte> buffer_;
  posting_block block_;
};

}  // namespace hearth::storage
