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
        static_cast<std::uint16_t>(first_query + static_cast<std::size_t>(__builtin_ctz(mask))),
        static_cast<std::uint16_t>(row)};
  return hits;
}

/// What the sums of a few groups with one row are compared with.
template <class Lanes, std::size_t Groups>
struct code_limits {
  code_limits(const code_block& block, const code_queries& queries, std::size_t first_group) {
    for (std::size_t g = 0; g < Groups; ++g) {
      const std::size_t query = (first_group + g) * group_queries;
      scale[g] = Lanes::load_floats(queries.scale + query);
      limit[g] = Lanes::multiply_add(
          Lanes::load_floats(queries.per_spread + query), block.spread,
          Lanes::multiply_add(Lanes::load_floats(queries.per_error + query), block.error,
                              Lanes::load_floats(queries.fixed + query)));
    }
  }

  /// One test for all the groups, so that rows without a hit cost one branch that is foreseen.
  code_hit* append(const typename Lanes::sums* sums, float term, std::size_t row,
                   std::size_t first_group, code_hit* hits) const noexcept {
    std::uint32_t masks[Groups];
    std::uint32_t any = 0;
    for (std::size_t g = 0; g < Groups; ++g) {
      masks[g] = Lanes::within(sums[g], scale[g], term, limit[g]);
      any |= masks[g];
    }
    if (any != 0)
      for (std::size_t g = 0; g < Groups; ++g)
        hits = Lanes::append(masks[g], row, (first_group + g) * group_queries, hits);
    return hits;
  }

  typename Lanes::floats scale[Groups];
  typename Lanes::floats limit[Groups];
};

/// Lanes::rows rows with Groups groups: each code that is loaded meets all the groups, each query
/// all the rows, and the sums stay in registers.
template <class Lanes, std::size_t Groups>
void sum_tile(const code_block& block, const code_queries& queries, std::size_t first_row,
              std::size_t first_group, typename Lanes::sums (&sums)[Lanes::rows][Groups]) noexcept {
  const std::size_t group_bytes = block.row_bytes * group_queries;
  const std::byte* const codes = block.rows + first_row * block.row_bytes;
  const std::byte* const packed = queries.packed + first_group * group_bytes;
  for (auto& row : sums)
    for (auto& each : row)
      each = Lanes::zero();
  for (std::size_t at = block.first_byte; at < block.end_byte; at += 4) {
    typename Lanes::queries step[Groups];
    for (std::size_t g = 0; g < Groups; ++g)
      step[g] = Lanes::load(packed + g * group_bytes + at * group_queries);
    for (std::size_t r = 0; r < Lanes::rows; ++r) {
      const auto four = Lanes::broadcast(codes + r * block.row_bytes + at);
      for (std::size_t g = 0; g < Groups; ++g)
        sums[r][g] = Lanes::add_products(four, step[g], sums[r][g]);
    }
  }
}

template <class Lanes, std::size_t Groups>
code_hit* hits_of_groups(const code_block& block, const code_queries& queries,
                         std::size_t first_group, code_hit* hits) noexcept {
  static_assert(code_block_rows % Lanes::rows == 0);
  const code_limits<Lanes, Groups> limits(block, queries, first_group);
  for (std::size_t first_row = 0; first_row < code_block_rows; first_row += Lanes::rows) {
    typename Lanes::sums sums[Lanes::rows][Groups];
    sum_tile<Lanes, Groups>(block, queries, first_row, first_group, sums);
    for (std::size_t r = 0; r < Lanes::rows; ++r)
      hits = limits.append(sums[r], block.terms[first_row + r], first_row + r, first_group, hits);
  }
  return hits;
}

template <class Lanes>
std::size_t code_hits(const code_block& block, const code_queries& queries,
                      code_hit* hits) noexcept {
  code_hit* end = hits;
  std::size_t group = 0;
  for (; group + Lanes::groups <= queries.groups; group += Lanes::groups)
    end = hits_of_groups<Lanes, Lanes::groups>(block, queries, group, end);
  for (; group < queries.groups; ++group)
    end = hits_of_groups<Lanes, 1>(block, queries, group, end);
  return static_cast<std::size_t>(end - hits);
}

}  // namespace
}  // namespace hearth::engine::index
