#pragma once
// What attribute indexes say about one comparison.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/filter/filter.hpp"
#include "core/row_set.hpp"
#include "storage/attributes/attribute_tables.hpp"
#include "storage/attributes/row_block.hpp"

namespace hearth::storage {

/// What is known about the rows that match. Rows of `possible` may be gone; those of `certain` are
/// there.
struct row_bounds {
  row_set certain;   ///< a part of those that match
  row_set possible;  ///< all that match, and maybe others
};

/// What a comparison would select and cost.
struct row_guess {
  std::uint64_t rows = 0;
  std::uint64_t keys = 0;  ///< to be read for it
};

/// Gathers the rows of entries that come in any order.
class row_collector {
 public:
  /// False if the entry is damaged.
  [[nodiscard]] bool add(const attribute_key& key, const row_block_view& rows);
  [[nodiscard]] row_set take();

 private:
  void flush();

  row_set rows_;
  std::vector<row_id> of_block_;  // rising
  std::vector<row_id> waiting_;   // of entries with few rows, not sorted
};

/// Keys [from, until) of table `attributes`.
struct attribute_range {
  attribute_bytes from;
  attribute_bytes until;
  bool certain = true;  ///< false: rows under these keys may match
};

/// Reads the indexes in one transaction, which it must not outlive.
class attribute_reader {
 public:
  [[nodiscard]] static result<attribute_reader> open(const lmdb::transaction& in,
                                                     const attribute_tables& from, row_id next_row);

  [[nodiscard]] const attribute_fields& fields() const noexcept { return fields_; }
  /// The index of a field that has one, finished or not.
  [[nodiscard]] const attribute_field* index_of(const field_path& path) const noexcept {
    return path.empty() ? nullptr : fields_.find(path);
  }

  /// The rows of all records.
  [[nodiscard]] result<row_bounds> all_rows();
  /// What matches a comparison. Precondition: the comparison is valid.
  [[nodiscard]] result<row_bounds> leaf(const attribute_field& field, const filter& leaf);
  /// Reads few keys, however many there are.
  [[nodiscard]] result<row_guess> guess(const attribute_field& field, const filter& leaf);
  /// Rows whose records went without their entries.
  [[nodiscard]] const row_set& left_behind() const noexcept { return left_behind_; }

  /// Calls `visit(key, rows)` for the entries in `range`, until it answers false or an error.
  /// corruption for what is damaged.
  template <class Visit>
  [[nodiscard]] result<void> for_each_entry(const attribute_range& range, Visit&& visit) {
    HEARTH_TRY(bool found, entries_.lower_bound(range.from));
    while (found && compare_keys(entries_.key(), range.until) < 0) {
      HEARTH_TRY(const bool on, open_entry(visit));
      if (!on)
        break;
      HEARTH_TRY(found, entries_.next());
    }
    return {};
  }
  /// The same from the last one to the first.
  template <class Visit>
  [[nodiscard]] result<void> for_each_entry_backwards(const attribute_range& range, Visit&& visit) {
    HEARTH_TRY(bool found, entries_.lower_bound(range.until));
    HEARTH_TRY(found, found ? entries_.previous() : entries_.last());
    while (found && compare_keys(entries_.key(), range.from) >= 0) {
      HEARTH_TRY(const bool on, open_entry(visit));
      if (!on)
        break;
      HEARTH_TRY(found, entries_.previous());
    }
    return {};
  }
  /// All entries of a field that hold values of `first` to `last`.
  [[nodiscard]] static attribute_range kinds(const attribute_field& field, attribute_kind first,
                                             attribute_kind last);
  [[nodiscard]] static std::unexpected<error> damaged();

 private:
  attribute_reader(lmdb::cursor entries, attribute_fields fields, row_id next_row)
      : entries_(std::move(entries)), fields_(std::move(fields)), next_row_(next_row) {}

  template <class Visit>
  [[nodiscard]] result<bool> open_entry(Visit& visit) {
    const auto key = parse_attribute_key(entries_.key());
    const auto rows = row_block_view::open(entries_.key(), entries_.value());
    if (!key || !rows)
      return damaged();
    return visit(*key, *rows);
  }
  [[nodiscard]] result<row_set> rows_of(const attribute_field& field, attribute_kind marker);
  [[nodiscard]] result<void> collect(const attribute_range& range, const filter& leaf,
                                     row_collector& into);
  [[nodiscard]] result<row_bounds> contained(const attribute_field& field, const filter& leaf);
  [[nodiscard]] result<row_bounds> texts_with(const attribute_field& field, std::string_view part);
  /// Takes into account what the index does not know.
  void complete(const attribute_field& field, row_bounds& bounds) const;

  lmdb::cursor entries_;
  attribute_fields fields_;
  row_id next_row_;
  row_set left_behind_;
  row_set unread_;
  std::optional<row_bounds> all_rows_;
};

}  // namespace hearth::storage
