#pragma once
// Short codes of vectors: a graph is walked on them, because a walk is bound by the bytes it moves.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "core/namespace_config.hpp"
#include "engine/index/codes/byte_projection.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// A vector, relative to the mean of a sample, in another basis and in few bits per coordinate. One
/// scale serves all coordinates, so that a distance between codes is one between vectors.
///
/// pca: the principal components of the sample, cut off where 92 % of its energy is reached, in 7
/// bits, since the differences of such codes fit a signed byte. sq8: every dimension as it is, in a
/// byte, of which the same 7 bits are used. rabitq and binary: coordinates after a random rotation,
/// which makes them alike, in 4 bits and in 1 (the idea of Gao and Long, "RaBitQ", 2024, without
/// its estimator: candidates are ranked by better distances anyway).
///
/// A row is a float (see offset_of) and the codes, zeros up to a multiple of 64 bytes, and starts
/// at a multiple of 64. Immutable once trained: any thread.
class short_codes {
 public:
  /// Numbers that decide everything else.
  struct model {
    std::vector<float> mean;  ///< dimension
    /// components x dimension, orthonormal rows; empty: the dimensions themselves
    std::vector<float> components;
    float lowest = 0;   ///< what code 0 stands for
    float step = 1;     ///< from one code to the next
    unsigned bits = 7;  ///< of a code: 7, 4 or 1
    float error = 0;    ///< mean of error_of() the sample
  };

  /// What is to be learned.
  struct plan {
    distance_kind distance = distance_kind::l2;
    quantization_kind kind = quantization_kind::pca;  ///< neither automatic nor none
    std::size_t most_bytes = 0;  ///< of a row, a multiple of 64, if that is pca; 0: no limit
    std::uint64_t seed = 42;     ///< of the rotation
  };

  /// Learns from `sample` (unit-length rows if the distance is cosine). Deterministic. Nothing if
  /// its values leave the range of float32.
  [[nodiscard]] static std::optional<short_codes> train(matrix_view sample, const plan& wanted);

  short_codes(model trained, distance_kind distance);

  [[nodiscard]] std::size_t row_bytes() const noexcept { return row_bytes_; }
  [[nodiscard]] std::size_t components() const noexcept { return components_; }
  [[nodiscard]] const model& trained() const noexcept { return model_; }

  void encode(const float* vector, std::byte* row) const noexcept;
  /// The squared distance between a vector and what its codes stand for.
  [[nodiscard]] float error_of(const float* vector) const noexcept;
  /// True for what encode() can write.
  [[nodiscard]] bool is_row(const std::byte* row) const noexcept;

  /// Orders pairs of vectors as the squared l2 distance does, or as the inner product if that is
  /// the distance. Symmetric; equal for all copies of a vector.
  [[nodiscard]] float distance(const std::byte* a, const std::byte* b) const noexcept {
    const auto codes = static_cast<float>(code_kernels_.l2_squared(a, b, row_bytes_));
    return codes * squared_step_ + (offset_of(a) + offset_of(b));
  }
  /// out[i] = distance(a, rows[i]), bit by bit.
  void distances(const std::byte* a, std::span<const std::byte* const> rows,
                 float* out) const noexcept;

 private:
  /// Of one row: the squared length of what the components leave out (single bits: of what the
  /// codes do), less (inner product only) the squared length of the vector, since 2ab = a^2 + b^2 -
  /// (a-b)^2.
  [[nodiscard]] static float offset_of(const std::byte* row) noexcept {
    return *reinterpret_cast<const float*>(row);
  }

  float project(const float* vector, float* out) const noexcept;
  [[nodiscard]] int code_of(float coordinate) const noexcept;

  model model_;
  distance_kind distance_;
  std::size_t dimension_;
  std::size_t components_;
  std::size_t row_bytes_;
  float squared_step_;
  float per_step_;
  float largest_code_;
  std::optional<byte_projection> projection_;  // where there are components
  const kernel_table& kernel_;
  const short_code_kernels& code_kernels_;
};

}  // namespace hearth::engine::index
