// Kernels for AVX-512F. Compiled with -mavx512f -mfma; called only where the CPU has it.
#include <immintrin.h>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::size_t lanes = 16;
constexpr std::size_t stride = 4 * lanes;

__mmask16 first_lanes(std::size_t count) noexcept {
  return static_cast<__mmask16>((1u << count) - 1u);
}

// Spelled out rather than _mm512_reduce_add_ps, whose header trips -Wmaybe-uninitialized in g++ 12.
float sum_of(__m512 s0, __m512 s1, __m512 s2, __m512 s3) noexcept {
  const __m512 sum = _mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3));
  alignas(64) float values[lanes];
  _mm512_store_ps(values, sum);
  const __m256 eight = _mm256_add_ps(_mm256_load_ps(values), _mm256_load_ps(values + 8));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  four = _mm_add_ss(four, _mm_movehdup_ps(four));
  return _mm_cvtss_f32(four);
}

__m512 add_squared_difference(__m512 a, __m512 b, __m512 sum) noexcept {
  const __m512 difference = _mm512_sub_ps(a, b);
  return _mm512_fmadd_ps(difference, difference, sum);
}

float l2_squared(const float* a, const float* b, std::size_t n) noexcept {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  std::size_t i = 0;
  for (; i + stride <= n; i += stride) {
    s0 = add_squared_difference(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = add_squared_difference(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    s2 = add_squared_difference(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
    s3 = add_squared_difference(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
  }
  for (; i + lanes <= n; i += lanes)
    s0 = add_squared_difference(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  if (i < n) {
    const __mmask16 mask = first_lanes(n - i);
    s1 = add_squared_difference(_mm512_maskz_loadu_ps(mask, a + i),
                                _mm512_maskz_loadu_ps(mask, b + i), s1);
  }
  return sum_of(s0, s1, s2, s3);
}

float dot(const float* a, const float* b, std::size_t n) noexcept {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  std::size_t i = 0;
  for (; i + stride <= n; i += stride) {
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    s2 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
    s3 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
  }
  for (; i + lanes <= n; i += lanes)
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  if (i < n) {
    const __mmask16 mask = first_lanes(n - i);
    s1 =
        _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i), s1);
  }
  return sum_of(s0, s1, s2, s3);
}

float squared_norm(const float* a, std::size_t n) noexcept {
  return dot(a, a, n);
}

}  // namespace

const kernel_table avx512_kernels{"avx512", l2_squared, dot, squared_norm};

}  // namespace hearth::engine::index
