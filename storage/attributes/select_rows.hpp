#pragma once
// Which records match a filter: from indexes as far as they go, then from the records themselves.
#include "storage/attributes/attribute_reader.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

/// read_view::select in one transaction.
[[nodiscard]] result<selection> select_rows(const lmdb::transaction& in, const tables& from,
                                            const filter& wanted);

/// Whether the record of `row` matches; nothing if it is gone.
[[nodiscard]] result<std::optional<bool>> test_row(const lmdb::transaction& in, const tables& from,
                                                   row_id row, const compiled_filter& wanted);

}  // namespace hearth::storage
