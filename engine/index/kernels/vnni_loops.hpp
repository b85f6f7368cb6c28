#pragma once
// The loop over 7-bit codes for AVX-512 with byte instructions and VNNI. Internal linkage, as in
// float_loops.hpp.
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace hearth::engine::index {
namespace {

// Differences of 7-bit codes fit a signed byte, which dpbusd wants on one side.
inline std::uint32_t code_l2_squared_vnni(const std::byte* a, const std::byte* b,
                                          std::size_t bytes) noexcept {
  const auto difference = [&](std::size_t at) {
    return _mm512_abs_epi8(_mm512_sub_epi8(_mm512_load_si512(a + at), _mm512_load_si512(b + at)));
  };
  constexpr __mmask64 behind_header = ~__mmask64{0xF};
  const __m512i first = _mm512_maskz_mov_epi8(behind_header, difference(0));
  __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), first, first);
  for (std::size_t i = 64; i < bytes; i += 64) {
    const __m512i next = difference(i);
    sum = _mm512_dpbusd_epi32(sum, next, next);
  }
  return static_cast<std::uint32_t>(_mm512_reduce_add_epi32(sum));
}

}  // namespace
}  // namespace hearth::engine::index

#endif  // __AVX512VNNI__ && __AVX512BW__
