// Kernels for AVX2 with FMA. Compiled with -mavx2 -mfma; called only where the CPU has both.
#include <immintrin.h>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::size_t lanes = 8;
// Four sums hide the latency of the FMA (4 cycles, two per cycle) well enough for loads from L2.
constexpr std::size_t stride = 4 * lanes;

// All ones in the first `count` of 8 lanes; maskload does not touch the others' memory.
__m256i first_lanes(std::size_t count) noexcept {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), index);
}

float sum_of(__m256 s0, __m256 s1, __m256 s2, __m256 s3) noexcept {
  const __m256 sum = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  four = _mm_add_ss(four, _mm_movehdup_ps(four));
  return _mm_cvtss_f32(four);
}

__m256 add_squared_difference(__m256 a, __m256 b, __m256 sum) noexcept {
  const __m256 difference = _mm256_sub_ps(a, b);
  return _mm256_fmadd_ps(difference, difference, sum);
}

float l2_squared(const float* a, const float* b, std::size_t n) noexcept {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  std::size_t i = 0;
  for (; i + stride <= n; i += stride) {
    s0 = add_squared_difference(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = add_squared_difference(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    s2 = add_squared_difference(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
    s3 = add_squared_difference(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
  }
  for (; i + lanes <= n; i += lanes)
    s0 = add_squared_difference(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  if (i < n) {
    const __m256i mask = first_lanes(n - i);
    s1 = add_squared_difference(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask),
                                s1);
  }
  return sum_of(s0, s1, s2, s3);
}

float dot(const float* a, const float* b, std::size_t n) noexcept {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  std::size_t i = 0;
  for (; i + stride <= n; i += stride) {
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    s2 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
    s3 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
  }
  for (; i + lanes <= n; i += lanes)
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  if (i < n) {
    const __m256i mask = first_lanes(n - i);
    s1 = _mm256_fmadd_ps(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask), s1);
  }
  return sum_of(s0, s1, s2, s3);
}

float squared_norm(const float* a, std::size_t n) noexcept {
  return dot(a, a, n);
}

}  // namespace

const kernel_table avx2_kernels{"avx2", l2_squared, dot, squared_norm};

}  // namespace hearth::engine::index
