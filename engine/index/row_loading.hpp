#pragma once
// Fetching the vectors of a snapshot from storage in blocks. Internal to engine/index.
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/error.hpp"
#include "engine/index/index_snapshot.hpp"

namespace hearth::engine::index {

/// Refuses rows that do not rise or that hold the one number no row has.
[[nodiscard]] result<void> check_rising(std::span<const row_id> rows);

/// Called with the position of the first row of the block and its vectors; rows that storage no
/// longer has are zeros.
using take_block = std::function<result<void>(std::size_t first, matrix_view vectors)>;

/// Fetches `rows` a few MiB at a time and hands them on. Answers the rows that storage no longer
/// has. Errors: those of `fetch` and `take`; corruption if a vector is not finite.
[[nodiscard]] result<std::vector<row_id>> fetch_in_blocks(std::span<const row_id> rows,
                                                          std::uint32_t dimension,
                                                          const fetch_vectors& fetch,
                                                          const take_block& take);

}  // namespace hearth::engine::index
