#pragma once
// The loops over codes for AVX-512 with byte instructions and VNNI, which CPUs with AMX use too.
// Internal linkage, as in float_loops.hpp.
#if defined(__AVX512VNNI__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/short_code_loops.hpp"

namespace hearth::engine::index {
namespace {

/// For short_code_loops.hpp.
struct vnni_code_lanes {
  using sums = __m512i;
  static constexpr std::size_t bytes = 64;

  static sums zero() noexcept { return _mm512_setzero_si512(); }
  static __m512i load(const std::byte* from) noexcept { return _mm512_load_si512(from); }
  static __m512i load_behind_header(const std::byte* from) noexcept {
    return _mm512_maskz_loadu_epi8(~__mmask64{0xF}, from);
  }

  template <unsigned Bits>
  static sums squares(__m512i a, __m512i b, sums sum) noexcept {
    const __m512i low = _mm512_set1_epi8(0x0F);
    if constexpr (Bits == 7) {
      return add(a, b, sum);
    } else if constexpr (Bits == 4) {
      sum = add(_mm512_and_si512(a, low), _mm512_and_si512(b, low), sum);
      return add(_mm512_and_si512(_mm512_srli_epi16(a, 4), low),
                 _mm512_and_si512(_mm512_srli_epi16(b, 4), low), sum);
    } else {
      const __m512i counts =
          _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
      const __m512i differ = _mm512_xor_si512(a, b);
      const __m512i set = _mm512_add_epi8(
          _mm512_shuffle_epi8(counts, _mm512_and_si512(differ, low)),
          _mm512_shuffle_epi8(counts, _mm512_and_si512(_mm512_srli_epi16(differ, 4), low)));
      return _mm512_dpbusd_epi32(sum, set, _mm512_set1_epi8(1));
    }
  }

  static std::uint32_t total(sums sum) noexcept {
    return static_cast<std::uint32_t>(_mm512_reduce_add_epi32(sum));
  }
  static void totals(const sums (&s)[4], std::uint32_t* out) noexcept {
    const __m256i s01 = _mm256_hadd_epi32(halves(s[0]), halves(s[1]));
    const __m256i s23 = _mm256_hadd_epi32(halves(s[2]), halves(s[3]));
    const __m256i all = _mm256_hadd_epi32(s01, s23);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
  }

 private:
  // Differences of 7-bit codes fit a signed byte, which dpbusd wants on one side.
  static sums add(__m512i a, __m512i b, sums sum) noexcept {
    const __m512i difference = _mm512_abs_epi8(_mm512_sub_epi8(a, b));
    return _mm512_dpbusd_epi32(sum, difference, difference);
  }
  static __m256i halves(sums sum) noexcept {
    return _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
  }
};

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

inline void sum_four_rows_vnni(const std::byte* rows, std::size_t row_bytes, const std::byte* query,
                               std::int32_t* sums) noexcept {
  __m512i s[4] = {};
  for (std::size_t i = 0; i < row_bytes; i += 64) {
    const __m512i values = _mm512_load_si512(query + i);
    for (std::size_t r = 0; r < 4; ++r)
      s[r] = _mm512_dpbusd_epi32(s[r], _mm512_load_si512(rows + r * row_bytes + i), values);
  }
  for (std::size_t r = 0; r < 4; ++r)
    sums[r] = _mm512_reduce_add_epi32(s[r]);
}

inline std::int32_t sum_row_vnni(const std::byte* row, std::size_t row_bytes,
                                 const std::byte* query) noexcept {
  __m512i s[4] = {};
  const auto add = [&](std::size_t at, std::size_t to) {
    s[to] = _mm512_dpbusd_epi32(s[to], _mm512_load_si512(row + at), _mm512_load_si512(query + at));
  };
  std::size_t i = 0;
  for (; i + 256 <= row_bytes; i += 256)
    for (std::size_t part = 0; part < 4; ++part)
      add(i + 64 * part, part);
  for (std::size_t part = 0; i < row_bytes; i += 64)
    add(i, part++);
  return _mm512_reduce_add_epi32(
      _mm512_add_epi32(_mm512_add_epi32(s[0], s[1]), _mm512_add_epi32(s[2], s[3])));
}

inline void code_row_sums_vnni(const std::byte* rows, std::size_t row_bytes, std::size_t count,
                               const std::byte* query, std::int32_t* sums) noexcept {
  std::size_t row = 0;
  for (; row + 4 <= count; row += 4)
    sum_four_rows_vnni(rows + row * row_bytes, row_bytes, query, sums + row);
  for (; row < count; ++row)
    sums[row] = sum_row_vnni(rows + row * row_bytes, row_bytes, query);
}

/// For block_loops.hpp: one register per group of queries.
struct vnni_lanes {
  using sums = __m512i;
  using queries = __m512i;
  using floats = __m512;
  // Sixteen sums in flight hide the latency of dpbusd, and a step loads eight registers for them.
  static constexpr std::size_t rows = 4;
  static constexpr std::size_t groups = 4;

  static sums zero() noexcept { return _mm512_setzero_si512(); }
  static queries load(const std::byte* from) noexcept { return _mm512_load_si512(from); }
  static sums load_sums(const std::int32_t* from) noexcept { return _mm512_load_si512(from); }
  static floats load_floats(const float* from) noexcept { return _mm512_loadu_ps(from); }
  static __m512i broadcast(const std::byte* four) noexcept {
    std::int32_t value;
    std::memcpy(&value, four, sizeof value);
    return _mm512_set1_epi32(value);
  }
  static sums add_products(__m512i codes, queries step, sums sum) noexcept {
    return _mm512_dpbusd_epi32(sum, codes, step);
  }
  static floats multiply_add(floats a, float b, floats c) noexcept {
    return _mm512_fmadd_ps(a, _mm512_set1_ps(b), c);
  }
  static std::uint32_t within(sums sum, floats scale, float term, floats limit) noexcept {
    const __m512 value = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, _mm512_set1_ps(term));
    return _mm512_cmp_ps_mask(value, limit, _CMP_LE_OQ);
  }
  // Without a branch: many masks are empty, and which ones cannot be foreseen.
  static code_hit* append(std::uint32_t mask, std::size_t row, std::size_t first_query,
                          code_hit* hits) noexcept {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i all =
        _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(row << 16 | first_query)));
    _mm512_storeu_si512(hits, _mm512_maskz_compress_epi32(static_cast<__mmask16>(mask), all));
    return hits + __builtin_popcount(mask);
  }
};

}  // namespace
}  // namespace hearth::engine::index

#endif  // __AVX512VNNI__
