#pragma once
// Exact searches over rows whose vectors are not in memory.
#include <cstddef>
#include <span>
#include <vector>

#include "engine/index/chosen_rows.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// Reads `rows` (rising) into `out`, scaled to length 1 if that is cosine, and answers which there
/// are. Throws std::runtime_error where storage fails.
std::vector<bool> read_stored(const fetch_vectors& stored, std::span<const row_id> rows,
                              distance_kind distance, std::uint32_t dimension, float* out);

/// Calls visit(row, vector) for each of `rows` that is there, a few MiB at a time, vectors as
/// read_stored() gives them.
void for_each_stored(std::span<const row_id> rows, const fetch_vectors& stored, distance_kind kind,
                     std::uint32_t dimension,
                     const std::function<void(row_id, const float*)>& visit);

/// As scan_exact(), with vectors from storage. Rows that storage does not have
/// any more are left out. Throws std::runtime_error where storage fails.
[[nodiscard]] std::vector<neighbor> scan_stored(const chosen_rows& rows,
                                                const query_distance& distance, distance_kind kind,
                                                std::uint32_t dimension,
                                                const fetch_vectors& stored, std::size_t k);

}  // namespace hearth::engine::index
