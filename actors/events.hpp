#pragma once
// The events this folder logs; docs/events.md explains them.
#include "core/log.hpp"

namespace hearth::actors::events {

inline constexpr event_id namespace_opened{201, "namespace_opened"};
inline constexpr event_id namespace_closed{202, "namespace_closed"};
inline constexpr event_id namespace_created{203, "namespace_created"};
inline constexpr event_id namespace_dropped{204, "namespace_dropped"};
inline constexpr event_id namespace_open_failed{205, "namespace_open_failed"};
inline constexpr event_id namespace_reconfigured{206, "namespace_reconfigured"};
inline constexpr event_id namespace_died{207, "namespace_died"};
inline constexpr event_id commit_failed{210, "commit_failed"};
inline constexpr event_id acknowledged_writes_lost{211, "acknowledged_writes_lost"};
inline constexpr event_id writer_waits_for_index{212, "writer_waits_for_index"};
inline constexpr event_id writer_died{213, "writer_died"};
inline constexpr event_id maintenance_failed{214, "maintenance_failed"};
inline constexpr event_id namespace_compacted{215, "namespace_compacted"};
inline constexpr event_id compaction_failed{216, "compaction_failed"};
inline constexpr event_id store_opened{220, "store_opened"};
inline constexpr event_id store_closed{221, "store_closed"};

inline constexpr event_id index_ready{301, "index_ready"};
inline constexpr event_id index_building{302, "index_building"};
inline constexpr event_id snapshot_loaded{303, "snapshot_loaded"};
inline constexpr event_id snapshot_refused{304, "snapshot_refused"};
inline constexpr event_id snapshot_written{305, "snapshot_written"};
inline constexpr event_id snapshot_failed{306, "snapshot_failed"};
inline constexpr event_id index_switched{307, "index_switched"};
inline constexpr event_id shard_failed{310, "shard_failed"};
inline constexpr event_id shard_restarted{311, "shard_restarted"};

}  // namespace hearth::actors::events
