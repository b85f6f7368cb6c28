// Portable kernels. Eight independent sums keep the additions from waiting for each other and let
// the compiler use whatever vectors the baseline has.
#include <bit>
#include <cmath>

#include "engine/index/kernels/block_loops.hpp"
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

float manhattan(const float* a, const float* b, std::size_t n) noexcept {
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += std::abs(a[i + lane] - b[i + lane]);
  for (std::size_t lane = 0; i < n; ++i, ++lane)
    sums[lane] += std::abs(a[i] - b[i]);
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

// Of the codes in one byte.
template <unsigned Bits>
std::uint32_t squares_of(unsigned a, unsigned b) noexcept {
  if constexpr (Bits == 7)
    return (a - b) * (a - b);
  else if constexpr (Bits == 4)
    return (a % 16 - b % 16) * (a % 16 - b % 16) + (a / 16 - b / 16) * (a / 16 - b / 16);
  else
    return static_cast<std::uint32_t>(std::popcount(a ^ b));
}

template <unsigned Bits>
std::uint32_t code_l2_squared(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t i = 4; i < bytes; ++i)
    sum += squares_of<Bits>(static_cast<unsigned>(a[i]), static_cast<unsigned>(b[i]));
  return sum;
}

template <unsigned Bits>
void code_l2_squared_many(const std::byte* a, const std::byte* const* rows, std::size_t count,
                          std::size_t bytes, std::uint32_t* sums) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    sums[i] = code_l2_squared<Bits>(a, rows[i], bytes);
}

void products(const float* matrix, std::size_t rows, std::size_t columns, const float* vector,
              float* out) noexcept {
  for (std::size_t row = 0; row < rows; ++row)
    out[row] = dot(matrix + row * columns, vector, columns);
}

void column_products(const float* vector, std::size_t n, const float* matrix, std::size_t columns,
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

code_sums code_dots(const std::byte* row, const std::byte* high, const std::byte* low,
                    std::size_t bytes) noexcept {
  code_sums sums{0, 0};
  for (std::size_t i = 0; i < bytes; ++i) {
    const int code = static_cast<int>(row[i]);
    sums.high += code * static_cast<std::int8_t>(high[i]);
    sums.low += code * static_cast<std::int8_t>(low[i]);
  }
  return sums;
}

void code_row_sums(const std::byte* rows, std::size_t row_bytes, std::size_t count,
                   const std::byte* query, std::int32_t* sums) noexcept {
  for (std::size_t row = 0; row < count; ++row) {
    const std::byte* const codes = rows + row * row_bytes;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < row_bytes; ++i)
      sum += static_cast<int>(codes[i]) * static_cast<std::int8_t>(query[i]);
    sums[row] = sum;
  }
}

/// For block_loops.hpp.
struct scalar_code_lanes {
  struct sums {
    std::int32_t of[group_queries];
  };
  using queries = const std::byte*;
  struct floats {
    float of[group_queries];
  };
  static constexpr std::size_t rows = 1;
  static constexpr std::size_t groups = 1;

  static sums zero() noexcept { return {}; }
  static queries load(const std::byte* from) noexcept { return from; }
  static const std::byte* broadcast(const std::byte* four) noexcept { return four; }
  static sums add_products(const std::byte* codes, queries step, sums sum) noexcept {
    for (std::size_t query = 0; query < group_queries; ++query)
      for (std::size_t i = 0; i < 4; ++i)
        sum.of[query] += static_cast<int>(codes[i]) * static_cast<std::int8_t>(step[4 * query + i]);
    return sum;
  }
  static floats load_floats(const float* from) noexcept {
    floats loaded;
    for (std::size_t query = 0; query < group_queries; ++query)
      loaded.of[query] = from[query];
    return loaded;
  }
  static floats multiply_add(const floats& a, float b, floats c) noexcept {
    for (std::size_t query = 0; query < group_queries; ++query)
      c.of[query] += a.of[query] * b;
    return c;
  }
  static std::uint32_t within(const sums& sum, const floats& scale, float term,
                              const floats& limit) noexcept {
    std::uint32_t mask = 0;
    for (std::size_t query = 0; query < group_queries; ++query) {
      const float value = term + scale.of[query] * static_cast<float>(sum.of[query]);
      mask |= static_cast<std::uint32_t>(value <= limit.of[query]) << query;
    }
    return mask;
  }
  static code_hit* append(std::uint32_t mask, std::size_t row, std::size_t first_query,
                          code_hit* hits) noexcept {
    return append_hits(mask, row, first_query, hits);
  }
};

}  // namespace

const kernel_table scalar_kernels{
    .name = "scalar",
    .l2_squared = l2_squared,
    .manhattan = manhattan,
    .dot = dot,
    .squared_norm = squared_norm,
    .products = products,
    .column_products = column_products,
    .codes7 = {code_l2_squared<7>, code_l2_squared_many<7>},
    .codes4 = {code_l2_squared<4>, code_l2_squared_many<4>},
    .codes1 = {code_l2_squared<1>, code_l2_squared_many<1>},
    .code_dots = code_dots,
    .code_row_sums = code_row_sums,
    .code_hits = code_hits<scalar_code_lanes>,
    .fast_scan = {1, make_tables, fast_scan},
};

}  // namespace hearth::engine::index
