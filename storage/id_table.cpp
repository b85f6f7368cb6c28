#include "storage/id_table.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

result<stored_record> load_record(const lmdb::transaction& in, const tables& from, row_id row,
                                  record_parts parts) {
  HEARTH_TRY(const auto data, in.get(from.records, encode_row(row)));
  if (!data)
    return corrupt(core::format("the record of row {}", row));
  return decode_record(row, *data, parts);
}

result<std::optional<id_entry>> find_id(const lmdb::transaction& in, const tables& from,
                                        const record_id& id, byte_span key) {
  HEARTH_TRY(const auto data, in.get(from.ids, key));
  if (!data)
    return std::optional<id_entry>{};
  if (!is_hashed(key)) {
    HEARTH_TRY(const auto entry, decode_id_entry(key, *data));
    return std::optional(entry);
  }
  HEARTH_TRY(const auto entries, decode_id_entries(key, *data));
  for (const auto& entry : entries) {
    HEARTH_TRY(const auto record, load_record(in, from, entry.row, {false, false}));
    if (record.id == id)
      return std::optional(entry);
  }
  return std::optional<id_entry>{};
}

result<void> put_id(lmdb::write_transaction& in, const tables& to, byte_span key, id_entry entry,
                    row_id replaced, unsigned flags) {
  std::vector<id_entry> entries;
  if (is_hashed(key)) {
    HEARTH_TRY(const auto data, in.get(to.ids, key));
    if (data) {
      HEARTH_TRY(entries, decode_id_entries(key, *data));
    }
    if (replaced != 0)
      std::erase_if(entries, [&](const auto& old) { return old.row == replaced; });
  }
  entries.push_back(entry);
  std::vector<std::byte> buffer;
  encode_id_entries(key, entries, buffer);
  return in.put(to.ids, key, buffer, flags);
}

result<void> erase_id(lmdb::write_transaction& in, const tables& from, byte_span key, row_id row) {
  std::vector<id_entry> entries;
  if (is_hashed(key)) {
    HEARTH_TRY(const auto data, in.get(from.ids, key));
    if (!data)
      return corrupt("an entry of the id table");
    HEARTH_TRY(entries, decode_id_entries(key, *data));
    std::erase_if(entries, [&](const auto& old) { return old.row == row; });
  }
  if (entries.empty()) {
    HEARTH_CHECK(in.erase(from.ids, key));
    return {};
  }
  std::vector<std::byte> buffer;
  encode_id_entries(key, entries, buffer);
  return in.put(from.ids, key, buffer);
}

}  // namespace hearth::storage
