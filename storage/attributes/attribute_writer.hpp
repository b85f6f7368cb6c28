#pragma once
// Keeps attribute indexes up to date, in the transaction that changes the records.
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "storage/attributes/attribute_tables.hpp"
#include "storage/attributes/attribute_values.hpp"
#include "storage/attributes/row_block.hpp"

namespace hearth::storage {

/// Collects what changes and writes it in key order, each block once. One batch, one object.
///
/// An index that turns out damaged while it is written starts over: writes must not stop because
/// of what can be made again from the records.
class attribute_writer {
 public:
  /// For every indexed field. Rows beyond those that an unfinished index has are left out: whoever
  /// builds it comes by them.
  [[nodiscard]] static result<attribute_writer> open(lmdb::write_transaction& in,
                                                     const attribute_tables& to);
  /// For these fields. Whose `done` is below a row leaves it out.
  attribute_writer(lmdb::write_transaction& in, const attribute_tables& to,
                   std::vector<attribute_field> fields);

  /// False if there is nothing to keep: then no record has to be read for it.
  [[nodiscard]] bool active() const noexcept { return !fields_.empty(); }

  /// `metadata` is encoded, and copied as far as it is needed. Of an update in place, the old
  /// metadata is removed before the new one is added.
  [[nodiscard]] result<void> add(row_id row, byte_span metadata);
  [[nodiscard]] result<void> remove(row_id row, byte_span metadata);
  /// The record is there, and too damaged to be read.
  [[nodiscard]] result<void> add_unread(row_id row);
  /// The record went, and nobody knows what it said.
  [[nodiscard]] result<void> remove_unread(row_id row);

  /// Writes. Nothing may be added afterwards.
  [[nodiscard]] result<void> finish();

 private:
  struct row_change {
    row_id row = 0;
    bool added = false;
  };
  // A value that a row has or had. Its bytes are in arena_.
  struct value_change {
    std::uint64_t head = 0;  // its first bytes, which decide nearly every comparison
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    row_change change;
  };
  struct pending {
    std::array<std::vector<row_change>, 5> markers;  // by attribute_kind
    std::vector<value_change> values;
  };

  [[nodiscard]] result<void> change(row_id row, byte_span metadata, bool added);
  void mark(std::size_t field, attribute_kind kind, row_id row, bool added);
  void note_value(std::size_t field, const scalar& item, row_id row, bool added);
  [[nodiscard]] bool change_field(std::size_t field, row_id row, byte_span metadata, bool added);
  [[nodiscard]] result<void> flush_if_large();
  [[nodiscard]] result<void> flush();
  [[nodiscard]] result<void> flush_field(std::size_t field);
  [[nodiscard]] result<void> flush_values(std::size_t field);
  [[nodiscard]] result<void> write_rows(std::size_t field, std::span<row_change> changes);
  [[nodiscard]] result<void> write_block(std::size_t field, std::span<const row_change> changes);
  [[nodiscard]] result<void> start_over();

  lmdb::write_transaction& transaction_;
  const attribute_tables& tables_;
  std::vector<attribute_field> fields_;
  std::vector<pending> pending_;  // by field
  std::vector<char> damaged_;     // by field: found damaged, to be started over
  std::vector<std::byte> arena_;
  std::size_t pending_bytes_ = 0;
  attribute_values values_;
  attribute_bytes scratch_;
  attribute_bytes key_;
  std::vector<std::byte> block_;
  std::vector<std::uint16_t> added_;  // to the block being written
  std::vector<std::uint16_t> removed_;
};

}  // namespace hearth::storage
