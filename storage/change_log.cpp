#include "storage/change_log.hpp"

#include "core/format.hpp"
#include "storage/change_codec.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

std::unexpected<error> trimmed(lsn_t after) {
  return fail(errc::not_found, core::format("changes after lsn {} were trimmed", after),
              "start again from the records themselves");
}

// Walks the parts of the table, and checks that none is missing.
class part_cursor {
 public:
  [[nodiscard]] static result<part_cursor> open(const lmdb::transaction& in, const tables& from) {
    HEARTH_TRY(auto table, in.open_cursor(from.changes));
    return part_cursor(std::move(table));
  }

  /// To the first part of the first batch behind `after`; false: there is none. not_found if it is
  /// not the next one.
  [[nodiscard]] result<bool> start(lsn_t after) {
    HEARTH_TRY(const bool found, table_.lower_bound(encode_change({after + 1, 0})));
    if (!found)
      return false;
    HEARTH_CHECK(locate());
    if (position_.lsn != after + 1 || position_.part != 0)
      return trimmed(after);
    return true;
  }

  [[nodiscard]] change_position position() const noexcept { return position_; }
  [[nodiscard]] result<change_part> part() const {
    return open_change_part(position_, table_.value());
  }

  /// To what has to come behind `part`, the current one; false: nothing does.
  [[nodiscard]] result<bool> next(const change_part& part) {
    HEARTH_TRY(const bool more, table_.next());
    return follow(more, part.last ? change_position{position_.lsn + 1, 0}
                                  : change_position{position_.lsn, position_.part + 1});
  }
  /// To the first part of the next batch, past the rest of this one; false: there is none.
  [[nodiscard]] result<bool> next_batch() {
    const change_position expected{position_.lsn + 1, 0};
    HEARTH_TRY(const bool more, table_.lower_bound(encode_change(expected)));
    return follow(more, expected);
  }

 private:
  explicit part_cursor(lmdb::cursor table) noexcept : table_(std::move(table)) {}

  [[nodiscard]] result<void> locate() {
    const auto position = decode_change(table_.key());
    if (!position)
      return corrupt("a key of the change table");
    position_ = *position;
    return {};
  }

  // The table may end where a batch does.
  [[nodiscard]] result<bool> follow(bool more, change_position expected) {
    const auto before = position_;
    if (!more && expected.part == 0)
      return false;
    if (more)
      HEARTH_CHECK(locate());
    if (!more || position_.lsn != expected.lsn || position_.part != expected.part)
      return corrupt(core::format("the change table at lsn {}", before.lsn));
    return true;
  }

  lmdb::cursor table_;
  change_position position_;
};

}  // namespace

result<void> for_each_change(const lmdb::transaction& in, const tables& from, lsn_t after,
                             const visit_change& visit) {
  HEARTH_TRY(auto cursor, part_cursor::open(in, from));
  HEARTH_TRY(bool more, cursor.start(after));
  while (more) {
    HEARTH_TRY(const auto part, cursor.part());
    if (!part.names)
      return fail(errc::not_found,
                  core::format("changes after lsn {} were written before changes had names", after),
                  "start again from the records themselves");
    if (!part.lists_rows()) {
      HEARTH_TRY(const bool wanted, decode_names(part, visit));
      if (!wanted)
        return {};
    }
    HEARTH_TRY(more, cursor.next(part));
  }
  return {};
}

result<std::vector<row_changes>> read_row_changes(const lmdb::transaction& in, const tables& from,
                                                  const row_changes_query& query) {
  std::vector<row_changes> found;
  if (query.after >= query.through || query.limit == 0)
    return found;
  HEARTH_TRY(auto cursor, part_cursor::open(in, from));
  HEARTH_TRY(bool more, cursor.start(query.after));
  if (!more)
    return trimmed(query.after);
  while (more && cursor.position().lsn <= query.through) {
    if (cursor.position().part == 0) {
      if (found.size() == query.limit)
        return found;
      found.push_back({{}, {}, {}, cursor.position().lsn});
    }
    HEARTH_TRY(const auto part, cursor.part());
    if (part.lists_rows()) {
      HEARTH_CHECK(decode_rows(part, query.row_limit, found.back()));
      HEARTH_TRY(more, cursor.next(part));
    } else {
      HEARTH_TRY(more, cursor.next_batch());  // behind the rows there are only names
    }
  }
  if (found.size() < query.limit && found.back().lsn != query.through)
    return corrupt("the end of the change table");
  return found;
}

}  // namespace hearth::storage
