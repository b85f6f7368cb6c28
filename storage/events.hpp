#pragma once
// What storage logs. Numbers are never reused.
#include "core/log.hpp"

namespace hearth::storage::events {

inline constexpr event_id stale_readers_cleared{401, "stale_readers_cleared"};
inline constexpr event_id store_read_only{402, "store_read_only"};
inline constexpr event_id map_reduced{403, "map_reduced"};
inline constexpr event_id chunk_damaged{404, "chunk_damaged"};
inline constexpr event_id namespace_removed{405, "namespace_removed"};

}  // namespace hearth::storage::events
