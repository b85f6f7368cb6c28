#include "actors/storage_scan.hpp"

#include <cmath>

namespace hearth::actors {

namespace {

/// The root of the smallest number whose float32 has all its bits, and then some.
constexpr float shortest_length = 1e-18F;

}  // namespace

storage_scan::storage_scan(matrix_view queries, std::span<const std::size_t> bounds,
                           distance_kind distance)
    : queries_(queries), distance_(distance), kernels_(engine::index::kernels()) {
  nearest_.reserve(queries.rows());
  for (std::size_t query = 0; query < queries.rows(); ++query) {
    nearest_.emplace_back(bounds[query]);
    if (distance == distance_kind::cosine)
      norms_.push_back(
          std::sqrt(kernels_.squared_norm(queries.row(query).data(), queries.dimension())));
  }
}

void storage_scan::offer(std::span<const row_id> rows, matrix_view vectors,
                         const std::function<bool(row_id)>& wanted) {
  for (std::size_t index = 0; index < rows.size(); ++index) {
    if (!wanted || wanted(rows[index]))
      offer_row(rows[index], vectors.row(index));
  }
}

void storage_scan::offer_row(row_id row, std::span<const float> vector) {
  ++compared_;
  const float norm = distance_ == distance_kind::cosine
                         ? std::sqrt(kernels_.squared_norm(vector.data(), vector.size()))
                         : 0.0F;
  for (std::size_t query = 0; query < nearest_.size(); ++query) {
    float away = distance(query, vector, norm);
    if (!std::isfinite(away))
      away = precise(query, vector);
    nearest_[query].offer({row, away});
  }
}

float storage_scan::distance(std::size_t query, std::span<const float> vector,
                             float vector_norm) const {
  const float* asked = queries_.row(query).data();
  switch (distance_) {
  case distance_kind::l2:
    return std::sqrt(kernels_.l2_squared(asked, vector.data(), vector.size()));
  case distance_kind::dot:
    return -kernels_.dot(asked, vector.data(), vector.size());
  case distance_kind::cosine:
    break;
  }
  // The square of a tiny or huge length leaves float32, or keeps few of its bits: NaN sends it to
  // precise().
  const float lengths = norms_[query] * vector_norm;
  if (!std::isnormal(lengths) || norms_[query] < shortest_length || vector_norm < shortest_length)
    return std::numeric_limits<float>::quiet_NaN();
  const float cosine = kernels_.dot(asked, vector.data(), vector.size()) / lengths;
  return std::isfinite(cosine) ? std::clamp(1.0F - cosine, 0.0F, 2.0F) : cosine;
}

float storage_scan::precise(std::size_t query, std::span<const float> vector) const {
  const auto single = engine::index::make_plain_flat(queries_.dimension(), distance_);
  const row_id row = 1;
  if (!single->insert({&row, 1}, matrix_view(vector.data(), 1, queries_.dimension())))
    return std::numeric_limits<float>::max();
  const auto found = single->search(queries_.row(query), 1, 1);
  return found.empty() ? std::numeric_limits<float>::max() : found.front().distance;
}

}  // namespace hearth::actors
