#pragma once
// The values of a field: how often each occurs, and records in their order.
#include "core/row_set.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

/// read_view::facets in one transaction.
[[nodiscard]] result<std::vector<facet>> count_values(const lmdb::transaction& in,
                                                      const tables& from, const field_path& path,
                                                      const row_set* among, std::size_t limit);

/// read_view::rows_in_order in one transaction.
[[nodiscard]] result<std::vector<row_id>> order_rows(const lmdb::transaction& in,
                                                     const tables& from, const field_path& path,
                                                     const row_order& order, const row_set* among);

}  // namespace hearth::storage
