#pragma once
// The loops over codes for AVX-512 with byte instructions and VNNI, which CPUs with AMX use too.
// Internal linkage, as in float_loops.hpp.
#if defined(__AVX512VNNI__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

constexpr __mmask64 everything = ~__mmask64{0};
constexpr __mmask64 behind_header = ~__mmask64{0xF};

// Adds the squares of the differences of 64 codes to `sum`. Differences of 7-bit codes fit a signed
// byte, which dpbusd wants on one side.
inline __m512i add_squares(__m512i a, const std::byte* row, __mmask64 counted,
                           __m512i sum) noexcept {
  const __m512i difference =
      _mm512_maskz_abs_epi8(counted, _mm512_sub_epi8(a, _mm512_load_si512(row)));
  return _mm512_dpbusd_epi32(sum, difference, difference);
}

inline std::uint32_t code_l2_squared_vnni(const std::byte* a, const std::byte* b,
                                          std::size_t bytes) noexcept {
  __m512i sum = add_squares(_mm512_load_si512(a), b, behind_header, _mm512_setzero_si512());
  for (std::size_t i = 64; i < bytes; i += 64)
    sum = add_squares(_mm512_load_si512(a + i), b + i, everything, sum);
  return static_cast<std::uint32_t>(_mm512_reduce_add_epi32(sum));
}

inline __m256i halves(__m512i sum) noexcept {
  return _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
}

// Four rows at a time: their sums are independent, and are added up across lanes together.
inline void code_l2_squared_many_vnni(const std::byte* a, const std::byte* const* rows,
                                      std::size_t count, std::size_t bytes,
                                      std::uint32_t* sums) noexcept {
  std::size_t row = 0;
  for (; row + 4 <= count; row += 4) {
    const std::byte* const* four = rows + row;
    const __m512i first = _mm512_load_si512(a);
    const __m512i zero = _mm512_setzero_si512();
    __m512i s0 = add_squares(first, four[0], behind_header, zero);
    __m512i s1 = add_squares(first, four[1], behind_header, zero);
    __m512i s2 = add_squares(first, four[2], behind_header, zero);
    __m512i s3 = add_squares(first, four[3], behind_header, zero);
    for (std::size_t i = 64; i < bytes; i += 64) {
      const __m512i next = _mm512_load_si512(a + i);
      s0 = add_squares(next, four[0] + i, everything, s0);
      s1 = add_squares(next, four[1] + i, everything, s1);
      s2 = add_squares(next, four[2] + i, everything, s2);
      s3 = add_squares(next, four[3] + i, everything, s3);
    }
    const __m256i s01 = _mm256_hadd_epi32(halves(s0), halves(s1));
    const __m256i s23 = _mm256_hadd_epi32(halves(s2), halves(s3));
    const __m256i all = _mm256_hadd_epi32(s01, s23);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + row),
                     _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
  }
  for (; row < count; ++row)
    sums[row] = code_l2_squared_vnni(a, rows[row], bytes);
}

// Two sums each, since the next dpbusd would wait for the one before.
inline code_sums code_dots_vnni(const std::byte* row, const std::byte* high, const std::byte* low,
                                std::size_t bytes) noexcept {
  __m512i h0 = _mm512_setzero_si512();
  __m512i h1 = h0;
  __m512i l0 = h0;
  __m512i l1 = h0;
  std::size_t i = 0;
  for (; i + 128 <= bytes; i += 128) {
    const __m512i first = _mm512_load_si512(row + i);
    const __m512i second = _mm512_load_si512(row + i + 64);
    h0 = _mm512_dpbusd_epi32(h0, first, _mm512_load_si512(high + i));
    l0 = _mm512_dpbusd_epi32(l0, first, _mm512_load_si512(low + i));
    h1 = _mm512_dpbusd_epi32(h1, second, _mm512_load_si512(high + i + 64));
    l1 = _mm512_dpbusd_epi32(l1, second, _mm512_load_si512(low + i + 64));
  }
  if (i < bytes) {
    const __m512i last = _mm512_load_si512(row + i);
    h0 = _mm512_dpbusd_epi32(h0, last, _mm512_load_si512(high + i));
    l0 = _mm512_dpbusd_epi32(l0, last, _mm512_load_si512(low + i));
  }
  return {_mm512_reduce_add_epi32(_mm512_add_epi32(h0, h1)),
          _mm512_reduce_add_epi32(_mm512_add_epi32(l0, l1))};
}

inline void code_block_sums_vnni(const std::byte* rows, std::size_t row_bytes,
                                 const std::byte* query, std::int32_t* sums) noexcept {
  for (std::size_t row = 0; row < block_rows; row += 4) {
    const std::byte* const codes = rows + row * row_bytes;
    __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                    _mm512_setzero_si512()};
    for (std::size_t i = 0; i < row_bytes; i += 64) {
      const __m512i values = _mm512_load_si512(query + i);
      for (std::size_t r = 0; r < 4; ++r)
        s[r] = _mm512_dpbusd_epi32(s[r], _mm512_load_si512(codes + r * row_bytes + i), values);
    }
    for (std::size_t r = 0; r < 4; ++r)
      sums[row + r] = _mm512_reduce_add_epi32(s[r]);
  }
}

/// For block_loops.hpp: one register per group of queries.
struct vnni_lanes {
  using sums = __m512i;
  using queries = __m512i;
  // Sixteen sums in flight hide the latency of dpbusd, and a step loads eight registers for them.
  static constexpr std::size_t rows = 4;
  static constexpr std::size_t groups = 4;

  static sums zero() noexcept { return _mm512_setzero_si512(); }
  static queries load(const std::byte* from) noexcept { return _mm512_load_si512(from); }
  static __m512i broadcast(const std::byte* four) noexcept {
    std::int32_t value;
    std::memcpy(&value, four, sizeof value);
    return _mm512_set1_epi32(value);
  }
  static sums multiply_add(__m512i codes, queries step, sums sum) noexcept {
    return _mm512_dpbusd_epi32(sum, codes, step);
  }
  static sums load_sums(const std::int32_t* from) noexcept { return _mm512_load_si512(from); }
  static std::uint32_t within(sums sum, float term, const float* scales,
                              const float* limits) noexcept {
    const __m512 value =
        _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(scales), _mm512_set1_ps(term));
    return _mm512_cmp_ps_mask(value, _mm512_loadu_ps(limits), _CMP_LE_OQ);
  }
};

}  // namespace
}  // namespace hearth::engine::index

#endif  // __AVX512VNNI__
