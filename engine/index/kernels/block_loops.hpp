#pragma once
// The loops over blocks of codes that the instruction sets share. `Lanes` names one set's registers
// and instructions; a `sums` of it holds one sum for each query of a group. Internal linkage, as in
// float_loops.hpp.
#include <cstddef>
#include <cstdint>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

/// Appends a hit for each bit of `mask`; bit i says query first_query + i.
inline code_hit* append_hits(std::uint32_t mask, std::size_t row, std::size_t first_query,
                             code_hit* hits) noexcept {
  for (; mask != 0; mask &= mask - 1)
    *hits++ = {
        static_cast<std::uint16_t>(row),
        static_cast<std::uint16_t>(first_query + static_cast<std::size_t>(__builtin_ctz(mask)))};
  return hits;
}

/// Lanes::rows rows with Groups groups: each code that is loaded meets all the groups, each query
/// all the rows, and the sums stay in registers.
template <class Lanes, std::size_t Groups>
code_hit* hits_of_tile(const code_block& block, std::size_t first_row, std::size_t first_group,
                       code_hit* hits) noexcept {
  constexpr std::size_t rows = Lanes::rows;
  const std::size_t group_bytes = block.row_bytes * group_queries;
  const std::byte* const codes = block.rows + first_row * block.row_bytes;
  const std::byte* const queries = block.queries + first_group * group_bytes;
  typename Lanes::sums sums[rows][Groups];
  for (auto& row : sums)
    for (auto& each : row)
      each = Lanes::zero();
  for (std::size_t at = block.first_byte; at < block.end_byte; at += 4) {
    typename Lanes::queries step[Groups];
    for (std::size_t g = 0; g < Groups; ++g)
      step[g] = Lanes::load(queries + g * group_bytes + at * group_queries);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto four = Lanes::broadcast(codes + r * block.row_bytes + at);
      for (std::size_t g = 0; g < Groups; ++g)
        sums[r][g] = Lanes::multiply_add(four, step[g], sums[r][g]);
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t g = 0; g < Groups; ++g) {
      const std::size_t query = (first_group + g) * group_queries;
      const auto mask = Lanes::within(sums[r][g], block.row_terms[first_row + r],
                                      block.scales + query, block.limits + query);
      if (mask != 0) [[unlikely]]
        hits = append_hits(mask, first_row + r, query, hits);
    }
  }
  return hits;
}

template <class Lanes>
std::size_t code_hits(const code_block& block, code_hit* hits) noexcept {
  static_assert(block_rows % Lanes::rows == 0);
  code_hit* end = hits;
  std::size_t group = 0;
  for (; group + Lanes::groups <= block.groups; group += Lanes::groups)
    for (std::size_t row = 0; row < block_rows; row += Lanes::rows)
      end = hits_of_tile<Lanes, Lanes::groups>(block, row, group, end);
  for (; group < block.groups; ++group)
    for (std::size_t row = 0; row < block_rows; row += Lanes::rows)
      end = hits_of_tile<Lanes, 1>(block, row, group, end);
  return static_cast<std::size_t>(end - hits);
}

}  // namespace
}  // namespace hearth::engine::index
