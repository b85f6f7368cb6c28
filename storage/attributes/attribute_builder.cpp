#include "storage/attributes/attribute_builder.hpp"

#include <algorithm>

#include "storage/attributes/attribute_writer.hpp"
#include "storage/corruption.hpp"
#include "storage/record_codec.hpp"

namespace hearth::storage {

namespace {

// Entries are short and removed one after the other: several cost what indexing a record does.
constexpr std::size_t entries_per_record = 4;

result<bool> erase_entries(lmdb::write_transaction& in, const attribute_tables& from,
                           std::uint32_t number, std::size_t limit) {
  attribute_bytes start;
  begin_attribute(number, attribute_kind::rows, start);
  HEARTH_TRY(auto entries, in.open_cursor(from.entries));
  HEARTH_TRY(bool found, entries.lower_bound(start));
  for (std::size_t erased = 0; found; ++erased) {
    const auto key = parse_attribute_key(entries.key());
    if (key && key->field != number)
      break;
    if (erased == limit)
      return false;
    HEARTH_CHECK(entries.erase());
    HEARTH_TRY(found, entries.next());
  }
  return true;
}

// Where a step goes: rows after `from`, not after `until`.
struct build_range {
  row_id from = 0;
  row_id until = attribute_field::every_row;
};

// The indexes that are furthest behind, up to where the next one is.
std::vector<attribute_field> furthest_behind(const attribute_fields& all, build_range& range) {
  range.from = std::ranges::min(all.indexed, {}, &attribute_field::done).done;
  std::vector<attribute_field> fields;
  for (const auto& field : all.indexed)
    if (field.done == range.from)
      fields.push_back(field);
    else
      range.until = std::min(range.until, field.done);
  return fields;
}

result<void> index_record(attribute_writer& writer, row_id row, byte_span record) {
  const auto metadata = encoded_metadata(row, record);
  return metadata ? writer.add(row, *metadata) : writer.add_unread(row);
}

result<build_progress> build_step(lmdb::write_transaction& in, lmdb::table records,
                                  const attribute_tables& to, const attribute_fields& all,
                                  const build_limits& limits) {
  build_range range;
  const auto fields = furthest_behind(all, range);
  // The index of all rows tells which could not be read, also those that it has seen already.
  auto written = fields;
  for (auto& field : written)
    field.done = attribute_field::every_row;
  if (!written.front().is_all_rows())
    written.push_back(all.indexed.front());
  attribute_writer writer(in, to, std::move(written));

  auto done = attribute_field::every_row;
  {
    HEARTH_TRY(auto table, in.open_cursor(records));
    HEARTH_TRY(bool found, table.lower_bound(encode_row(range.from + 1)));
    std::size_t bytes = 0;
    for (std::size_t count = 0; found; ++count) {
      const auto row = decode_row(table.key());
      if (!row)
        return corrupt("a key of the table of records");
      if (*row > range.until || count == limits.records || bytes > limits.bytes) {
        done = *row - 1;
        break;
      }
      bytes += table.value().size();
      HEARTH_CHECK(index_record(writer, *row, table.value()));
      HEARTH_TRY(found, table.next());
    }
  }
  for (auto field : fields) {
    field.done = std::min(done, range.until);
    HEARTH_CHECK(write_attribute_field(in, to, field));
  }
  HEARTH_CHECK(writer.finish());  // may begin a damaged index anew, and so comes last
  return build_progress{true, true};
}

}  // namespace

result<build_progress> build_attributes(lmdb::write_transaction& in, lmdb::table records,
                                        const attribute_tables& to, const build_limits& limits) {
  HEARTH_TRY(const auto all, read_attribute_fields(in, to));
  if (!all.leaving.empty()) {
    HEARTH_TRY(const bool gone,
               erase_entries(in, to, all.leaving.front(), entries_per_record * limits.records));
    if (gone)
      HEARTH_CHECK(forget_attribute(in, to, all.leaving.front()));
    return build_progress{true, true};
  }
  if (std::ranges::all_of(all.indexed, &attribute_field::ready))
    return build_progress{};
  return build_step(in, records, to, all, limits);
}

}  // namespace hearth::storage
