#pragma once
// Whether what a transaction has read is still as it was.
#include <functional>

#include "storage/namespace_store.hpp"
#include "storage/transaction/read_set.hpp"

namespace hearth::storage {

/// Walks changes by name, as read_view::for_each_change does.
using walk_changes = std::function<result<void>(const visit_change&)>;

/// errc::conflict, naming what was changed, if a change concerns `reads`; also if `changes` are not
/// known any more. `since` is for the message.
[[nodiscard]] result<void> check_unchanged(const read_set& reads, lsn_t since,
                                           const walk_changes& changes);

}  // namespace hearth::storage
