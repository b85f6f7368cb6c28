// Kernels for AVX2 with FMA. Compiled with -mavx2 -mfma; called only where the CPU has both.
#include <immintrin.h>

#include "engine/index/kernels/block_loops.hpp"
#include "engine/index/kernels/code_loops.hpp"
#include "engine/index/kernels/fast_scan_loops.hpp"
#include "engine/index/kernels/float_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/table_loops.hpp"

namespace hearth::engine::index {
namespace {

struct avx2_lanes {
  using values = __m256;
  static constexpr std::size_t count = 8;

  static values zero() noexcept { return _mm256_setzero_ps(); }
  static values load(const float* from) noexcept { return _mm256_loadu_ps(from); }
  /// The first `number` values, zeros behind them; their memory is not touched.
  static values load_first(const float* from, std::size_t number) noexcept {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(
        from, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(number)), index));
  }
  static values all(float value) noexcept { return _mm256_set1_ps(value); }
  static void store(float* to, values from) noexcept { _mm256_storeu_ps(to, from); }
  static values add(values a, values b) noexcept { return _mm256_add_ps(a, b); }
  static values subtract(values a, values b) noexcept { return _mm256_sub_ps(a, b); }
  static values absolute(values a) noexcept { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a); }
  static values multiply_add(values a, values b, values c) noexcept {
    return _mm256_fmadd_ps(a, b, c);
  }
  static float sum(values all) noexcept {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    four = _mm_add_ss(four, _mm_movehdup_ps(four));
    return _mm_cvtss_f32(four);
  }
};

}  // namespace

const kernel_table avx2_kernels{
    .name = "avx2",
    .l2_squared = l2_squared<avx2_lanes>,
    .manhattan = manhattan<avx2_lanes>,
    .dot = dot<avx2_lanes>,
    .squared_norm = squared_norm<avx2_lanes>,
    .products = products<avx2_lanes>,
    .column_products = column_products<avx2_lanes>,
    .codes7 = short_code_loops<avx2_short_code_lanes, 7>,
    .codes4 = short_code_loops<avx2_short_code_lanes, 4>,
    .codes1 = short_code_loops<avx2_short_code_lanes, 1>,
    .code_dots = code_dots_avx2,
    .code_row_sums = code_row_sums_avx2,
    .code_hits = code_hits<avx2_code_lanes>,
    .fast_scan = {1, make_tables, fast_scan_avx2},
};

}  // namespace hearth::engine::index
