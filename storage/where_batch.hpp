#pragma once
// Writes that name their records by a filter.
#include "core/write_batch.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

/// The batch with the ids of the records that match batch.where at this point of the transaction,
/// and with a row of each column that it has for each of them. limit_exceeded for more than
/// limits::batch_rows. The state has been written to the transaction.
[[nodiscard]] result<write_batch> with_ids(const lmdb::transaction& in, const tables& from,
                                           const write_batch& batch);

}  // namespace hearth::storage
