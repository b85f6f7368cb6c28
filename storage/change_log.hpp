#pragma once
// Reading the change table, in a snapshot or in the writer's open transaction.
#include <vector>

#include "storage/tables.hpp"

namespace hearth::storage {

/// Calls `visit` with everything that batches changed whose LSN is greater than `after`, in the
/// order of LSNs, until it answers false or there is no more. Of one batch: records put, records
/// erased, keys put, keys erased. Of an open write transaction that is with the batches not yet
/// committed. errc::not_found if the history after `after` was trimmed, or begins with batches of a
/// format before 6, which have no names.
[[nodiscard]] result<void> for_each_change(const lmdb::transaction& in, const tables& from,
                                           lsn_t after, const visit_change& visit);

/// Which batches to read the rows of, oldest first.
struct row_changes_query {
  lsn_t after = 0;
  lsn_t through = 0;      ///< the newest that counts
  std::size_t limit = 0;  ///< of batches
  row_id row_limit = 0;   ///< no row reaches it
};

/// What they did to rows: read_view::changes().
[[nodiscard]] result<std::vector<row_changes>>
read_row_changes(const lmdb::transaction& in, const tables& from, const row_changes_query& query);

}  // namespace hearth::storage
