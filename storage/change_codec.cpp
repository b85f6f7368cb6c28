#include "storage/change_codec.hpp"

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

enum class list_kind : std::uint8_t { added = 1, removed = 2 };
constexpr std::uint8_t last_part = 0x80;

std::uint64_t seed_of(change_position position) noexcept {
  return position.lsn * 0x9E3779B97F4A7C15U + position.part;
}

// A run is two varints of at most 10 bytes each.
constexpr std::size_t largest_run = 20;

class part_writer {
 public:
  part_writer(lsn_t lsn, const std::function<result<void>(change_position, byte_span)>& emit)
      : position_{lsn, 0}, emit_(emit) {}

  result<void> write(list_kind kind, std::span<const row_id> rows) {
    begin(kind);
    row_id next = 0;  // the first row that the next run may start with
    for (std::size_t i = 0; i < rows.size();) {
      std::size_t length = 1;
      while (i + length < rows.size() && rows[i + length] == rows[i] + length)
        ++length;
      if (buffer_.size() + largest_run > change_part_bytes) {
        HEARTH_CHECK(end(false));
        begin(kind);
        next = 0;
      }
      byte_writer out(buffer_);
      out.varint(rows[i] - next);
      out.varint(length);
      next = rows[i] + length;
      i += length;
    }
    return {};
  }

  // The kind byte carries the mark of the last part, so it is finished last.
  result<void> end(bool last) {
    if (last)
      buffer_[checksum_bytes] |= std::byte{last_part};
    finish_checked(buffer_, seed_of(position_));
    HEARTH_CHECK(emit_(position_, buffer_));
    ++position_.part;
    return {};
  }

  void begin(list_kind kind) {
    begin_checked(buffer_);
    buffer_.push_back(static_cast<std::byte>(kind));
  }

 private:
  change_position position_;
  const std::function<result<void>(change_position, byte_span)>& emit_;
  std::vector<std::byte> buffer_;
};

}  // namespace

result<void> encode_changes(lsn_t lsn, std::span<const row_id> added,
                            std::span<const row_id> removed,
                            const std::function<result<void>(change_position, byte_span)>& emit) {
  part_writer writer(lsn, emit);
  HEARTH_CHECK(writer.write(list_kind::added, added));
  if (!removed.empty()) {
    if (!added.empty())
      HEARTH_CHECK(writer.end(false));
    HEARTH_CHECK(writer.write(list_kind::removed, removed));
  }
  return writer.end(true);
}

result<bool> decode_changes(change_position position, byte_span data, row_id row_limit,
                            row_changes& changes) {
  auto in = open_checked(data, seed_of(position));
  const auto head = in.u8();
  const auto kind = static_cast<list_kind>(head & ~last_part);
  if (kind != list_kind::added && kind != list_kind::removed)
    in.fail();
  auto& rows = kind == list_kind::added ? changes.added : changes.removed;
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
  if (!in.ok())
    return corrupt(
        core::format("the change table at lsn {}, part {},", position.lsn, position.part));
  return (head & last_part) != 0;
}

}  // namespace hearth::storage
