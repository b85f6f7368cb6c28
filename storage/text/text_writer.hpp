#pragma once
// Brings the tokens of texts into the tables of full text, many texts at a time.
#include <cstdint>
#include <span>
#include <vector>

#include "core/postings.hpp"
#include "storage/text/posting_editor.hpp"
#include "storage/text/text_tables.hpp"

namespace hearth::storage {

/// Of one write transaction, and one thread. Changes are collected and written term by term in the
/// order of their keys: each touched block is read and written once, however many texts there are.
/// On error the transaction must be aborted.
class text_writer {
 public:
  /// Writes by itself what is collected, when it is about `most_collected` words of texts: some 50
  /// bytes each.
  text_writer(lmdb::write_transaction& in, const text_tables& to,
              std::size_t most_collected = 2'000'000);

  /// A text that the row has from now on. It must have none in this field: take the old one away
  /// first. Without tokens nothing is stored. `tokens` is read at once; positions rise.
  /// invalid_argument for a term that is empty, too long or has a NUL.
  [[nodiscard]] result<void> add(row_id row, std::uint32_t field,
                                 std::span<const text_token> tokens);
  /// Takes away what add() brought: the same tokens, of now or of a transaction before. corruption
  /// (maybe only from finish) if they are not there.
  [[nodiscard]] result<void> remove(row_id row, std::uint32_t field,
                                    std::span<const text_token> tokens);
  /// Writes what is still collected. The writer can go on.
  [[nodiscard]] result<void> finish();

 private:
  struct term {
    std::size_t key_at = 0;  // in names_: field, big-endian, and the term
    std::uint32_t key_size = 0;
    std::uint32_t hash = 0;
  };
  struct document {
    row_id row = 0;
    std::uint32_t length = 0;
    bool added = false;
  };
  struct occurrence {
    std::uint32_t term = 0;
    std::uint32_t document = 0;
    std::uint32_t frequency = 0;
    std::size_t positions_at = 0;
  };
  struct field_change {
    std::uint32_t field = 0;
    std::int64_t documents = 0;
    std::int64_t length = 0;
  };

  [[nodiscard]] result<void> collect(row_id row, std::uint32_t field,
                                     std::span<const text_token> tokens, bool added);
  [[nodiscard]] std::uint32_t number_of(std::uint32_t field, std::string_view name);
  void grow_slots();
  [[nodiscard]] result<void> flush();
  [[nodiscard]] result<void> write_terms();
  [[nodiscard]] result<void> write_statistics();
  /// Sorted by row, one per row.
  void make_changes(std::span<occurrence> of_term);

  lmdb::write_transaction& transaction_;
  const text_tables& tables_;
  posting_editor editor_;
  std::size_t most_collected_;
  std::vector<char> names_;
  std::vector<term> terms_;
  std::vector<std::uint32_t> slots_;  // hash table: number of a term plus one, 0: free
  std::vector<document> documents_;
  std::vector<occurrence> occurrences_;  // in the order of documents_
  std::vector<std::byte> positions_;
  std::vector<field_change> fields_;
  std::vector<posting_change> changes_;
  std::vector<std::uint64_t> of_text_;  // a text's tokens: number of the term, position
  std::vector<std::uint32_t> run_;
};

}  // namespace hearth::storage
