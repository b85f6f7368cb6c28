#include "core/matrix_view.hpp"

#include <algorithm>
#include <bit>

namespace hearth::inline core {

namespace {

// NaN and infinity are the values whose exponent bits are all ones; adding one unit of exponent
// carries exactly those into the sign bit. And, add, or: integer operations of the baseline
// instruction set, free of floating-point flags.
constexpr std::uint32_t exponent_mask = 0x7f80'0000;
constexpr std::uint32_t exponent_unit = 0x0080'0000;
constexpr std::uint32_t carry = 0x8000'0000;

std::uint32_t exponent_carry(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & exponent_mask) + exponent_unit;
}

// The compiler vectorises a loop at -O2 only when its trip count is constant.
constexpr std::size_t block_values = 256;

std::uint32_t block_carry(const float* values) noexcept {
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < block_values; ++i)
    seen |= exponent_carry(values[i]);
  return seen;
}

}  // namespace

bool all_finite(std::span<const float> values) noexcept {
  const float* next = values.data();
  std::size_t left = values.size();
  for (; left >= block_values; left -= block_values, next += block_values)
    if ((block_carry(next) & carry) != 0)
      return false;
  std::uint32_t seen = 0;
  for (; left > 0; --left, ++next)
    seen |= exponent_carry(*next);
  return (seen & carry) == 0;
}

}  // namespace hearth::inline core
