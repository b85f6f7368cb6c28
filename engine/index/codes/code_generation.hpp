#pragma once
// The codes of an index that were trained on the same sample.
#include <cstdint>
#include <memory>

#include "engine/index/codes/code_store.hpp"

namespace hearth::engine::index {

/// Thread rule: as vector_store.
struct code_generation {
  code_store walk;                     ///< a graph is walked and built on them
  std::unique_ptr<scalar_store> rank;  ///< all rows are compared by them, and, where the
                                       ///< vectors are not at hand, what a walk found is ranked

  explicit code_generation(short_codes trained) : walk(std::move(trained)) {}

  void reserve(std::uint64_t slots) {
    walk.reserve(slots);
    if (rank)
      rank->reserve(slots);
  }
  void put(slot_id slot, const float* vector) noexcept {
    walk.put(slot, vector);
    if (rank)
      rank->put(slot, vector);
  }
  /// Bytes per slot.
  [[nodiscard]] std::size_t row_bytes() const noexcept {
    return walk.codes().row_bytes() + (rank ? rank->codes().row_bytes() : 0);
  }
};

}  // namespace hearth::engine::index
