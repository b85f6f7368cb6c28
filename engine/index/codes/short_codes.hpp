#pragma once
// Short codes of vectors: a graph is walked on them, because a walk is bound by the bytes it moves.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "core/namespace_config.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// The principal components of a sample, cut off where 92 % of its energy is reached, each in seven
/// bits. One scale serves all components, so that a distance between codes is a distance between
/// vectors; what was cut off adds its length, as if the rests of two vectors were at right angles.
///
/// A row is a float (its rest, see offset_of) and one byte per component, zeros up to a multiple of
/// 64 bytes, and starts at a multiple of 64. Immutable once trained: any thread.
class short_codes {
 public:
  /// Numbers that decide everything else.
  struct model {
    std::vector<float> mean;        ///< dimension
    std::vector<float> components;  ///< components x dimension, orthonormal rows, strongest first
    float lowest = 0;               ///< what code 0 stands for
    float step = 1;                 ///< from one code to the next
  };

  /// Learns from `sample` (unit-length rows if the distance is cosine). Deterministic. Nothing if
  /// its values leave the range of float32.
  [[nodiscard]] static std::optional<short_codes> train(matrix_view sample, distance_kind distance);

  short_codes(model trained, distance_kind distance);

  [[nodiscard]] std::size_t row_bytes() const noexcept { return row_bytes_; }
  [[nodiscard]] std::size_t components() const noexcept { return components_; }
  [[nodiscard]] const model& trained() const noexcept { return model_; }

  void encode(const float* vector, std::byte* row) const noexcept;
  /// True for what encode() can write.
  [[nodiscard]] bool is_row(const std::byte* row) const noexcept;

  /// Orders pairs of vectors as the squared l2 distance does, or as the inner product if that is
  /// the distance. Symmetric; equal for all copies of a vector.
  [[nodiscard]] float distance(const std::byte* a, const std::byte* b) const noexcept {
    const auto codes = static_cast<float>(kernel_.code_l2_squared(a, b, row_bytes_));
    return codes * squared_step_ + (offset_of(a) + offset_of(b));
  }
  /// out[i] = distance(a, rows[i]), bit by bit.
  void distances(const std::byte* a, std::span<const std::byte* const> rows,
                 float* out) const noexcept;

 private:
  /// Of one row: the squared length of what the components leave out, less (inner product only) the
  /// squared length of the vector, since 2ab = a^2 + b^2 - (a-b)^2.
  [[nodiscard]] static float offset_of(const std::byte* row) noexcept {
    return *reinterpret_cast<const float*>(row);
  }

  model model_;
  distance_kind distance_;
  std::size_t dimension_;
  std::size_t components_;
  std::size_t row_bytes_;
  float squared_step_;
  const kernel_table& kernel_;
};

}  // namespace hearth::engine::index
