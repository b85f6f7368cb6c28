#pragma once
// The scan of 4-bit codes for AVX2, which CPUs with AVX-512 but without VBMI use too. Internal
// linkage, as in float_loops.hpp.
#if defined(__AVX2__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

// Entries of 32 rows at once, added in 16 bits: `even` holds the even rows' sums with those of the
// odd rows 256 times on top, `odd` the odd rows' alone.
struct sixteen_bit_sums {
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();

  void add(__m256i entries) noexcept {
    even = _mm256_add_epi16(even, entries);
    odd = _mm256_add_epi16(odd, _mm256_srli_epi16(entries, 8));
  }
};

inline std::uint32_t fast_scan_avx2(const fast_scan_query& query, const std::byte* codes,
                                    const float* factors, const float* biases, float limit,
                                    float* distances) noexcept {
  // 32 groups are 256 parts: their entries add up to 65,280 at most.
  constexpr std::size_t most_groups = 32;
  const __m256i low_half = _mm256_set1_epi8(0x0F);
  const auto table = [&](std::size_t part) {
    return _mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(query.tables + part * 16)));
  };
  __m256i sums[4];  // rows 0..7, 8..15, 16..23, 24..31
  for (auto& sum : sums)
    sum = _mm256_setzero_si256();
  for (std::size_t group = 0; group < query.groups;) {
    const std::size_t end = group + most_groups < query.groups ? group + most_groups : query.groups;
    sixteen_bit_sums added;
    for (; group < end; ++group)
      for (std::size_t byte = 0; byte < 4; ++byte, codes += 32) {
        const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_half);
        added.add(_mm256_shuffle_epi8(table(group * 8 + byte), _mm256_and_si256(both, low_half)));
        added.add(_mm256_shuffle_epi8(table(group * 8 + 4 + byte), high));
      }
    added.even = _mm256_sub_epi16(added.even, _mm256_slli_epi16(added.odd, 8));
    // Within each half of a register: rows 0..7 and 16..23, then rows 8..15 and 24..31.
    const __m256i lower = _mm256_unpacklo_epi16(added.even, added.odd);
    const __m256i upper = _mm256_unpackhi_epi16(added.even, added.odd);
    const auto widen = [](__m128i eight) { return _mm256_cvtepu16_epi32(eight); };
    sums[0] = _mm256_add_epi32(sums[0], widen(_mm256_castsi256_si128(lower)));
    sums[1] = _mm256_add_epi32(sums[1], widen(_mm256_castsi256_si128(upper)));
    sums[2] = _mm256_add_epi32(sums[2], widen(_mm256_extracti128_si256(lower, 1)));
    sums[3] = _mm256_add_epi32(sums[3], widen(_mm256_extracti128_si256(upper, 1)));
  }
  std::uint32_t below = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t row = 8 * i;
    const __m256 value = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[i]), _mm256_set1_ps(query.scale),
                                         _mm256_set1_ps(query.base));
    const __m256 distance =
        _mm256_fmadd_ps(value, _mm256_loadu_ps(factors + row), _mm256_loadu_ps(biases + row));
    _mm256_storeu_ps(distances + row, distance);
    const __m256 compared = _mm256_cmp_ps(distance, _mm256_set1_ps(limit), _CMP_LT_OQ);
    below |= static_cast<std::uint32_t>(_mm256_movemask_ps(compared)) << row;
  }
  return below;
}

}  // namespace
}  // namespace hearth::engine::index

#endif  // __AVX2__
