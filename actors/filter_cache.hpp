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

class open_namespace;

/// What a filter selects as of an LSN. Immutable.
struct filtered_rows {
  compiled_filter where;
  storage::selection chosen;
  lsn_t lsn = 0;
  double share = 0;  ///< of all records
  /// See engine::index::row_selection.
  std::shared_ptr<std::atomic<int>> futile_walks = std::make_shared<std::atomic<int>>(0);
  std::vector<field_path> unindexed{};  ///< fields of the filter, if many records were read for it

  /// Asks for the indexes that were missing.
  void wish(const open_namespace& space) const;
};

/// Thread-safe.
class filter_cache {
 public:
  /// What `where` selects in `view`: what is remembered, or what the view answers. `remembered`
  /// says which. The errors of validate(filter), and of storage.
  [[nodiscard]] result<std::shared_ptr<const filtered_rows>>
  choose(storage::read_view& view, const filter& where, bool& remembered);

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
