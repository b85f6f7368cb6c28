#pragma once
// The float32 loops that the vector instruction sets share. `Lanes` names one set's registers and
// instructions. All of it has internal linkage on purpose: each translation unit has its own
// machine flags, and the linker must not keep one copy for all.
#include <cstddef>

namespace hearth::engine::index {
namespace {

struct squared_difference {
  template <class Lanes>
  static typename Lanes::values add(typename Lanes::values a, typename Lanes::values b,
                                    typename Lanes::values sum) noexcept {
    const auto difference = Lanes::subtract(a, b);
    return Lanes::multiply_add(difference, difference, sum);
  }
};

struct absolute_difference {
  template <class Lanes>
  static typename Lanes::values add(typename Lanes::values a, typename Lanes::values b,
                                    typename Lanes::values sum) noexcept {
    return Lanes::add(sum, Lanes::absolute(Lanes::subtract(a, b)));
  }
};

struct product {
  template <class Lanes>
  static typename Lanes::values add(typename Lanes::values a, typename Lanes::values b,
                                    typename Lanes::values sum) noexcept {
    return Lanes::multiply_add(a, b, sum);
  }
};

/// The sum of Term over n pairs. Four sums hide the latency of the FMA (4 cycles, two per cycle)
/// well enough for loads from L2.
template <class Lanes, class Term>
float sum_of_pairs(const float* a, const float* b, std::size_t n) noexcept {
  constexpr std::size_t lanes = Lanes::count;
  constexpr std::size_t stride = 4 * lanes;
  const auto add = [&](std::size_t at, typename Lanes::values sum) {
    return Term::template add<Lanes>(Lanes::load(a + at), Lanes::load(b + at), sum);
  };
  auto s0 = Lanes::zero();
  auto s1 = s0;
  auto s2 = s0;
  auto s3 = s0;
  std::size_t i = 0;
  for (; i + stride <= n; i += stride) {
    s0 = add(i, s0);
    s1 = add(i + lanes, s1);
    s2 = add(i + 2 * lanes, s2);
    s3 = add(i + 3 * lanes, s3);
  }
  for (; i + lanes <= n; i += lanes)
    s0 = add(i, s0);
  if (i < n)
    s1 = Term::template add<Lanes>(Lanes::load_first(a + i, n - i), Lanes::load_first(b + i, n - i),
                                   s1);
  return Lanes::sum(Lanes::add(Lanes::add(s0, s1), Lanes::add(s2, s3)));
}

template <class Lanes>
float l2_squared(const float* a, const float* b, std::size_t n) noexcept {
  return sum_of_pairs<Lanes, squared_difference>(a, b, n);
}

template <class Lanes>
float manhattan(const float* a, const float* b, std::size_t n) noexcept {
  return sum_of_pairs<Lanes, absolute_difference>(a, b, n);
}

template <class Lanes>
float dot(const float* a, const float* b, std::size_t n) noexcept {
  return sum_of_pairs<Lanes, product>(a, b, n);
}

/// Four rows at a time, so that each value of the vector is loaded once for all of them.
template <class Lanes>
void products(const float* matrix, std::size_t rows, std::size_t columns, const float* vector,
              float* out) noexcept {
  constexpr std::size_t lanes = Lanes::count;
  std::size_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const float* const r0 = matrix + row * columns;
    const float* const r1 = r0 + columns;
    const float* const r2 = r1 + columns;
    const float* const r3 = r2 + columns;
    auto s0 = Lanes::zero();
    auto s1 = s0;
    auto s2 = s0;
    auto s3 = s0;
    std::size_t i = 0;
    for (; i + lanes <= columns; i += lanes) {
      const auto values = Lanes::load(vector + i);
      s0 = Lanes::multiply_add(Lanes::load(r0 + i), values, s0);
      s1 = Lanes::multiply_add(Lanes::load(r1 + i), values, s1);
      s2 = Lanes::multiply_add(Lanes::load(r2 + i), values, s2);
      s3 = Lanes::multiply_add(Lanes::load(r3 + i), values, s3);
    }
    if (i < columns) {
      const std::size_t rest = columns - i;
      const auto values = Lanes::load_first(vector + i, rest);
      s0 = Lanes::multiply_add(Lanes::load_first(r0 + i, rest), values, s0);
      s1 = Lanes::multiply_add(Lanes::load_first(r1 + i, rest), values, s1);
      s2 = Lanes::multiply_add(Lanes::load_first(r2 + i, rest), values, s2);
      s3 = Lanes::multiply_add(Lanes::load_first(r3 + i, rest), values, s3);
    }
    out[row] = Lanes::sum(s0);
    out[row + 1] = Lanes::sum(s1);
    out[row + 2] = Lanes::sum(s2);
    out[row + 3] = Lanes::sum(s3);
  }
  for (; row < rows; ++row)
    out[row] = dot<Lanes>(matrix + row * columns, vector, columns);
}

template <class Lanes>
float squared_norm(const float* a, std::size_t n) noexcept {
  return dot<Lanes>(a, a, n);
}

/// `Registers` registers of columns at a time: enough sums to hide the latency of the FMA.
template <class Lanes, std::size_t Registers>
void sum_columns(const float* vector, std::size_t n, const float* matrix, std::size_t columns,
                 float* out) noexcept {
  typename Lanes::values sums[Registers];
  for (auto& sum : sums)
    sum = Lanes::zero();
  for (std::size_t i = 0; i < n; ++i, matrix += columns) {
    const auto value = Lanes::all(vector[i]);
    for (std::size_t r = 0; r < Registers; ++r)
      sums[r] = Lanes::multiply_add(value, Lanes::load(matrix + r * Lanes::count), sums[r]);
  }
  for (std::size_t r = 0; r < Registers; ++r)
    Lanes::store(out + r * Lanes::count, sums[r]);
}

template <class Lanes>
void column_products(const float* vector, std::size_t n, const float* matrix, std::size_t columns,
                     float* out) noexcept {
  std::size_t c = 0;
  for (; c + 8 * Lanes::count <= columns; c += 8 * Lanes::count)
    sum_columns<Lanes, 8>(vector, n, matrix + c, columns, out + c);
  if (c + 4 * Lanes::count <= columns) {
    sum_columns<Lanes, 4>(vector, n, matrix + c, columns, out + c);
    c += 4 * Lanes::count;
  }
  if (c + 2 * Lanes::count <= columns) {
    sum_columns<Lanes, 2>(vector, n, matrix + c, columns, out + c);
    c += 2 * Lanes::count;
  }
  if (c < columns)
    sum_columns<Lanes, 1>(vector, n, matrix + c, columns, out + c);
}

}  // namespace
}  // namespace hearth::engine::index
