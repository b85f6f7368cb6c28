#pragma once
// The vectors of an index, one per slot, and the distances from a query and between two slots.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/namespace_config.hpp"
#include "engine/index/kernels/kernels.hpp"
#include "engine/index/slot_segments.hpp"

namespace hearth::engine::index {

/// Writes `values` scaled to length 1 to `out`; a zero vector stays zero. Right for every finite
/// input: lengths that float32 cannot square are computed in float64.
void normalize(std::span<const float> values, float* out) noexcept;

/// Thread rule: as slot_segments; put() only to a slot that no reader can be in.
/// With cosine the stored copies have length 1 (zero vectors excepted), so that the distance of two
/// vectors is one inner product.
class vector_store {
 public:
  vector_store(std::uint32_t dimension, distance_kind distance) noexcept;

  void reserve(std::uint64_t slots) { segments_.reserve(slots); }
  /// Gives the memory back; reserve() begins anew. No reader may be in it.
  void release() noexcept { segments_.release(); }
  void put(slot_id slot, std::span<const float> values) noexcept { write(values, at(slot)); }
  /// `values` as they are stored.
  void write(std::span<const float> values, float* out) const noexcept;
  [[nodiscard]] float* at(slot_id slot) noexcept { return segments_.at<float>(slot); }
  [[nodiscard]] const float* at(slot_id slot) const noexcept {
    return segments_.at<const float>(slot);
  }
  [[nodiscard]] std::uint32_t dimension() const noexcept { return dimension_; }
  [[nodiscard]] distance_kind distance() const noexcept { return distance_; }
  [[nodiscard]] const kernel_table& kernel() const noexcept { return kernel_; }
  [[nodiscard]] std::size_t stride() const noexcept { return segments_.stride(); }

  /// Asks for the start of a vector and answers where it is. The hardware follows a stream that it
  /// sees begin.
  const std::byte* prefetch(slot_id slot) const noexcept {
    const std::byte* start = segments_.at(slot);
    for (std::size_t offset = 0; offset < prefetch_bytes_; offset += 64)
      __builtin_prefetch(start + offset);
    return start;
  }

 private:
  const std::uint32_t dimension_;
  const distance_kind distance_;
  const kernel_table& kernel_;
  slot_segments segments_;
  const std::size_t prefetch_bytes_;
};

/// The distance from one query to slots. In the order of reported distances, but cheaper: the
/// square for l2. May be infinite or NaN where float32 ends; exact() is not.
class query_distance {
 public:
  /// `query` is normalized already if the distance is cosine, and outlives this.
  query_distance(const vector_store& vectors, const float* query) noexcept;

  [[nodiscard]] const float* query() const noexcept { return query_; }
  [[nodiscard]] float operator()(slot_id slot) const noexcept { return of(vectors_.at(slot)); }
  /// The distance to a vector that is not in the store, of length 1 (or 0) if that is cosine.
  [[nodiscard]] float of(const float* vector) const noexcept {
    return offset_ + scale_ * sum_(query_, vector, vectors_.dimension());
  }
  const std::byte* prefetch(slot_id slot) const noexcept { return vectors_.prefetch(slot); }
  void measure(std::span<const std::byte* const> vectors, float* out) const noexcept {
    for (const std::byte* each : vectors)
      *out++ = offset_ +
               scale_ * sum_(query_, reinterpret_cast<const float*>(each), vectors_.dimension());
  }
  /// The reported distance, computed in float64: finite for all finite vectors.
  [[nodiscard]] double exact(slot_id slot) const noexcept { return exact_of(vectors_.at(slot)); }
  [[nodiscard]] double exact_of(const float* stored) const noexcept;
  /// What operator() gave, as distance_kind defines it.
  [[nodiscard]] float reported(float distance) const noexcept;

 private:
  const vector_store& vectors_;
  const float* query_;
  float (*sum_)(const float*, const float*, std::size_t) noexcept;
  float offset_ = 0;
  float scale_ = 1;
};

}  // namespace hearth::engine::index
