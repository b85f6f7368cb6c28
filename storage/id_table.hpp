#pragma once
// Table `ids`: from a record id to the row of its record. Long ids are found by hash; where hashes
// collide, the ids in the records decide.
#include <optional>

#include "storage/keys.hpp"
#include "storage/record_codec.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

/// The entry of `id` under its `key`.
[[nodiscard]] result<std::optional<id_entry>>
find_id(const lmdb::transaction& in, const tables& from, const record_id& id, byte_span key);

/// Enters `entry` under `key`, in place of the entry of row `replaced` if there is one (0: a new
/// id). `flags`: MDB_APPEND if `key` is above all others.
[[nodiscard]] result<void> put_id(lmdb::write_transaction& in, const tables& to, byte_span key,
                                  id_entry entry, row_id replaced, unsigned flags = 0);

/// Takes out the entry of `row` under `key`.
[[nodiscard]] result<void> erase_id(lmdb::write_transaction& in, const tables& from, byte_span key,
                                    row_id row);

/// The record at `row`, which table `ids` said is there; corruption if it is not.
[[nodiscard]] result<stored_record> load_record(const lmdb::transaction& in, const tables& from,
                                                row_id row, record_parts parts);

}  // namespace hearth::storage
