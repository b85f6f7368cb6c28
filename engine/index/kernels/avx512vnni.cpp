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

}  // namespace

const kernel_table avx512vnni_kernels{"avx512vnni", l2_squared<avx512_lanes>, dot<avx512_lanes>,
                                      squared_norm<avx512_lanes>, code_l2_squared};

}  // namespace hearth::engine::index
