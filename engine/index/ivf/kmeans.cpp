#include "engine/index/ivf/kmeans.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>
#include <random>
#include <span>

#include "engine/index/ivf/centroid_set.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {
namespace {

// In [0, 1); the distributions of <random> differ between libraries.
double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

// Which point to take if each is as likely as its weight.
std::size_t draw(std::span<const float> weights, std::mt19937_64& random) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double rest = uniform(random) * total;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > 0))
      continue;
    last = i;
    rest -= static_cast<double>(weights[i]);
    if (rest < 0)
      break;
  }
  return last;
}

// Each centroid is a point, the likelier the farther it is from those before it.
std::vector<float> seeds(matrix_view points, std::uint32_t clusters, std::mt19937_64& random) {
  const auto& kernel = kernels();
  const std::size_t dimension = points.dimension();
  std::vector<float> chosen(clusters * dimension);
  std::vector<float> nearest(points.rows(), std::numeric_limits<float>::max());
  std::size_t next = random() % points.rows();
  for (std::uint32_t c = 0; c < clusters; ++c) {
    float* const centroid = chosen.data() + c * dimension;
    std::ranges::copy(points.row(next), centroid);
    for (std::size_t i = 0; i < points.rows(); ++i)
      nearest[i] =
          std::min(nearest[i], kernel.l2_squared(points.row(i).data(), centroid, dimension));
    next = draw(nearest, random);
  }
  return chosen;
}

struct assignment {
  std::vector<std::uint32_t> cluster;  // of each point
  std::vector<float> distance;         // of each point, squared
  std::vector<std::uint32_t> size;     // of each cluster

  // True if a point changed its cluster.
  bool update(matrix_view points, const centroid_set& centroids) {
    std::vector<float> distances(centroids.columns());
    bool changed = false;
    size.assign(centroids.size(), 0);
    for (std::size_t i = 0; i < points.rows(); ++i) {
      centroids.squared_distances(points.row(i).data(), distances.data());
      const auto best = std::ranges::min_element(distances);
      const auto found = static_cast<std::uint32_t>(best - distances.begin());
      changed |= found != cluster[i];
      cluster[i] = found;
      distance[i] = *best;
      ++size[found];
    }
    return changed;
  }
};

void move_to_means(matrix_view points, const assignment& assigned, std::vector<float>& centroids) {
  const std::size_t dimension = points.dimension();
  std::vector<double> sums(centroids.size(), 0);
  for (std::size_t i = 0; i < points.rows(); ++i) {
    double* const sum = sums.data() + assigned.cluster[i] * dimension;
    const auto point = points.row(i);
    for (std::size_t d = 0; d < dimension; ++d)
      sum[d] += static_cast<double>(point[d]);
  }
  for (std::size_t c = 0; c < assigned.size.size(); ++c)
    if (assigned.size[c] > 0)
      for (std::size_t d = 0; d < dimension; ++d)
        centroids[c * dimension + d] =
            static_cast<float>(sums[c * dimension + d] / assigned.size[c]);
}

// The point of `cluster` that is farthest from its centroid; points.rows() if all are at it.
std::size_t outermost(matrix_view points, const assignment& assigned, std::uint32_t cluster) {
  std::size_t found = points.rows();
  for (std::size_t i = 0; i < points.rows(); ++i)
    if (assigned.cluster[i] == cluster &&
        assigned.distance[i] > (found == points.rows() ? 0 : assigned.distance[found]))
      found = i;
  return found;
}

// Gives each empty cluster the outermost point of the largest one that has such a point.
void fill_empty(matrix_view points, assignment& assigned, std::vector<float>& centroids) {
  const std::size_t dimension = points.dimension();
  auto& size = assigned.size;
  for (std::uint32_t empty = 0; empty < size.size(); ++empty) {
    while (size[empty] == 0) {
      const auto largest =
          static_cast<std::uint32_t>(std::ranges::max_element(size) - size.begin());
      if (size[largest] <= 1)
        return;
      const std::size_t point = outermost(points, assigned, largest);
      if (point == points.rows()) {
        size[largest] = 1;  // copies of one point
        continue;
      }
      std::ranges::copy(points.row(point), centroids.data() + empty * dimension);
      // It will take about half: the next empty cluster should look elsewhere.
      assigned.cluster[point] = empty;
      size[empty] = size[largest] / 2;
      size[largest] -= size[empty];
    }
  }
}

}  // namespace

std::vector<float> kmeans(matrix_view points, const kmeans_options& options) {
  assert(!points.empty() && options.clusters > 0);
  std::mt19937_64 random(options.seed);
  auto centroids = seeds(points, options.clusters, random);
  assignment assigned;
  assigned.cluster.assign(points.rows(), options.clusters);
  assigned.distance.assign(points.rows(), 0);
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    const centroid_set now({centroids.data(), options.clusters, points.dimension()});
    if (!assigned.update(points, now))
      break;
    move_to_means(points, assigned, centroids);
    fill_empty(points, assigned, centroids);
  }
  return centroids;
}

}  // namespace hearth::engine::index
