#pragma once
// Other bases for vectors: principal components of a sample, random rotations.
#include <cstdint>
#include <vector>

#include "core/matrix_view.hpp"

namespace hearth::engine::index {

struct principal_directions {
  std::vector<float> mean;        ///< dimension
  std::vector<float> components;  ///< dimension x dimension: orthonormal rows, strongest first
  std::vector<double> energies;   ///< the sample's variance along each
};

/// All of them; energies that are not finite where the squares of the values leave float32. The
/// time grows with rows * dimension^2 + dimension^3. Precondition: a row.
[[nodiscard]] principal_directions principal_components(matrix_view sample);

/// dimension x dimension: orthonormal rows, in directions that depend on the seed only.
[[nodiscard]] std::vector<float> random_rotation(std::uint32_t dimension, std::uint64_t seed);

[[nodiscard]] std::vector<float> mean_of(matrix_view sample);

}  // namespace hearth::engine::index
