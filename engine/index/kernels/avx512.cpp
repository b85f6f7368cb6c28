// Kernels for AVX-512F. Compiled with -mavx512f -mfma; called only where the CPU has it.
#include <immintrin.h>

#include "engine/index/kernels/float_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"

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
  static values add(values a, values b) noexcept { return _mm512_add_ps(a, b); }
  static values subtract(values a, values b) noexcept { return _mm512_sub_ps(a, b); }
  static values multiply_add(values a, values b, values c) noexcept {
    return _mm512_fmadd_ps(a, b, c);
  }
  // Spelled out rather than _mm512_reduce_add_ps, whose header trips -Wmaybe-uninitialized in
  // g++ 12.
  static float sum(values all) noexcept {
    alignas(64) float each[count];
    _mm512_store_ps(each, all);
    const __m256 eight = _mm256_add_ps(_mm256_load_ps(each), _mm256_load_ps(each + 8));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    four = _mm_add_ss(four, _mm_movehdup_ps(four));
    return _mm_cvtss_f32(four);
  }
};

}  // namespace

const kernel_table avx512_kernels{"avx512", l2_squared<avx512_lanes>, dot<avx512_lanes>,
                                  squared_norm<avx512_lanes>};

}  // namespace hearth::engine::index
