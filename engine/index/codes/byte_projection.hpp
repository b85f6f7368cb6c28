#pragma once
// Coordinates in another basis from a matrix of bytes, which is a quarter of the floats to read.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/index/codes/aligned_row.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// A matrix with rows of length 1, each in bytes of its own scale, times vectors that are rounded
/// to bytes as well. Products are off by at most about a thousandth of the vector's largest value
/// times the square root of the dimension, and typically by a tenth of that: far less than codes of
/// seven bits are. Integer sums: the same on every instruction set. Immutable: any thread.
class byte_projection {
 public:
  byte_projection(std::span<const float> rows, std::size_t dimension);
  byte_projection(byte_projection&&) = default;  // a copy would point to the bytes of another

  /// out[r] = <row r, vector>, and true. False, and nothing written, for a vector of which some
  /// value is so much larger than the rest that bytes tell nothing of these.
  [[nodiscard]] bool apply(const float* vector, float squared_norm, float* out) const noexcept;

 private:
  std::size_t dimension_;
  std::size_t row_bytes_;
  std::vector<float> scales_;  // of the rows: value = scale * (byte - 128)
  aligned_row bytes_;
  const std::byte* rows_ = nullptr;
  const kernel_table& kernel_;
};

}  // namespace hearth::engine::index
