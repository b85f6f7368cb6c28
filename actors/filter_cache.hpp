#pragma once
// Which rows the filters of searches select, kept for as long as nothing is written.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/filter/compiled_filter.hpp"
#include "core/row_set.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::actors {

/// What a filter selects as of an LSN. Immutable.
struct filtered_rows {
  compiled_filter where;
  storage::selection chosen;
  lsn_t lsn = 0;
  double share = 0;  ///< of all records
  /// See engine::index::row_selection.
  std::shared_ptr<std::atomic<int>> futile_walks = std::make_shared<std::atomic<int>>(0);
  std::vector<field_path> unindexed{};  ///< fields of the filter, if many records were read for it
};

/// What `where` selects in `view`. The errors of validate(filter), and of storage.
[[nodiscard]] result<filtered_rows> filter_rows(storage::read_view& view, const filter& where);

/// What a filter selects for one read.
struct filter_answer {
  std::shared_ptr<const filtered_rows> found;  ///< null if there is no filter
  bool remembered = false;

  /// Null if there is no filter, which selects all.
  [[nodiscard]] const row_set* rows() const noexcept {
    return found ? &found->chosen.rows : nullptr;
  }
  /// For explanations. Precondition: there is a filter.
  [[nodiscard]] std::string how() const { return remembered ? "remembered" : found->chosen.how; }
  [[nodiscard]] std::uint64_t scanned() const noexcept {
    return remembered ? 0 : found->chosen.scanned;
  }
};

/// Thread-safe.
class filter_cache {
 public:
  /// What `where` selects in `view`: what is remembered, or what the view answers. The errors of
  /// validate(filter), and of storage.
  [[nodiscard]] result<filter_answer> choose(storage::read_view& view, const filter& where);

 private:
  struct entry {
    std::string text;  // of the filter
    std::shared_ptr<const filtered_rows> rows;
  };

  [[nodiscard]] std::shared_ptr<const filtered_rows> find(const std::string& text, lsn_t lsn);
  void keep(std::string text, std::shared_ptr<const filtered_rows> rows);

  std::mutex guard_;
  std::list<entry> entries_;  // the last used in front
  std::size_t bytes_ = 0;
};

}  // namespace hearth::actors
