#pragma once
// The space in which a graph is built: distances between two stored vectors.
#include <cstddef>
#include <cstdint>

#include "core/matrix_view.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// Squared Euclidean distance of stored vectors; of the unit-length copies for cosine, where it has
/// the order of the angle and is exactly 0 between equal vectors.
///
/// The inner product is no distance: built on it, a graph links everything to the longest vectors
/// and nothing to the short ones. For dot, each vector x is therefore lifted by one coordinate,
/// sqrt(R^2 - |x|^2) with R at least the largest length, onto a sphere of radius R. A query q,
/// lifted by 0, is then at squared distance |q|^2 + R^2 - 2 q.x: the order of -q.x for every R. So
/// searches need no lift, and a graph built with an older, smaller R stays usable. (Bachrach et
/// al., "Speeding up the Xbox recommender system using a Euclidean transformation for inner-product
/// spaces", RecSys 2014.)
///
/// For the writing thread only. Never NaN for finite vectors; infinite where float32 ends.
class pair_space {
 public:
  explicit pair_space(const vector_store& vectors) noexcept : vectors_(vectors) {}

  void reserve(std::uint64_t slots);
  /// Raises R for vectors about to come. `bound`: slots in use so far.
  void expect(matrix_view vectors, slot_id bound) noexcept;
  /// The vector of `slot` was just put.
  void added(slot_id slot) noexcept;

  [[nodiscard]] float operator()(slot_id a, slot_id b) const noexcept {
    const float squared =
        vectors_.kernel().l2_squared(vectors_.at(a), vectors_.at(b), vectors_.dimension());
    if (vectors_.distance() != distance_kind::dot)
      return squared;
    const float climb = cell_of(a).lift - cell_of(b).lift;
    return squared + climb * climb;
  }
  [[nodiscard]] std::size_t memory_bytes(slot_id slots) const noexcept;

 private:
  struct cell {
    float norm = 0;
    float lift = 0;
  };
  [[nodiscard]] cell& cell_of(slot_id slot) const noexcept { return *cells_.at<cell>(slot); }
  [[nodiscard]] float lift_of(float norm) const noexcept;

  const vector_store& vectors_;
  slot_segments cells_{sizeof(cell)};
  double radius_ = 0;
};

/// Distances from one stored vector, in the form that a graph search takes.
struct pair_distance {
  const pair_space& space;
  slot_id base;

  [[nodiscard]] float operator()(slot_id slot) const noexcept { return space(base, slot); }
};

}  // namespace hearth::engine::index
