#include "engine/index/codes/short_codes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/index/codes/principal_components.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::size_t header_bytes = sizeof(float);
constexpr std::size_t row_unit = 64;
constexpr double wanted_energy = 0.92;
constexpr float largest_code = 127;
// The sample does not hold the extremes of what is to come.
constexpr float margin = 1.05F;

std::size_t padded(std::size_t bytes) noexcept {
  return (bytes + row_unit - 1) / row_unit * row_unit;
}

// As many components as reach the wanted energy, and as many more as fill the row.
std::size_t component_count(std::span<const double> energies) noexcept {
  const double total = std::accumulate(energies.begin(), energies.end(), 0.0);
  double reached = 0;
  std::size_t needed = 0;
  while (needed < energies.size() && (needed == 0 || reached < wanted_energy * total))
    reached += energies[needed++];
  return std::min(energies.size(), padded(needed + header_bytes) - header_bytes);
}

}  // namespace

std::optional<short_codes> short_codes::train(matrix_view sample, distance_kind distance) {
  auto found = principal_components(sample);
  if (!std::ranges::all_of(found.energies, [](double energy) { return std::isfinite(energy); }))
    return std::nullopt;
  const std::size_t dimension = sample.dimension();
  const std::size_t count = component_count(found.energies);
  found.components.resize(count * dimension);
  model learned{std::move(found.mean), std::move(found.components), 0, 1};

  const auto& kernel = kernels();
  std::vector<float> centred(dimension);
  std::vector<float> projected(count);
  float largest = 0;
  for (std::size_t i = 0; i < sample.rows(); ++i) {
    const auto row = sample.row(i);
    for (std::size_t d = 0; d < dimension; ++d)
      centred[d] = row[d] - learned.mean[d];
    kernel.products(learned.components.data(), count, dimension, centred.data(), projected.data());
    for (const float value : projected)
      largest = std::max(largest, std::abs(value));
  }
  learned.lowest = -largest * margin;
  learned.step = largest > 0 ? 2 * largest * margin / largest_code : 1;
  return short_codes(std::move(learned), distance);
}

short_codes::short_codes(model trained, distance_kind distance)
    : model_(std::move(trained)), distance_(distance), dimension_(model_.mean.size()),
      components_(model_.components.size() / dimension_),
      row_bytes_(padded(components_ + header_bytes)), squared_step_(model_.step * model_.step),
      kernel_(kernels()) {}

bool short_codes::is_row(const std::byte* row) const noexcept {
  const auto* const codes = row + header_bytes;
  return std::isfinite(offset_of(row)) &&
         std::all_of(codes, codes + components_,
                     [](std::byte code) { return code <= std::byte{127}; }) &&
         std::all_of(codes + components_, row + row_bytes_,
                     [](std::byte rest) { return rest == std::byte{0}; });
}

void short_codes::distances(const std::byte* a, std::span<const std::byte* const> rows,
                            float* out) const noexcept {
  constexpr std::size_t block = 64;
  std::uint32_t sums[block];
  const float offset = offset_of(a);
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const auto part = rows.subspan(first, std::min(block, rows.size() - first));
    kernel_.code_l2_squared_many(a, part.data(), part.size(), row_bytes_, sums);
    for (std::size_t i = 0; i < part.size(); ++i)
      out[first + i] = static_cast<float>(sums[i]) * squared_step_ + (offset + offset_of(part[i]));
  }
}

void short_codes::encode(const float* vector, std::byte* row) const noexcept {
  thread_local std::vector<float> centred;
  thread_local std::vector<float> projected;
  centred.resize(dimension_);
  projected.resize(components_);
  for (std::size_t d = 0; d < dimension_; ++d)
    centred[d] = vector[d] - model_.mean[d];
  std::memset(row, 0, row_bytes_);
  const float per_step = 1 / model_.step;
  kernel_.products(model_.components.data(), components_, dimension_, centred.data(),
                   projected.data());
  const float covered = kernel_.squared_norm(projected.data(), components_);
  for (std::size_t c = 0; c < components_; ++c) {
    const float code = (projected[c] - model_.lowest) * per_step + 0.5F;
    row[header_bytes + c] =
        static_cast<std::byte>(static_cast<int>(std::clamp(code, 0.0F, largest_code)));
  }
  float offset = std::max(0.0F, kernel_.squared_norm(centred.data(), dimension_) - covered);
  if (distance_ == distance_kind::dot)
    offset -= kernel_.squared_norm(vector, dimension_);
  std::memcpy(row, &offset, sizeof offset);
}

}  // namespace hearth::engine::index
