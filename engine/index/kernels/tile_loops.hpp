#pragma once
// The loop over blocks of codes for matrix tiles. `Tiles` is the unit that multiplies them, `Lanes`
// (see block_loops.hpp) looks at the sums. Internal linkage, as in float_loops.hpp.
#include <cstddef>
#include <cstdint>

#include "engine/index/kernels/block_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

/// Sums of 16 rows (outer) with 16 queries (inner).
using tile_sums = std::int32_t[16][16];

/// Two tiles of rows meet two of queries: four products for four loads, all straight from where
/// rows and queries lie. Tiles have all bytes of a row, its header too; there queries are zero.
template <class Tiles, class Lanes>
std::size_t code_hits_by_tiles(const code_block& block, const code_queries& queries,
                               code_hit* hits) noexcept {
  static_assert(code_block_rows == 32 && group_queries == 16);
  const std::size_t group_bytes = block.row_bytes * group_queries;
  const std::byte* const rows[2] = {block.rows, block.rows + 16 * block.row_bytes};
  Tiles tiles;
  alignas(64) tile_sums sums[2][2];
  code_hit* end = hits;
  for (std::size_t group = 0; group < queries.groups; group += 2) {
    // An odd last group meets itself; only one of the results is looked at.
    const bool pair = queries.groups - group > 1;
    const std::byte* const first = queries.packed + group * group_bytes;
    const std::byte* const second = first + (pair ? group_bytes : 0);
    tiles.clear();
    for (std::size_t at = 0; at < block.row_bytes; at += 64)
      tiles.multiply_add(rows[0] + at, rows[1] + at, block.row_bytes, first + at * group_queries,
                         second + at * group_queries);
    tiles.store(sums);
    const auto append = [&]<std::size_t Groups>(const code_limits<Lanes, Groups>& limits) {
      for (std::size_t row = 0; row < code_block_rows; ++row) {
        typename Lanes::sums of_row[Groups];
        for (std::size_t g = 0; g < Groups; ++g)
          of_row[g] = Lanes::load_sums(sums[row / 16][g][row % 16]);
        end = limits.append(of_row, block.terms[row], row, group, end);
      }
    };
    if (pair)
      append(code_limits<Lanes, 2>(block, queries, group));
    else
      append(code_limits<Lanes, 1>(block, queries, group));
  }
  return static_cast<std::size_t>(end - hits);
}

}  // namespace
}  // namespace hearth::engine::index
