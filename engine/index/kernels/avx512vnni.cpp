// Kernels for AVX-512 with byte instructions and VNNI. Compiled with -mavx512f -mavx512bw
// -mavx512vnni -mfma; called only where the CPU has all of them.
#include "engine/index/kernels/avx512_lanes.hpp"
#include "engine/index/kernels/float_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

// Differences of 7-bit codes fit a signed byte, which dpbusd wants on one side.
std::uint32_t code_l2_squared(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept {
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

// Two sums each, since the next dpbusd would wait for the one before.
code_sums code_dots(const std::byte* row, const std::byte* high, const std::byte* low,
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

}  // namespace

const kernel_table avx512vnni_kernels{"avx512vnni",      l2_squared<avx512_lanes>,
                                      dot<avx512_lanes>, squared_norm<avx512_lanes>,
                                      code_l2_squared,   code_dots};

}  // namespace hearth::engine::index
