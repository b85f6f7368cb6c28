#pragma once
// The loops over rows of short codes that the vector instruction sets share. `Lanes` names one
// set's registers and instructions, `Lanes::squares<Bits>` adds up the squared differences of the
// codes in one register. Internal linkage, as in float_loops.hpp.
#include <cstddef>
#include <cstdint>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

template <class Lanes, unsigned Bits>
std::uint32_t code_l2_squared(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept {
  auto sum = Lanes::template squares<Bits>(Lanes::load_behind_header(a),
                                           Lanes::load_behind_header(b), Lanes::zero());
  for (std::size_t i = Lanes::bytes; i < bytes; i += Lanes::bytes)
    sum = Lanes::template squares<Bits>(Lanes::load(a + i), Lanes::load(b + i), sum);
  return Lanes::total(sum);
}

/// Four rows at a time: their sums are independent, and are added up across lanes together.
template <class Lanes, unsigned Bits>
void code_l2_squared_many(const std::byte* a, const std::byte* const* rows, std::size_t count,
                          std::size_t bytes, std::uint32_t* sums) noexcept {
  std::size_t row = 0;
  for (; row + 4 <= count; row += 4) {
    const std::byte* const* four = rows + row;
    const auto first = Lanes::load_behind_header(a);
    typename Lanes::sums s[4];
    for (std::size_t r = 0; r < 4; ++r)
      s[r] =
          Lanes::template squares<Bits>(first, Lanes::load_behind_header(four[r]), Lanes::zero());
    for (std::size_t i = Lanes::bytes; i < bytes; i += Lanes::bytes) {
      const auto next = Lanes::load(a + i);
      for (std::size_t r = 0; r < 4; ++r)
        s[r] = Lanes::template squares<Bits>(next, Lanes::load(four[r] + i), s[r]);
    }
    Lanes::totals(s, sums + row);
  }
  for (; row < count; ++row)
    sums[row] = code_l2_squared<Lanes, Bits>(a, rows[row], bytes);
}

template <class Lanes, unsigned Bits>
constexpr short_code_kernels short_code_loops{code_l2_squared<Lanes, Bits>,
                                              code_l2_squared_many<Lanes, Bits>};

}  // namespace
}  // namespace hearth::engine::index
