#pragma once
// The two tables of attribute indexes, and which fields are indexed.
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/filter/field_path.hpp"
#include "storage/lmdb.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

struct attribute_tables {
  lmdb::table fields = 0;   ///< path → an indexed field
  lmdb::table entries = 0;  ///< field, kind, value, block → rows

  /// Creates what is missing: namespaces of older formats have neither.
  [[nodiscard]] static result<attribute_tables> open(lmdb::write_transaction& in);
};

/// One field with an index. Its number is never given to another one.
struct attribute_field {
  static constexpr row_id every_row = std::numeric_limits<row_id>::max();

  std::uint32_t number = 0;
  field_path path{};  ///< empty for the index of all rows
  row_id done = 0;    ///< rows up to here are in the index; every_row once it is ready

  [[nodiscard]] bool ready() const noexcept { return done == every_row; }
  [[nodiscard]] bool is_all_rows() const noexcept { return path.empty(); }
};

/// What table `fields` says. The index of all rows is there if any other is: it says what a
/// negation matches.
struct attribute_fields {
  std::vector<attribute_field> indexed;  ///< that of all rows first, the others by path
  std::vector<std::uint32_t> leaving;    ///< numbers of indexes that are being removed
  std::uint32_t next_number = 1;

  [[nodiscard]] const attribute_field* find(const field_path& path) const noexcept;
};

[[nodiscard]] result<attribute_fields> read_attribute_fields(const lmdb::transaction& in,
                                                             const attribute_tables& from);
[[nodiscard]] result<void> write_attribute_field(lmdb::write_transaction& in,
                                                 const attribute_tables& to,
                                                 const attribute_field& field);

/// Declares fields that are not yet: their indexes are empty and to be built. Answers whether
/// anything changed. invalid_argument, limit_exceeded.
[[nodiscard]] result<bool> declare_attributes(lmdb::write_transaction& in,
                                              const attribute_tables& to,
                                              std::span<const field_path> fields);
/// Takes a field off; what its index holds is to be removed. not_found.
[[nodiscard]] result<void> withdraw_attribute(lmdb::write_transaction& in,
                                              const attribute_tables& to, const field_path& field);
/// Starts indexes over under new numbers, because they turned out damaged.
[[nodiscard]] result<void> restart_attributes(lmdb::write_transaction& in,
                                              const attribute_tables& to,
                                              std::span<const attribute_field> fields);
/// Forgets the number of an index of which nothing is left.
[[nodiscard]] result<void> forget_attribute(lmdb::write_transaction& in, const attribute_tables& to,
                                            std::uint32_t number);

}  // namespace hearth::storage
