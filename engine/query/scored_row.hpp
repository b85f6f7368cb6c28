#pragma once
// A row and how good it is.
#include <cstdint>

namespace hearth::engine::query {

struct scored_row {
  std::uint64_t row = 0;
  double score = 0;  ///< the higher the better

  friend bool operator==(const scored_row&, const scored_row&) = default;
};

}  // namespace hearth::engine::query
