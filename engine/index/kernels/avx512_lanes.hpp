#pragma once
// Sixteen float32 values for float_loops.hpp. Included only where AVX-512F is compiled for;
// internal linkage, as there.
#if defined(__AVX512F__)
#include <immintrin.h>

#include <cstddef>

namespace hearth::engine::index {
namespace {

struct avx512_lanes {
  using values = __m512;
  static constexpr std::size_t count = 16;

  static values zero() noexcept { return _mm512_setzero_ps(); }
  static values load(const float* from) noexcept { return _mm512_loadu_ps(from); }
  /// The first `number` values, zeros behind them; their memory is not touched.
  static values load_first(const float* from, std::size_t number) noexcept {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << number) - 1u), from);
  }
  static values all(float value) noexcept { return _mm512_set1_ps(value); }
  static void store(float* to, values from) noexcept { _mm512_storeu_ps(to, from); }
  static values add(values a, values b) noexcept { return _mm512_add_ps(a, b); }
  static values subtract(values a, values b) noexcept { return _mm512_sub_ps(a, b); }
  static values absolute(values a) noexcept { return _mm512_abs_ps(a); }
  static values multiply_add(values a, values b, values c) noexcept {
    return _mm512_fmadd_ps(a, b, c);
  }
  static float sum(values all) noexcept { return _mm512_reduce_add_ps(all); }
};

}  // namespace
}  // namespace hearth::engine::index

#endif  // __AVX512F__
