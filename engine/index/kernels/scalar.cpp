// Portable kernels. Eight independent sums keep the additions from waiting for each other and let
// the compiler use whatever vectors the baseline has.
#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/table_loops.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::size_t lanes = 8;

float sum_of(const float (&sums)[lanes]) noexcept {
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

float l2_squared(const float* a, const float* b, std::size_t n) noexcept {
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float difference = a[i + lane] - b[i + lane];
      sums[lane] += difference * difference;
    }
  for (std::size_t lane = 0; i < n; ++i, ++lane) {
    const float difference = a[i] - b[i];
    sums[lane] += difference * difference;
  }
  return sum_of(sums);
}

float dot(const float* a, const float* b, std::size_t n) noexcept {
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += a[i + lane] * b[i + lane];
  for (std::size_t lane = 0; i < n; ++i, ++lane)
    sums[lane] += a[i] * b[i];
  return sum_of(sums);
}

float squared_norm(const float* a, std::size_t n) noexcept {
  return dot(a, a, n);
}

std::uint32_t code_l2_squared(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t i = 4; i < bytes; ++i) {
    const int difference = static_cast<int>(a[i]) - static_cast<int>(b[i]);
    sum += static_cast<std::uint32_t>(difference * difference);
  }
  return sum;
}

void multiply(const float* vector, std::size_t n, const float* matrix, std::size_t columns,
              float* out) noexcept {
  constexpr std::size_t together = 16;
  for (std::size_t c = 0; c < columns; c += together) {
    float sums[together] = {};
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < together; ++j)
        sums[j] += vector[i] * matrix[i * columns + c + j];
    for (std::size_t j = 0; j < together; ++j)
      out[c + j] = sums[j];
  }
}

std::uint32_t fast_scan(const fast_scan_query& query, const std::byte* codes, const float* factors,
                        const float* biases, float limit, float* distances) noexcept {
  constexpr std::size_t rows = 32;
  std::uint32_t sums[rows] = {};
  const std::uint8_t* table = query.tables;
  for (std::size_t group = 0; group < query.groups; ++group, table += 128)
    for (std::size_t byte = 0; byte < 4; ++byte)
      for (std::size_t row = 0; row < rows; ++row, ++codes) {
        const auto both = static_cast<std::uint8_t>(*codes);
        const std::uint32_t low = table[byte * 16 + (both & 15u)];
        sums[row] += low + table[(4 + byte) * 16 + (both >> 4)];
      }
  std::uint32_t below = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const float value = static_cast<float>(sums[row]) * query.scale + query.base;
    distances[row] = value * factors[row] + biases[row];
    below |= (distances[row] < limit ? 1u : 0u) << row;
  }
  return below;
}

}  // namespace

const kernel_table scalar_kernels{"scalar",
                                  l2_squared,
                                  dot,
                                  squared_norm,
                                  code_l2_squared,
                                  multiply,
                                  {1, make_tables, fast_scan}};

}  // namespace hearth::engine::index
