#pragma once
// Records and their columns: the shape in which rows travel in and out, columns first.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "matrix_view.hpp"
#include "record_id.hpp"
#include "value.hpp"

namespace hearth::inline core {

/// Log sequence number: one per committed write batch of a namespace, starting at 1.
using lsn_t = std::uint64_t;

/// Which columns of records a reply carries.
struct field_set {
  bool vectors = false;  ///< all of them, named ones too
  bool metadata = false;
  bool texts = false;

  friend bool operator==(const field_set&, const field_set&) = default;
};

/// A named vector of some records.
struct vector_column {
  std::string name;
  matrix vectors;                ///< a record without this vector has a row of zeros
  std::vector<bool> has_vector;  ///< with `vectors`
};

/// Rows of records, one vector per column. A column that was not asked for is empty; the others
/// have size() entries.
struct record_columns {
  std::vector<record_id> ids;
  std::vector<lsn_t> versions;       ///< LSN of the batch that last changed the record
  matrix vectors;                    ///< a record without a vector has a row of zeros
  std::vector<bool> has_vector;      ///< with `vectors`
  std::vector<vector_column> named;  ///< with `vectors`: all that the namespace has, in its order
  std::vector<value_map> metadata;
  std::vector<std::optional<std::string>> texts;

  [[nodiscard]] std::size_t size() const noexcept { return ids.size(); }
};

}  // namespace hearth::inline core
