#include "engine/index/ivf/centroid_set.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace hearth::engine::index {
namespace {

constexpr std::size_t column_unit = 16;  // of kernel_table::column_products

std::span<float> scratch(std::vector<float>& of_this_thread, std::size_t size) {
  if (of_this_thread.size() < size)
    of_this_thread.resize(size);
  return {of_this_thread.data(), size};
}

}  // namespace

centroid_set::centroid_set(matrix_view centroids)
    : kernel_(kernels()), size_(static_cast<std::uint32_t>(centroids.rows())),
      dimension_(centroids.dimension()),
      columns_((size_ + column_unit - 1) / column_unit * column_unit), mean_(dimension_),
      values_(centroids.values().begin(), centroids.values().end()), matrix_(dimension_ * columns_),
      squared_norms_(columns_) {
  assert(size_ > 0);
  for (std::size_t d = 0; d < dimension_; ++d) {
    double sum = 0;
    for (std::uint32_t c = 0; c < size_; ++c)
      sum += static_cast<double>(centroids.row(c)[d]);
    mean_[d] = static_cast<float>(sum / size_);
    for (std::uint32_t c = 0; c < size_; ++c) {
      const float value = centroids.row(c)[d] - mean_[d];
      matrix_[d * columns_ + c] = value;
      squared_norms_[c] += value * value;
    }
  }
}

void centroid_set::squared_distances(const float* point, float* out) const {
  thread_local std::vector<float> of_this_thread;
  const auto centred = scratch(of_this_thread, dimension_);
  for (std::size_t d = 0; d < dimension_; ++d)
    centred[d] = point[d] - mean_[d];
  const float squared_norm = kernel_.squared_norm(centred.data(), dimension_);
  kernel_.column_products(centred.data(), dimension_, matrix_.data(), columns_, out);
  for (std::size_t c = 0; c < columns_; ++c)
    out[c] = std::max(squared_norm + (squared_norms_[c] - 2 * out[c]), 0.0F);
  pad(out);
}

void centroid_set::negative_products(const float* point, float* out) const {
  kernel_.column_products(point, dimension_, matrix_.data(), columns_, out);
  const float of_mean = kernel_.dot(point, mean_.data(), dimension_);
  for (std::size_t c = 0; c < columns_; ++c)
    out[c] = -of_mean - out[c];
  pad(out);
}

std::uint32_t centroid_set::nearest(const float* point) const {
  thread_local std::vector<float> of_this_thread;
  const auto distances = scratch(of_this_thread, columns_);
  squared_distances(point, distances.data());
  return static_cast<std::uint32_t>(std::ranges::min_element(distances) - distances.begin());
}

void centroid_set::pad(float* out) const noexcept {
  std::fill(out + size_, out + columns_, std::numeric_limits<float>::infinity());
}

}  // namespace hearth::engine::index
