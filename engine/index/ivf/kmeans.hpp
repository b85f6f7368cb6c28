#pragma once
// k-means clustering.
#include <cstdint>
#include <vector>

#include "core/matrix_view.hpp"

namespace hearth::engine::index {

struct kmeans_options {
  std::uint32_t clusters = 1;
  std::uint32_t rounds = 10;  ///< of Lloyd's algorithm, at most
  std::uint64_t seed = 0;
};

/// options.clusters centroids of `points`, one after the other: clusters x dimension. Seeded like
/// k-means++ (Arthur and Vassilvitskii, 2007), improved by Lloyd's algorithm. A cluster that
/// nothing is nearest to takes the outermost point of the largest one. There may be equal centroids
/// only where there are fewer distinct points than clusters. Deterministic.
///
/// Precondition: at least one point; squared distances are finite in float32. Time: rounds x points
/// x clusters x dimension.
[[nodiscard]] std::vector<float> kmeans(matrix_view points, const kmeans_options& options);

}  // namespace hearth::engine::index
