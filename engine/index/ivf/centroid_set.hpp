#pragma once
// A set of points, and which of them is nearest: the lists of an inverted file, the codes of a
// part.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// Immutable: any thread.
class centroid_set {
 public:
  /// Precondition: at least one centroid, all values finite.
  explicit centroid_set(matrix_view centroids);

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t dimension() const noexcept { return dimension_; }
  /// How many scores are written: size() rounded up to a multiple of 16.
  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }

  /// out[c] = |point - centroid c|^2 for c < size(); infinity for the rest of columns().
  void squared_distances(const float* point, float* out) const;
  /// out[c] = -point . centroid c for c < size(); infinity for the rest of columns().
  void negative_products(const float* point, float* out) const;
  /// The nearest by Euclidean distance; the first of equals.
  [[nodiscard]] std::uint32_t nearest(const float* point) const;
  [[nodiscard]] const float* at(std::uint32_t centroid) const noexcept {
    return values_.data() + std::size_t{centroid} * dimension_;
  }
  /// All of them, one after the other: size() x dimension().
  [[nodiscard]] std::span<const float> values() const noexcept { return values_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return (mean_.size() + values_.size() + matrix_.size() + squared_norms_.size()) * sizeof(float);
  }

 private:
  void pad(float* out) const noexcept;

  const kernel_table& kernel_;
  std::uint32_t size_;
  std::uint32_t dimension_;
  std::size_t columns_;
  // Distances to points far from the origin, but near to each other, would be differences of large
  // numbers. So everything is relative to the mean of the centroids.
  std::vector<float> mean_;
  std::vector<float> values_;
  std::vector<float> matrix_;         // dimension x columns: centroid c is column c
  std::vector<float> squared_norms_;  // columns
};

}  // namespace hearth::engine::index
