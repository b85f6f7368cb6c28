#pragma once
// A snapshot as a transaction sees it: with its own writes in place of what they replace.
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "storage/keys.hpp"
#include "storage/namespace_store.hpp"
#include "storage/transaction/write_set.hpp"

namespace hearth::storage {

/// The records of a write set as rows. Immutable; the write set outlives it and stays as it is.
class own_rows {
 public:
  /// Far above every row that storage gives, so that no index and no other snapshot has one.
  static constexpr row_id first = row_id{1} << 62;

  struct entry {
    const record_id* id = nullptr;
    const written_record* record = nullptr;
    std::vector<std::byte> metadata{};  ///< encoded
  };

  explicit own_rows(const write_set& written);

  [[nodiscard]] static bool is_own(row_id row) noexcept { return row >= first; }
  /// Precondition: it is one of these rows.
  [[nodiscard]] const entry& at(row_id row) const { return live_[row - first]; }
  [[nodiscard]] bool has(row_id row) const noexcept { return row - first < live_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return live_.size(); }
  /// The row of a record that was written; 0: it was erased. Nothing: it was not written.
  [[nodiscard]] std::optional<row_id> find(const record_id& id) const;
  /// Rows that have the vector of this number, rising.
  [[nodiscard]] std::vector<row_id> with_vector(std::size_t number) const;
  /// Rows of the snapshot that were replaced or erased.
  [[nodiscard]] const row_set& replaced() const noexcept { return replaced_; }
  [[nodiscard]] const write_set& written() const noexcept { return written_; }

 private:
  const write_set& written_;
  std::vector<entry> live_;  // in the order of scans
  std::map<const written_record*, row_id> rows_;
  row_set replaced_;
};

/// See read_view. Versions of what the transaction wrote are 0. Changes and `text` are those of
/// the snapshot.
class overlay_view final : public read_view {
 public:
  /// `stored` is about the vector of the same number. `own` outlives the view.
  overlay_view(std::unique_ptr<read_view> stored, const own_rows& own,
               const namespace_config& config, std::size_t vector)
      : stored_(std::move(stored)), own_(own), config_(config), vector_(vector) {}

  lsn_t lsn() const override { return stored_->lsn(); }
  row_id row_limit() const override { return own_rows::first + own_.size(); }
  std::unique_ptr<read_view> fork(std::size_t vector) const override {
    return std::make_unique<overlay_view>(stored_->fork(vector), own_, config_, vector);
  }
  std::uint64_t record_count() const override {
    return stored_->record_count() - own_.replaced().size() + own_.size();
  }
  std::uint64_t vector_count(std::size_t vector) const override;

  result<get_result> get(const get_query& query, std::size_t max_bytes) override;
  result<scan_page> scan(const scan_query& query, std::size_t max_bytes,
                         const row_set* among) override;
  result<std::vector<bool>> resolve(std::span<const row_id> rows, const field_set& fields,
                                    std::size_t max_bytes, record_columns& out) override;
  result<key_result> get_keys(const key_query& query, std::size_t max_bytes) override;
  result<key_page> scan_keys(const key_scan& query, std::size_t max_bytes) override;
  result<std::vector<row_id>> rows_of(std::span<const record_id> ids) override;
  result<std::vector<bool>> vectors(std::span<const row_id> rows, float* out) override;
  result<void>
  for_each_vector(row_id after,
                  const std::function<bool(std::span<const row_id>, matrix_view)>& visit) override;
  result<selection> select(const filter& wanted) override;
  result<bool> matches(row_id row, const compiled_filter& wanted) override;
  result<std::vector<bool>> matches(std::span<const row_id> rows,
                                    const compiled_filter& wanted) override;
  result<std::vector<facet>> facets(const field_path& path, const row_set* among,
                                    std::size_t limit) override;
  result<std::vector<row_id>> rows_in_order(const field_path& path, const row_order& order,
                                            const row_set* among) override;
  result<queue_result> get_queues(const queue_query& query) override {
    return stored_->get_queues(query);
  }
  result<item_page> scan_items(const item_scan& query, std::size_t max_bytes) override {
    return stored_->scan_items(query, max_bytes);
  }
  text_snapshot text() const override { return stored_->text(); }
  result<std::vector<searchable_field>> searchable_fields() override {
    return stored_->searchable_fields();
  }
  result<std::vector<indexed_field>> indexed_fields() override { return stored_->indexed_fields(); }
  result<std::vector<row_changes>> changes(lsn_t after, std::size_t limit) override {
    return stored_->changes(after, limit);
  }

  result<void> for_each_change(lsn_t after, const visit_change& visit) override {
    return stored_->for_each_change(after, visit);
  }
  result<std::vector<feed_consumer>> consumers() override { return stored_->consumers(); }

  [[nodiscard]] const own_rows& own() const noexcept { return own_; }
  /// Rows from here on are not part of the snapshot.
  [[nodiscard]] row_id stored_limit() const { return stored_->row_limit(); }

 private:
  using placed_id = std::pair<record_id, row_id>;  // row 0: look it up

  /// Those of `among`, or all, that are still as they are stored.
  [[nodiscard]] row_set untouched(const row_set* among) const;
  [[nodiscard]] result<std::vector<placed_id>> ids_behind(const std::string& cursor,
                                                          std::size_t count, const row_set* among);

  std::unique_ptr<read_view> stored_;
  const own_rows& own_;
  const namespace_config& config_;
  const std::size_t vector_;
};

}  // namespace hearth::storage
