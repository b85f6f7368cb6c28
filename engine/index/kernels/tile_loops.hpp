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
std::size_t code_hits_by_tiles(const code_block& block, code_hit* hits) noexcept {
  static_assert(block_rows == 32 && group_queries == 16);
  const std::size_t group_bytes = block.row_bytes * group_queries;
  const std::byte* const rows[2] = {block.rows, block.rows + 16 * block.row_bytes};
  Tiles tiles;
  alignas(64) tile_sums sums[2][2];
  code_hit* end = hits;
  for (std::size_t group = 0; group < block.groups; group += 2) {
    // An odd last group meets itself; only one of the results is looked at.
    const std::size_t pair = block.groups - group > 1 ? 2 : 1;
    const std::byte* const first = block.queries + group * group_bytes;
    const std::byte* const second = first + (pair - 1) * group_bytes;
    tiles.clear();
    for (std::size_t at = 0; at < block.row_bytes; at += 64)
      tiles.multiply_add(rows[0] + at, rows[1] + at, block.row_bytes, first + at * group_queries,
                         second + at * group_queries);
    tiles.store(sums);
    for (std::size_t row = 0; row < block_rows; ++row)
      for (std::size_t g = 0; g < pair; ++g) {
        const std::size_t query = (group + g) * group_queries;
        const auto mask =
            Lanes::within(Lanes::load_sums(sums[row / 16][g][row % 16]), block.row_terms[row],
                          block.scales + query, block.limits + query);
        if (mask != 0) [[unlikely]]
          end = append_hits(mask, row, query, end);
      }
  }
  return static_cast<std::size_t>(end - hits);
}

}  // namespace
}  // namespace hearth::engine::index
