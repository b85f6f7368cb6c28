#include "engine/index/pair_space.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth::engine::index {
namespace {

float norm_of(const float* values, std::size_t n) noexcept {
  double squared = 0;
  for (std::size_t i = 0; i < n; ++i)
    squared += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  constexpr auto largest = static_cast<double>(std::numeric_limits<float>::max());
  return static_cast<float>(std::min(std::sqrt(squared), largest));
}

}  // namespace

void pair_space::reserve(std::uint64_t slots) {
  if (vectors_.distance() == distance_kind::dot)
    cells_.reserve(slots);
}

void pair_space::expect(matrix_view vectors, slot_id bound) noexcept {
  if (vectors_.distance() != distance_kind::dot)
    return;
  float longest = 0;
  for (std::size_t row = 0; row < vectors.rows(); ++row)
    longest = std::max(longest, norm_of(vectors.row(row).data(), vectors.dimension()));
  if (static_cast<double>(longest) <= radius_)
    return;
  // Some headroom, so that slowly rising lengths do not lift everything again at each insert.
  radius_ = static_cast<double>(longest) * 1.125;
  for (slot_id slot = 0; slot < bound; ++slot)
    cell_of(slot).lift = lift_of(cell_of(slot).norm);
}

void pair_space::added(slot_id slot) noexcept {
  if (vectors_.distance() != distance_kind::dot)
    return;
  const float norm = norm_of(vectors_.at(slot), vectors_.dimension());
  cell_of(slot) = {norm, lift_of(norm)};
}

float pair_space::lift_of(float norm) const noexcept {
  const auto length = static_cast<double>(norm);
  const double lift = std::sqrt(std::max(0.0, radius_ * radius_ - length * length));
  constexpr auto largest = static_cast<double>(std::numeric_limits<float>::max());
  return static_cast<float>(std::min(lift, largest));
}

std::size_t pair_space::memory_bytes(slot_id slots) const noexcept {
  return vectors_.distance() == distance_kind::dot ? slots * sizeof(cell) : 0;
}

}  // namespace hearth::engine::index
