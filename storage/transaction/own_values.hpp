#pragma once
// Values of a field in records that no attribute index has, counted and ordered together with those
// that are stored.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/filter/field_path.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

/// How often each value occurs.
class value_counts {
 public:
  explicit value_counts(std::vector<facet> stored);

  /// The values of one more record, each once.
  void add(byte_span metadata, const field_path& path);
  /// The most frequent first, equally frequent ones in their order.
  [[nodiscard]] std::vector<facet> most_frequent(std::size_t limit) const;

 private:
  std::map<std::string, facet> counts_;  // by the value as an attribute key has it
};

/// Rows by the least value of the field that each has (descending: the greatest), then by row.
/// Those without a value come last.
class ordered_rows {
 public:
  ordered_rows(const field_path& path, bool descending) : path_(path), descending_(descending) {}

  void add(row_id row, byte_span metadata);
  [[nodiscard]] std::vector<row_id> take(std::size_t offset, std::size_t limit);

 private:
  struct placed_row {
    std::optional<std::string> value;
    row_id row = 0;
  };

  const field_path& path_;
  const bool descending_;
  std::vector<placed_row> rows_;
};

}  // namespace hearth::storage
