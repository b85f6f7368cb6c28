#pragma once
// Values of table `changes`: which rows a batch added and removed, for the indexes, and by name
// what it changed, for everybody else.
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.hpp"
#include "core/disk.hpp"
#include "storage/keys.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

/// Values no larger than this stay on a shared leaf page of LMDB instead of taking whole pages. One
/// name that is longer has a part of its own.
inline constexpr std::size_t change_part_bytes = 1900;

/// What a part lists. A batch has its lists in this order.
enum class change_list : std::uint8_t {
  rows_added = 1,
  rows_removed = 2,
  // Since format 6.
  records_put = 3,
  records_erased = 4,
  keys_put = 5,
  keys_erased = 6,
};

/// Encodes the changes of one batch. Call in the order of change_list, then finish().
class change_encoder {
 public:
  /// Gets each part, in order. Must not keep the span.
  using emit_part = std::function<result<void>(change_position, byte_span)>;

  change_encoder(lsn_t lsn, emit_part emit) : position_{lsn, 0}, emit_(std::move(emit)) {}

  /// Rising, all at once.
  [[nodiscard]] result<void> rows(change_list list, std::span<const row_id> rows);
  /// Numbers that follow each other become runs.
  [[nodiscard]] result<void> record(bool erased, const record_id& id);
  [[nodiscard]] result<void> key(bool erased, std::string_view key);
  /// Emits what is left: a batch has one part at least.
  [[nodiscard]] result<void> finish();

 private:
  /// Makes room for an entry of `list`, in a part of its own if it has to be.
  [[nodiscard]] result<void> begin_entry(change_list list, std::size_t bytes);
  [[nodiscard]] result<void> write_run();
  [[nodiscard]] result<void> end_part(bool last);

  struct number_run {
    change_list list = change_list::records_put;
    std::uint64_t first = 0;
    std::uint64_t count = 0;  // 0: there is none
  };

  change_position position_;
  emit_part emit_;
  change_list list_ = change_list::rows_added;
  std::vector<std::byte> buffer_;  // empty: no part is begun
  row_id next_row_ = 0;            // the first row that the next run may start with
  number_run numbers_;             // not written yet
};

/// One part, its checksum found right.
struct change_part {
  change_position position;
  change_list list = change_list::rows_added;
  bool last = false;              ///< of its batch
  bool names = false;             ///< its batch names what it changed: written since format 6
  byte_reader data{byte_span()};  ///< the entries

  [[nodiscard]] bool lists_rows() const noexcept {
    return list == change_list::rows_added || list == change_list::rows_removed;
  }
};

/// errc::corruption names the position.
[[nodiscard]] result<change_part> open_change_part(change_position position, byte_span value);

/// Appends the rows of a part of `rows_added` or `rows_removed`. `row_limit` bounds rows: none of
/// them may reach it.
[[nodiscard]] result<void> decode_rows(change_part part, row_id row_limit, row_changes& changes);

/// Calls `visit` with each name of a part of any other list; answers false if that did.
[[nodiscard]] result<bool> decode_names(change_part part, const visit_change& visit);

}  // namespace hearth::storage
