#pragma once
// Writes that name their records by a filter.
#include <vector>

#include "core/row_set.hpp"
#include "core/write_batch.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

/// limit_exceeded for more records than a write may have.
[[nodiscard]] result<void> check_chosen(const row_set& rows);

/// The batch for these records: its one row of metadata, and its one text, for each.
[[nodiscard]] write_batch with_ids(const write_batch& batch, std::vector<record_id> ids);

/// The batch for the records that its filter matches. Precondition: it has one.
[[nodiscard]] result<write_batch> with_ids(const lmdb::transaction& in, const tables& from,
                                           const write_batch& batch);

}  // namespace hearth::storage
