#pragma once
// The space in which a graph is built: distances between two stored vectors.
#include <cstring>
#include <limits>
#include <span>

#include "engine/index/codes/code_store.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// l2, hamming: the squared l2 distance. manhattan: the distance itself. cosine: the squared l2
/// distance of the unit-length copies, which has the order of the angle and is exactly 0 between
/// equal vectors. dot: the negative inner product itself, as in Morozov and Babenko, "Non-metric
/// similarity graphs for maximum inner product search" (2018).
///
/// The last is no metric: everything links to the long vectors and few to the short ones. But so it
/// has to be, for the long ones are the answers. The textbook way, lifting vectors onto a sphere so
/// that the inner product becomes a distance, was measured and is far worse: where lengths vary
/// (log-normal, sigma 0.3 to 1), recall@10 at ef 200 was 0.28 to 0.4 instead of 1.0.
class pair_space {
 public:
  explicit pair_space(const vector_store& vectors) noexcept : vectors_(vectors) {}

  /// From here on distances are those of the codes. The writing thread alone uses this space, and
  /// others on its behalf.
  void use(const code_store* codes) noexcept { codes_ = codes; }
  [[nodiscard]] const code_store* codes() const noexcept { return codes_; }
  /// From here on the codes are all there is. Precondition: use().
  void forget_vectors() noexcept { vectors_there_ = false; }
  [[nodiscard]] const vector_store& vectors() const noexcept { return vectors_; }

  /// Never NaN for finite vectors; infinite where float32 ends.
  [[nodiscard]] float operator()(slot_id a, slot_id b) const noexcept {
    return codes_ != nullptr ? codes_->distance(a, b) : between(vectors_.at(a), vectors_.at(b));
  }
  /// Of two float32 vectors.
  [[nodiscard]] float between(const float* a, const float* b) const noexcept {
    if (vectors_.distance() == distance_kind::manhattan)
      return vectors_.kernel().manhattan(a, b, vectors_.dimension());
    if (vectors_.distance() != distance_kind::dot)
      return vectors_.kernel().l2_squared(a, b, vectors_.dimension());
    const float dot = vectors_.kernel().dot(a, b, vectors_.dimension());
    // Infinities of both signs met in the sum: a vector whose place is unknown is far away.
    return dot != dot ? std::numeric_limits<float>::infinity() : -dot;
  }
  void prefetch(slot_id slot) const noexcept {
    if (codes_ != nullptr)
      codes_->prefetch(slot);
    else
      vectors_.prefetch(slot);
  }
  /// What a copy of the vector in `slot` would have as its distance to it.
  [[nodiscard]] float to_copy(slot_id slot) const noexcept {
    return codes_ != nullptr || vectors_.distance() == distance_kind::dot ? (*this)(slot, slot)
                                                                          : 0.0f;
  }
  /// True if the two vectors cannot be told apart by what there is of them.
  [[nodiscard]] bool same(slot_id a, slot_id b) const noexcept {
    if (!vectors_there_)
      return std::memcmp(codes_->at(a), codes_->at(b), codes_->codes().row_bytes()) == 0;
    return vectors_.kernel().l2_squared(vectors_.at(a), vectors_.at(b), vectors_.dimension()) == 0;
  }

 private:
  const vector_store& vectors_;
  const code_store* codes_ = nullptr;
  bool vectors_there_ = true;
};

/// Distances from one stored float32 vector, in the form that a graph search takes.
struct pair_distance {
  const pair_space& space;
  const float* base;

  [[nodiscard]] float operator()(slot_id slot) const noexcept {
    return space.between(base, space.vectors().at(slot));
  }
  const std::byte* prefetch(slot_id slot) const noexcept { return space.vectors().prefetch(slot); }
  void measure(std::span<const std::byte* const> vectors, float* out) const noexcept {
    for (const std::byte* each : vectors)
      *out++ = space.between(base, reinterpret_cast<const float*>(each));
  }
};

}  // namespace hearth::engine::index
