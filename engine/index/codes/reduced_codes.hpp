#pragma once
// Few bytes per vector that tell for certain, of most vectors, that they are not among the nearest.
#include <cstddef>
#include <optional>
#include <vector>

#include "core/matrix_view.hpp"
#include "core/namespace_config.hpp"
#include "engine/index/codes/scalar_codes.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// Scalar codes of (C x, sqrt(|x|^2 - |C x|^2)), where the rows of C are the strongest principal
/// components of a sample: a vector becomes some components and the length of all the rest.
///
/// Distances between such short vectors are never above those of the vectors, nor are inner
/// products below: C makes nothing longer, so the rest r(x) is a seminorm, and the triangle and the
/// Cauchy-Schwarz inequalities say (r(x) - r(y))^2 <= r(x - y)^2 and <x, y> <= <C x, C y> +
/// r(x) r(y). What float32 loses on the way is part of a row's error. So `test` and `row_term` of
/// the scalar codes leave out rows without ever losing one; estimates of distances they give none.
///
/// l2 vectors are taken relative to the sample's mean. Immutable once trained: any thread.
class reduced_codes {
 public:
  /// How a vector becomes short.
  struct reduction {
    std::vector<float> mean;        ///< dimension; zeros for inner products
    std::vector<float> components;  ///< C: components x dimension
    distance_kind distance = distance_kind::l2;

    [[nodiscard]] std::size_t outputs() const noexcept {
      return components.size() / mean.size() + 1;
    }
    /// Writes outputs() values; answers how far they may be from the true ones. Infinite, and
    /// nothing written, if float32 cannot square the vector.
    double apply(const float* vector, float* out) const noexcept;
  };

  /// The number of components that makes searches cheapest, by what the sample leaves open. Nothing
  /// where that is not much cheaper than full codes of `full_row_bytes`: short vectors, and those
  /// whose energy lies in all directions alike. Nor at dimensions whose components take too long to
  /// find, or for values whose squares leave float32. Deterministic. The time grows with
  /// dimension^3: about a second at 1,000.
  [[nodiscard]] static std::optional<reduced_codes>
  train(matrix_view sample, distance_kind distance, std::size_t full_row_bytes);

  [[nodiscard]] std::size_t row_bytes() const noexcept { return codes_.row_bytes(); }
  [[nodiscard]] std::size_t components() const noexcept { return reduction_.outputs() - 1; }
  [[nodiscard]] const scalar_codes& codes() const noexcept { return codes_; }

  void encode(const float* vector, std::byte* row) const noexcept;
  [[nodiscard]] bool is_row(const std::byte* row) const noexcept { return codes_.is_row(row); }
  /// As scalar_codes::prepare.
  [[nodiscard]] bool prepare(const float* query, scalar_codes::prepared_query& prepared) const;

 private:
  reduced_codes(reduction trained, scalar_codes codes);

  reduction reduction_;
  scalar_codes codes_;
};

}  // namespace hearth::engine::index
