#pragma once
// Queues as a snapshot has them.
#include <cstdint>

#include "core/queue.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

struct queue_tables;

/// One queue or all. Costs a look-up per queue and per priority that has ready items.
[[nodiscard]] result<queue_result> get_queues(const lmdb::transaction& in, const queue_tables& from,
                                              const queue_query& query, std::int64_t now_ms);
/// One page. `max_bytes` ends it early, never before its first item.
[[nodiscard]] result<item_page> scan_items(const lmdb::transaction& in, const queue_tables& from,
                                           const item_scan& scan, std::size_t max_bytes);

}  // namespace hearth::storage
