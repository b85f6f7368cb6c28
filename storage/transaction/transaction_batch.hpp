#pragma once
// What a transaction does when it commits.
#include <vector>

#include "core/write_batch.hpp"
#include "storage/transaction/read_set.hpp"

namespace hearth::storage {

struct transaction_batch {
  /// Validated, without filters, and with ids. No two name the same record or key.
  std::vector<write_batch> parts;
  lsn_t snapshot = 0;  ///< what was read is of this LSN
  read_set reads;      ///< nothing of it may have changed since
};

}  // namespace hearth::storage
