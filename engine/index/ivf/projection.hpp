#pragma once
// Vectors in fewer dimensions: their strongest principal components.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// Immutable: any thread.
class projection {
 public:
  /// What decides everything else.
  struct model {
    std::vector<float> mean;        ///< from dimension
    std::vector<float> components;  ///< to x from dimension: orthonormal rows, strongest first
  };

  struct result_of_learning {
    model space;
    std::vector<double>
        energies;  ///< up to and including each component, as shares of all variance

    /// How many of the components hold `energy` (0 to 1); all of them if they do not.
    [[nodiscard]] std::uint32_t components_for(double energy) const noexcept;
  };
  /// As many components of `sample` as hold `energy` of its variance, `most` at most. An empty
  /// model if squares of its values leave float32. Deterministic.
  [[nodiscard]] static result_of_learning learn(matrix_view sample, double energy,
                                                std::size_t most);

  explicit projection(model learned);

  [[nodiscard]] std::uint32_t from() const noexcept { return from_; }
  [[nodiscard]] std::uint32_t to() const noexcept { return to_; }
  /// Values written by apply() and turn(): to() rounded up to a multiple of 16, zeros at the end.
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] const model& learned() const noexcept { return model_; }

  /// The components of point - mean. Answers the squared length of what they leave out.
  float apply(const float* point, float* out) const;
  /// The components of a direction: nothing is subtracted.
  void turn(const float* direction, float* out) const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return (model_.mean.size() + model_.components.size() + matrix_.size()) * sizeof(float);
  }

 private:
  model model_;
  const kernel_table& kernel_;
  std::uint32_t from_;
  std::uint32_t to_;
  std::size_t width_;
  std::vector<float> matrix_;  // from x width: component c is column c
};

}  // namespace hearth::engine::index
