#pragma once
// The loops over codes for AVX2, which CPUs with AVX-512F alone use too. Internal linkage, as
// in float_loops.hpp.
#if defined(__AVX2__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/index/kernels/block_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/short_code_loops.hpp"

namespace hearth::engine::index {
namespace {

inline std::int32_t sum_of_lanes_avx2(__m256i eight) noexcept {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1));
  return _mm_cvtsi128_si32(four);
}

/// For short_code_loops.hpp.
struct avx2_short_code_lanes {
  using sums = __m256i;
  static constexpr std::size_t bytes = 32;

  static sums zero() noexcept { return _mm256_setzero_si256(); }
  static __m256i load(const std::byte* from) noexcept {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static __m256i load_behind_header(const std::byte* from) noexcept {
    return _mm256_and_si256(load(from), _mm256_setr_epi32(0, -1, -1, -1, -1, -1, -1, -1));
  }

  template <unsigned Bits>
  static sums squares(__m256i a, __m256i b, sums sum) noexcept {
    const __m256i low = _mm256_set1_epi8(0x0F);
    if constexpr (Bits == 7) {
      return add(a, b, sum);
    } else if constexpr (Bits == 4) {
      sum = add(_mm256_and_si256(a, low), _mm256_and_si256(b, low), sum);
      return add(_mm256_and_si256(_mm256_srli_epi16(a, 4), low),
                 _mm256_and_si256(_mm256_srli_epi16(b, 4), low), sum);
    } else {
      const __m256i counts = _mm256_broadcastsi128_si256(
          _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
      const __m256i differ = _mm256_xor_si256(a, b);
      const __m256i set = _mm256_add_epi8(
          _mm256_shuffle_epi8(counts, _mm256_and_si256(differ, low)),
          _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(differ, 4), low)));
      return _mm256_add_epi32(sum, wide(set, _mm256_set1_epi8(1)));
    }
  }

  static std::uint32_t total(sums sum) noexcept {
    return static_cast<std::uint32_t>(sum_of_lanes_avx2(sum));
  }
  static void totals(const sums (&s)[4], std::uint32_t* out) noexcept {
    for (std::size_t r = 0; r < 4; ++r)
      out[r] = total(s[r]);
  }

 private:
  // Differences of 7-bit codes fit a signed byte, and two of their squares a signed 16-bit sum.
  static sums add(__m256i a, __m256i b, sums sum) noexcept {
    const __m256i difference = _mm256_abs_epi8(_mm256_sub_epi8(a, b));
    return _mm256_add_epi32(sum, wide(difference, difference));
  }
  static __m256i wide(__m256i a, __m256i b) noexcept {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
  }
};

// Bytes are widened first: multiply-and-add of unsigned with signed bytes would saturate.
inline code_sums code_dots_avx2(const std::byte* row, const std::byte* high, const std::byte* low,
                                std::size_t bytes) noexcept {
  const auto part = [](const std::byte* at) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(at));
  };
  __m256i high_sums = _mm256_setzero_si256();
  __m256i low_sums = _mm256_setzero_si256();
  for (std::size_t i = 0; i < bytes; i += 16) {
    const __m256i codes = _mm256_cvtepu8_epi16(part(row + i));
    high_sums =
        _mm256_add_epi32(high_sums, _mm256_madd_epi16(codes, _mm256_cvtepi8_epi16(part(high + i))));
    low_sums =
        _mm256_add_epi32(low_sums, _mm256_madd_epi16(codes, _mm256_cvtepi8_epi16(part(low + i))));
  }
  return {sum_of_lanes_avx2(high_sums), sum_of_lanes_avx2(low_sums)};
}

inline void code_row_sums_avx2(const std::byte* rows, std::size_t row_bytes, std::size_t count,
                               const std::byte* query, std::int32_t* sums) noexcept {
  const auto part = [](const std::byte* at) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(at));
  };
  for (std::size_t row = 0; row < count; ++row) {
    const std::byte* const codes = rows + row * row_bytes;
    __m256i s[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (std::size_t i = 0; i < row_bytes; i += 32)
      for (std::size_t half = 0; half < 2; ++half)
        s[half] = _mm256_add_epi32(
            s[half], _mm256_madd_epi16(_mm256_cvtepu8_epi16(part(codes + i + 16 * half)),
                                       _mm256_cvtepi8_epi16(part(query + i + 16 * half))));
    sums[row] = sum_of_lanes_avx2(_mm256_add_epi32(s[0], s[1]));
  }
}

/// For block_loops.hpp: two registers per group of queries.
struct avx2_code_lanes {
  struct queries {
    __m256i half[2];
  };
  using sums = queries;
  struct floats {
    __m256 half[2];
  };
  // Multiply-and-add of 255 with 127 twice would saturate 16 bits. The lower seven bits of a code
  // and the highest one do not.
  struct split_codes {
    __m256i lower;
    __m256i highest;
  };
  static constexpr std::size_t rows = 2;
  static constexpr std::size_t groups = 1;

  static sums zero() noexcept { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }
  static queries load(const std::byte* from) noexcept {
    const auto* halves = reinterpret_cast<const __m256i*>(from);
    return {{_mm256_load_si256(halves), _mm256_load_si256(halves + 1)}};
  }
  static split_codes broadcast(const std::byte* four) noexcept {
    std::int32_t value;
    std::memcpy(&value, four, sizeof value);
    return {_mm256_set1_epi32(value & 0x7F7F7F7F), _mm256_set1_epi32(value & ~0x7F7F7F7F)};
  }
  static sums add_products(split_codes codes, queries step, sums sum) noexcept {
    const __m256i ones = _mm256_set1_epi16(1);
    for (int i = 0; i < 2; ++i) {
      const __m256i lower =
          _mm256_madd_epi16(_mm256_maddubs_epi16(codes.lower, step.half[i]), ones);
      const __m256i highest =
          _mm256_madd_epi16(_mm256_maddubs_epi16(codes.highest, step.half[i]), ones);
      sum.half[i] = _mm256_add_epi32(sum.half[i], _mm256_add_epi32(lower, highest));
    }
    return sum;
  }
  static floats load_floats(const float* from) noexcept {
    return {{_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}};
  }
  static floats multiply_add(floats a, float b, floats c) noexcept {
    for (int i = 0; i < 2; ++i)
      c.half[i] = _mm256_fmadd_ps(a.half[i], _mm256_set1_ps(b), c.half[i]);
    return c;
  }
  static std::uint32_t within(sums sum, floats scale, float term, floats limit) noexcept {
    std::uint32_t mask = 0;
    for (int i = 0; i < 2; ++i) {
      const __m256 value =
          _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum.half[i]), scale.half[i], _mm256_set1_ps(term));
      const __m256 hits = _mm256_cmp_ps(value, limit.half[i], _CMP_LE_OQ);
      mask |= static_cast<std::uint32_t>(_mm256_movemask_ps(hits)) << (8 * i);
    }
    return mask;
  }
  static code_hit* append(std::uint32_t mask, std::size_t row, std::size_t first_query,
                          code_hit* hits) noexcept {
    return append_hits(mask, row, first_query, hits);
  }
};

}  // namespace
}  // namespace hearth::engine::index

#endif  // __AVX2__
