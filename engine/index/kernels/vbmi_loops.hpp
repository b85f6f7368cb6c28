#pragma once
// The scan of 4-bit codes for AVX-512 with VNNI and VBMI, which CPUs with AMX use too. Internal
// linkage, as in float_loops.hpp.
#if defined(__AVX512VBMI__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

// Four parts' tables fill one register, so that one shuffle looks up four parts of sixteen rows;
// the four entries of a row lie side by side, and one dot product with ones adds them in 32 bits.
inline std::uint32_t fast_scan_vbmi(const fast_scan_query& query, const std::byte* codes,
                                    const float* factors, const float* biases, float limit,
                                    float* distances) noexcept {
  const __m512i low_half = _mm512_set1_epi8(0x0F);
  const __m512i part = _mm512_set1_epi32(0x30201000);  // which table a byte looks into
  const __m512i ones = _mm512_set1_epi8(1);
  // (a & b) | c, by its truth table.
  const auto index = [&](__m512i nibbles) {
    return _mm512_ternarylogic_epi32(nibbles, low_half, part, 0xEA);
  };
  __m512i first[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};  // rows 0..15
  __m512i second[2] = {first[0], first[0]};                             // rows 16..31
  for (std::size_t group = 0; group < query.groups; ++group, codes += 128) {
    const __m512i low_tables = _mm512_load_si512(query.tables + group * 128);
    const __m512i high_tables = _mm512_load_si512(query.tables + group * 128 + 64);
    const auto look_up = [&](const std::byte* at, __m512i(&sums)[2]) {
      const __m512i both = _mm512_loadu_si512(at);
      const __m512i high = _mm512_srli_epi16(both, 4);
      sums[0] =
          _mm512_dpbusd_epi32(sums[0], _mm512_permutexvar_epi8(index(both), low_tables), ones);
      sums[1] =
          _mm512_dpbusd_epi32(sums[1], _mm512_permutexvar_epi8(index(high), high_tables), ones);
    };
    look_up(codes, first);
    look_up(codes + 64, second);
  }
  const auto finish = [&](const __m512i(&sums)[2], std::size_t row) {
    const __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(sums[0], sums[1]));
    const __m512 value =
        _mm512_fmadd_ps(sum, _mm512_set1_ps(query.scale), _mm512_set1_ps(query.base));
    const __m512 distance =
        _mm512_fmadd_ps(value, _mm512_loadu_ps(factors + row), _mm512_loadu_ps(biases + row));
    _mm512_storeu_ps(distances + row, distance);
    return static_cast<std::uint32_t>(
        _mm512_cmp_ps_mask(distance, _mm512_set1_ps(limit), _CMP_LT_OQ));
  };
  return finish(first, 0) | finish(second, 16) << 16;
}

}  // namespace
}  // namespace hearth::engine::index

#endif  // __AVX512VBMI__
