#include "engine/index/vector_store.hpp"

#include <algorithm>
#include <limits>

namespace hearth::engine::index {
namespace {

// Short vectors lie densely; from a cache line on, each starts on one.
std::size_t stride_for(std::uint32_t dimension) noexcept {
  const std::size_t bytes = dimension * sizeof(float);
  return bytes < 64 ? bytes : (bytes + 63) / 64 * 64;
}

double dot_in_float64(const float* a, const float* b, std::size_t n) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

double l2_squared_in_float64(const float* a, const float* b, std::size_t n) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

double manhattan_in_float64(const float* a, const float* b, std::size_t n) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    sum += std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
  return sum;
}

}  // namespace

void normalize(std::span<const float> values, float* out) noexcept {
  // Inside this range neither the sum nor any part that matters over- or underflows.
  constexpr float smallest = 1e-24f;
  constexpr float largest = 1e30f;
  double squared = static_cast<double>(kernels().squared_norm(values.data(), values.size()));
  if (!(squared >= static_cast<double>(smallest) && squared <= static_cast<double>(largest)))
    squared = dot_in_float64(values.data(), values.data(), values.size());
  const double scale = squared > 0 ? 1 / std::sqrt(squared) : 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    out[i] = static_cast<float>(static_cast<double>(values[i]) * scale);
}

matrix_view compared(matrix_view queries, distance_kind distance, std::vector<float>& room) {
  if (distance != distance_kind::cosine)
    return queries;
  room.resize(queries.values().size());
  for (std::size_t query = 0; query < queries.rows(); ++query)
    normalize(queries.row(query), room.data() + query * queries.dimension());
  return {room.data(), queries.rows(), queries.dimension()};
}

vector_store::vector_store(std::uint32_t dimension, distance_kind distance) noexcept
    : dimension_(dimension), distance_(distance), kernel_(kernels()),
      segments_(stride_for(dimension)),
      prefetch_bytes_(std::min<std::size_t>(dimension * sizeof(float), 256)) {}

void vector_store::write(std::span<const float> values, float* out) const noexcept {
  if (distance_ == distance_kind::cosine)
    normalize(values, out);
  else
    std::copy(values.begin(), values.end(), out);
}

query_distance::query_distance(const vector_store& vectors, const float* query) noexcept
    : vectors_(vectors), query_(query), sum_(vectors.kernel().l2_squared) {
  const auto kind = computed_as(vectors.distance());
  if (kind == distance_kind::l2)
    return;
  if (kind == distance_kind::manhattan) {
    sum_ = vectors.kernel().manhattan;
    return;
  }
  sum_ = vectors.kernel().dot;
  scale_ = -1;
  offset_ = kind == distance_kind::cosine ? 1.0f : 0.0f;
}

double query_distance::exact_of(const float* stored) const noexcept {
  switch (vectors_.distance()) {
  case distance_kind::l2:
    return std::sqrt(l2_squared_in_float64(query_, stored, vectors_.dimension()));
  case distance_kind::hamming:
    return l2_squared_in_float64(query_, stored, vectors_.dimension());
  case distance_kind::manhattan:
    return manhattan_in_float64(query_, stored, vectors_.dimension());
  case distance_kind::cosine:
    return std::clamp(1 - dot_in_float64(query_, stored, vectors_.dimension()), 0.0, 2.0);
  case distance_kind::dot:
    break;
  }
  return -dot_in_float64(query_, stored, vectors_.dimension());
}

float query_distance::reported(float distance) const noexcept {
  switch (vectors_.distance()) {
  case distance_kind::l2:
    return std::sqrt(distance);
  case distance_kind::cosine:
    return std::clamp(distance, 0.0f, 2.0f);
  case distance_kind::dot:
  case distance_kind::manhattan:
  case distance_kind::hamming:
    break;
  }
  return distance;
}

}  // namespace hearth::engine::index
