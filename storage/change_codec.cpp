#include "storage/change_codec.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

// The first byte of a part: its list, and two marks.
constexpr std::uint8_t last_part = 0x80;
constexpr std::uint8_t with_names = 0x40;

// Two varints of at most 10 bytes each.
constexpr std::size_t largest_run = 20;
constexpr std::size_t largest_length = 10;

// The first varint of a record: a run of numbers or the length of a string, told apart by a bit.
constexpr std::uint64_t is_text = 1;

std::uint64_t seed_of(change_position position) noexcept {
  return position.lsn * 0x9E3779B97F4A7C15U + position.part;
}

std::unexpected<error> damaged(change_position position) {
  return corrupt(core::format("the change table at lsn {}, part {},", position.lsn, position.part));
}

}  // namespace

result<void> change_encoder::begin_entry(change_list list, std::size_t bytes) {
  const bool fits = buffer_.size() + bytes <= change_part_bytes;
  const bool bare = buffer_.size() == checksum_bytes + 1;
  if (!buffer_.empty() && (list != list_ || (!fits && !bare)))
    HEARTH_CHECK(end_part(false));
  if (buffer_.empty()) {
    list_ = list;
    next_row_ = 0;
    begin_checked(buffer_);
    buffer_.push_back(static_cast<std::byte>(list) | std::byte{with_names});
  }
  return {};
}

// The first byte carries the mark of the last part, so it is finished last.
result<void> change_encoder::end_part(bool last) {
  if (last)
    buffer_[checksum_bytes] |= std::byte{last_part};
  finish_checked(buffer_, seed_of(position_));
  HEARTH_CHECK(emit_(position_, buffer_));
  ++position_.part;
  buffer_.clear();
  return {};
}

result<void> change_encoder::rows(change_list list, std::span<const row_id> rows) {
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t length = 1;
    while (i + length < rows.size() && rows[i + length] == rows[i] + length)
      ++length;
    HEARTH_CHECK(begin_entry(list, largest_run));
    byte_writer out(buffer_);
    out.varint(rows[i] - next_row_);
    out.varint(length);
    next_row_ = rows[i] + length;
    i += length;
  }
  return {};
}

result<void> change_encoder::record(bool erased, const record_id& id) {
  const auto list = erased ? change_list::records_erased : change_list::records_put;
  if (id.is_number()) {
    const auto number = id.number();
    if (numbers_.count > 0 && numbers_.list == list && number > numbers_.first &&
        number - numbers_.first == numbers_.count) {
      ++numbers_.count;
      return {};
    }
    HEARTH_CHECK(write_run());
    numbers_ = {list, number, 1};
    return {};
  }
  HEARTH_CHECK(write_run());
  const auto& text = id.text();
  HEARTH_CHECK(begin_entry(list, largest_length + text.size()));
  byte_writer out(buffer_);
  out.varint(text.size() << 1 | is_text);
  out.bytes(std::as_bytes(std::span(text)));
  return {};
}

result<void> change_encoder::write_run() {
  if (numbers_.count == 0)
    return {};
  HEARTH_CHECK(begin_entry(numbers_.list, largest_run));
  byte_writer out(buffer_);
  out.varint(numbers_.count << 1);
  out.varint(numbers_.first);
  numbers_.count = 0;
  return {};
}

result<void> change_encoder::key(bool erased, std::string_view key) {
  HEARTH_CHECK(write_run());
  HEARTH_CHECK(begin_entry(erased ? change_list::keys_erased : change_list::keys_put,
                           largest_length + key.size()));
  byte_writer(buffer_).text(key);
  return {};
}

result<void> change_encoder::finish() {
  HEARTH_CHECK(write_run());
  if (buffer_.empty())
    HEARTH_CHECK(begin_entry(change_list::rows_added, 0));  // a batch that changed nothing
  return end_part(true);
}

result<change_part> open_change_part(change_position position, byte_span value) {
  change_part part;
  part.position = position;
  part.data = open_checked(value, seed_of(position));
  const auto head = part.data.u8();
  part.last = (head & last_part) != 0;
  part.names = (head & with_names) != 0;
  part.list = static_cast<change_list>(head & ~(last_part | with_names));
  const auto newest = part.names ? change_list::keys_erased : change_list::rows_removed;
  if (!part.data.ok() || part.list < change_list::rows_added || part.list > newest)
    return damaged(position);
  return part;
}

result<void> decode_rows(change_part part, row_id row_limit, row_changes& changes) {
  if (!part.lists_rows())
    return damaged(part.position);
  auto& in = part.data;
  auto& rows = part.list == change_list::rows_added ? changes.added : changes.removed;
  row_id next = 0;
  while (in.ok() && in.remaining() > 0) {
    const auto gap = in.varint();
    const auto length = in.varint();
    const auto room = limits::batch_rows - std::min(limits::batch_rows, rows.size());
    if (!in.ok() || gap >= row_limit - next || length == 0 || length > room ||
        length > row_limit - next - gap) {
      in.fail();
      break;
    }
    for (std::uint64_t i = 0; i < length; ++i)
      rows.push_back(next + gap + i);
    next += gap + length;
  }
  return in.ok() ? result<void>() : damaged(part.position);
}

result<bool> decode_names(change_part part, const visit_change& visit) {
  if (part.lists_rows())
    return damaged(part.position);
  auto& in = part.data;
  const bool records =
      part.list == change_list::records_put || part.list == change_list::records_erased;
  changed_name name;
  name.lsn = part.position.lsn;
  name.erased = part.list == change_list::records_erased || part.list == change_list::keys_erased;
  while (in.remaining() > 0) {
    const auto head = in.varint();
    const auto size = records ? head >> 1 : head;
    name.kind = name_kind::key;
    if (records)
      name.kind = (head & is_text) != 0 ? name_kind::record : name_kind::record_numbers;
    if (name.kind == name_kind::record_numbers) {
      name.first = in.varint();
      name.count = size;
      name.text = {};
      if (size == 0 || size > limits::batch_rows || size - 1 > UINT64_MAX - name.first)
        in.fail();
    } else {
      const auto bytes = in.bytes(size);
      name.first = 0;
      name.count = 1;
      name.text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
      if (size > (records ? limits::id_bytes : limits::key_bytes))
        in.fail();
    }
    if (!in.ok())
      break;
    HEARTH_TRY(const bool more, visit(name));
    if (!more)
      return false;
  }
  if (!in.ok())
    return damaged(part.position);
  return true;
}

}  // namespace hearth::storage
