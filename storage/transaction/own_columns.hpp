#pragma once
// Columns of an answer in which stored records and those of a write set stand side by side.
#include <vector>

#include "core/namespace_config.hpp"
#include "core/record.hpp"
#include "storage/transaction/write_set.hpp"

namespace hearth::storage {

/// Appends to columns that may hold records already. Finish, or what they hold is incomplete.
class own_columns {
 public:
  own_columns(record_columns& out, const field_set& fields, const namespace_config& config,
              std::size_t max_bytes);

  /// A record of columns that were resolved with the same fields.
  void add(const record_columns& from, std::size_t at);
  /// limit_exceeded when written records outgrow max_bytes.
  [[nodiscard]] result<void> add(const record_id& id, const written_record& record);
  void finish();

 private:
  void add_vector(std::size_t number, std::span<const float> values);

  record_columns& out_;
  const field_set fields_;
  const namespace_config& config_;
  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::vector<std::vector<float>> values_;  // by number of the vector
};

}  // namespace hearth::storage
