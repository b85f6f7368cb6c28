#pragma once
// Principal component analysis of a sample.
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

}  // namespace hearth::engine::index
