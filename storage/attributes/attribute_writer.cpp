#include "storage/attributes/attribute_writer.hpp"

#include <algorithm>
#include <array>

namespace hearth::storage {

namespace {

// A batch has as many values as its bytes allow, so they are written in pieces of this size.
constexpr std::size_t most_pending_bytes = std::size_t{64} << 20;

std::uint64_t head_of(byte_span bytes) noexcept {
  std::array<std::byte, sizeof(std::uint64_t)> head{};
  std::ranges::copy(bytes.first(std::min(bytes.size(), head.size())), head.begin());
  return read_big_endian<std::uint64_t>(head);
}

}  // namespace

result<attribute_writer> attribute_writer::open(lmdb::write_transaction& in,
                                                const attribute_tables& to) {
  HEARTH_TRY(auto fields, read_attribute_fields(in, to));
  return attribute_writer(in, to, std::move(fields.indexed));
}

attribute_writer::attribute_writer(lmdb::write_transaction& in, const attribute_tables& to,
                                   std::vector<attribute_field> fields)
    : transaction_(in), tables_(to), fields_(std::move(fields)), pending_(fields_.size()),
      damaged_(fields_.size(), 0) {}

result<void> attribute_writer::add(row_id row, byte_span metadata) {
  return change(row, metadata, true);
}

result<void> attribute_writer::remove(row_id row, byte_span metadata) {
  return change(row, metadata, false);
}

// A value that finds its end too early was damaged before it got its checksum; such a record is
// treated like one whose checksum is wrong.
result<void> attribute_writer::change(row_id row, byte_span metadata, bool added) {
  bool sound = true;
  for (std::size_t field = 0; field < fields_.size(); ++field)
    if (row <= fields_[field].done)
      sound = change_field(field, row, metadata, added) && sound;
  if (!sound)
    return added ? add_unread(row) : remove_unread(row);
  return flush_if_large();
}

bool attribute_writer::change_field(std::size_t field, row_id row, byte_span metadata, bool added) {
  if (fields_[field].is_all_rows()) {
    mark(field, attribute_kind::rows, row, added);
    return true;
  }
  const bool sound = find_values(metadata, fields_[field].path, values_);
  if (values_.exists)
    mark(field, attribute_kind::rows, row, added);
  if (values_.lists)
    mark(field, attribute_kind::lists, row, added);
  if (values_.lists && values_.others)
    mark(field, attribute_kind::mixed, row, added);
  for (const auto& item : values_.items)
    note_value(field, item, row, added);
  return sound;
}

result<void> attribute_writer::add_unread(row_id row) {
  for (std::size_t field = 0; field < fields_.size(); ++field)
    if (fields_[field].is_all_rows() && row <= fields_[field].done) {
      mark(field, attribute_kind::rows, row, true);
      mark(field, attribute_kind::unread, row, true);
    }
  return flush_if_large();
}

result<void> attribute_writer::remove_unread(row_id row) {
  for (std::size_t field = 0; field < fields_.size(); ++field)
    if (fields_[field].is_all_rows()) {
      if (row <= fields_[field].done)
        mark(field, attribute_kind::rows, row, false);
      mark(field, attribute_kind::unread, row, false);
      mark(field, attribute_kind::left_behind, row, true);
    }
  return flush_if_large();
}

void attribute_writer::mark(std::size_t field, attribute_kind kind, row_id row, bool added) {
  pending_[field].markers[static_cast<std::size_t>(kind)].push_back({row, added});
  pending_bytes_ += sizeof(row_change);
}

void attribute_writer::note_value(std::size_t field, const scalar& item, row_id row, bool added) {
  scratch_.clear();
  append_attribute(item, scratch_);
  pending_[field].values.push_back({head_of(scratch_),
                                    static_cast<std::uint32_t>(arena_.size()),
                                    static_cast<std::uint32_t>(scratch_.size()),
                                    {row, added}});
  arena_.insert(arena_.end(), scratch_.begin(), scratch_.end());
  pending_bytes_ += sizeof(value_change) + scratch_.size();
}

result<void> attribute_writer::flush_if_large() {
  return pending_bytes_ < most_pending_bytes ? result<void>() : flush();
}

result<void> attribute_writer::finish() {
  HEARTH_CHECK(flush());
  return start_over();
}

result<void> attribute_writer::flush() {
  for (std::size_t field = 0; field < fields_.size(); ++field) {
    HEARTH_CHECK(flush_field(field));
    pending_[field].values.clear();
    for (auto& rows : pending_[field].markers)
      rows.clear();
  }
  arena_.clear();
  pending_bytes_ = 0;
  return {};
}

result<void> attribute_writer::flush_field(std::size_t field) {
  auto& markers = pending_[field].markers;
  for (std::size_t kind = 0; kind < markers.size(); ++kind) {
    begin_attribute(fields_[field].number, static_cast<attribute_kind>(kind), key_);
    HEARTH_CHECK(write_rows(field, markers[kind]));
  }
  return flush_values(field);
}

result<void> attribute_writer::flush_values(std::size_t field) {
  auto& values = pending_[field].values;
  const auto bytes_of = [this](const value_change& one) {
    return byte_span(arena_).subspan(one.at, one.size);
  };
  const auto order = [&](const value_change& a, const value_change& b) {
    return a.head != b.head ? a.head <=> b.head : compare_keys(bytes_of(a), bytes_of(b));
  };
  std::ranges::sort(values, [&](const value_change& a, const value_change& b) {
    const auto by_value = order(a, b);
    return by_value != 0 ? by_value < 0 : a.change.row < b.change.row;
  });
  std::vector<row_change> rows;
  for (auto first = values.begin(); first != values.end();) {
    rows.clear();
    auto last = first;
    for (; last != values.end() && order(*first, *last) == 0; ++last)
      rows.push_back(last->change);
    begin_attribute(fields_[field].number, attribute_kind::rows, key_);
    key_.pop_back();  // the value brings its kind
    const auto bytes = bytes_of(*first);
    key_.insert(key_.end(), bytes.begin(), bytes.end());
    HEARTH_CHECK(write_rows(field, rows));
    first = last;
  }
  return {};
}

// key_ is a key without its block, and is that again afterwards.
result<void> attribute_writer::write_rows(std::size_t field, std::span<row_change> changes) {
  const auto before = [](const row_change& a, const row_change& b) { return a.row < b.row; };
  if (!std::ranges::is_sorted(changes, before))
    std::ranges::sort(changes, before);
  const auto start_size = key_.size();
  for (auto first = changes.begin(); first != changes.end() && damaged_[field] == 0;) {
    const auto block = first->row >> block_bits;
    const auto last = std::find_if(first, changes.end(), [block](const row_change& one) {
      return one.row >> block_bits != block;
    });
    append_block(block, key_);
    HEARTH_CHECK(write_block(field, {first, last}));
    key_.resize(start_size);
    first = last;
  }
  return {};
}

// A row that loses the value and gets it again keeps it; one that only loses or only gets it, even
// several times as the elements of a list do, changes.
result<void> attribute_writer::write_block(std::size_t field, std::span<const row_change> changes) {
  const byte_span key = key_;
  auto& added = added_;
  auto& removed = removed_;
  added.clear();
  removed.clear();
  for (auto first = changes.begin(); first != changes.end();) {
    const auto row = first->row;
    bool seen[2]{};
    for (; first != changes.end() && first->row == row; ++first)
      seen[first->added ? 1 : 0] = true;
    if (seen[0] != seen[1])
      (seen[1] ? added : removed).push_back(static_cast<std::uint16_t>(row));
  }
  if (added.empty() && removed.empty())
    return {};
  HEARTH_TRY(const auto stored, transaction_.get(tables_.entries, key));
  if (!stored && added.empty())
    return {};
  if (!stored && added.size() <= 1024) {
    encode_few_rows(key, added, block_);
    return transaction_.put(tables_.entries, key, block_);
  }
  row_block rows;
  if (stored) {
    const auto view = row_block_view::open(key, *stored);
    if (!view || !view->add_to(rows)) {
      damaged_[field] = 1;
      return {};
    }
  }
  for (const auto row : added)
    rows.add(row);
  for (const auto row : removed)
    rows.remove(row);
  if (rows.find(0, true) == block_rows) {
    HEARTH_CHECK(transaction_.erase(tables_.entries, key));
    return {};
  }
  encode_row_block(key, rows, block_);
  return transaction_.put(tables_.entries, key, block_);
}

// What was left behind is known to the index of all rows: without it no other can be trusted.
result<void> attribute_writer::start_over() {
  std::vector<attribute_field> again;
  for (std::size_t field = 0; field < fields_.size(); ++field)
    if (damaged_[field] != 0) {
      if (fields_[field].is_all_rows()) {
        HEARTH_TRY(auto known, read_attribute_fields(transaction_, tables_));
        return restart_attributes(transaction_, tables_, known.indexed);
      }
      again.push_back(fields_[field]);
    }
  return again.empty() ? result<void>() : restart_attributes(transaction_, tables_, again);
}

}  // namespace hearth::storage
