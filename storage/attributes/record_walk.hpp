#pragma once
// Reading the records of a set of rows, one after the other.
#include <cstdint>

#include "core/row_set.hpp"
#include "storage/corruption.hpp"
#include "storage/keys.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

/// Calls `visit(row, record)`, which answers a result<void>, for each record among `among` (null:
/// for all) in the order of rows. Rows without a record are passed over. `records` is a cursor of
/// the table of records, `record_count` the number of its entries.
template <class Visit>
[[nodiscard]] result<void> for_each_record(lmdb::cursor& records, std::uint64_t record_count,
                                           const row_set* among, Visit&& visit) {
  // Looking one record up costs about as much as passing through this many.
  constexpr std::uint64_t records_per_lookup = 8;
  if (among != nullptr && among->size() < record_count / records_per_lookup) {
    for (const auto row : among->rows()) {
      HEARTH_TRY(const bool there, records.find(encode_row(row)));
      if (there)
        HEARTH_CHECK(visit(row, records.value()));
    }
    return {};
  }
  HEARTH_TRY(bool found, records.first());
  while (found) {
    const auto row = decode_row(records.key());
    if (!row)
      return corrupt("a key of the table of records");
    if (among == nullptr || among->contains(*row))
      HEARTH_CHECK(visit(*row, records.value()));
    HEARTH_TRY(found, records.next());
  }
  return {};
}

}  // namespace hearth::storage
