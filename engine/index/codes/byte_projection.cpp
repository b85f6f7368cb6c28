#include "engine/index/codes/byte_projection.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hearth::engine::index {
namespace {

constexpr std::size_t row_unit = 64;
constexpr float largest = 127;
constexpr std::int32_t zero = 128;  // bytes of rows are unsigned: what stands for 0
// Vectors with a value that is so many times as large as the root mean square are left to floats.
constexpr float largest_peak = 32;

float peak_of(const float* values, std::size_t count) noexcept {
  float peak = 0;
  for (std::size_t i = 0; i < count; ++i)
    peak = std::max(peak, std::abs(values[i]));
  return peak;
}

}  // namespace

byte_projection::byte_projection(std::span<const float> rows, std::size_t dimension)
    : dimension_(dimension), row_bytes_((dimension + row_unit - 1) / row_unit * row_unit),
      scales_(rows.size() / dimension), kernel_(kernels()) {
  std::byte* const bytes = bytes_.of(scales_.size() * row_bytes_);
  std::memset(bytes, 0, scales_.size() * row_bytes_);
  for (std::size_t row = 0; row < scales_.size(); ++row) {
    const float* const values = rows.data() + row * dimension;
    scales_[row] = std::max(peak_of(values, dimension), 1e-30F) / largest;
    for (std::size_t d = 0; d < dimension; ++d)
      bytes[row * row_bytes_ + d] =
          static_cast<std::byte>(std::lrint(values[d] / scales_[row]) + zero);
  }
  rows_ = bytes;
}

bool byte_projection::apply(const float* vector, float squared_norm, float* out) const noexcept {
  const float peak = peak_of(vector, dimension_);
  const float mean_square = squared_norm / static_cast<float>(dimension_);
  if (!std::isfinite(squared_norm) || !(peak * peak <= largest_peak * largest_peak * mean_square) ||
      !(peak > 1e-15F))
    return false;
  thread_local aligned_row room;
  thread_local std::vector<std::int32_t> sums;
  sums.resize(scales_.size());
  auto* const query = reinterpret_cast<std::int8_t*>(room.of(row_bytes_));
  const float per_value = largest / peak;
  std::int32_t total = 0;
  for (std::size_t d = 0; d < dimension_; ++d) {
    // Rounds half away from zero, and unlike lrint() many values at once.
    const float scaled = vector[d] * per_value;
    query[d] =
        static_cast<std::int8_t>(static_cast<std::int32_t>(scaled + std::copysign(0.5F, scaled)));
    total += query[d];
  }
  std::fill(query + dimension_, query + row_bytes_, std::int8_t{0});
  kernel_.code_row_sums(rows_, row_bytes_, scales_.size(),
                        reinterpret_cast<const std::byte*>(query), sums.data());
  const float step = peak / largest;
  for (std::size_t row = 0; row < scales_.size(); ++row)
    out[row] = static_cast<float>(sums[row] - zero * total) * (scales_[row] * step);
  return true;
}

}  // namespace hearth::engine::index
