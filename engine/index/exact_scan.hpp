#pragma once
// The k nearest rows by looking at all of them.
#include <cstddef>
#include <vector>

#include "engine/index/chosen_rows.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// min(k, chosen rows) neighbors, nearest first, with reported distances. The caller holds a pin.
/// Where float32 cannot hold a distance the whole scan is done in float64, so that the order is
/// right for every finite input; distances beyond float32 are then reported as its largest value.
[[nodiscard]] std::vector<neighbor> scan_exact(const chosen_rows& rows,
                                               const query_distance& distance, std::size_t k);

}  // namespace hearth::engine::index
