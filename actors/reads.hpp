#pragma once
// The reads of a namespace, from wherever they look. No actor in here: the search workers call it.
// Queries were validated.
#include <cstdint>
#include <optional>

#include "actors/read_source.hpp"
#include "core/query.hpp"

namespace hearth::actors {

/// All queries of the call, one part after the other.
[[nodiscard]] result<search_result> search(const read_source& from, const search_query& query);
[[nodiscard]] result<get_result> get(const read_source& from, const get_query& query);
[[nodiscard]] result<scan_page> scan(const read_source& from, const scan_query& query);
[[nodiscard]] result<std::uint64_t> count(const read_source& from,
                                          const std::optional<filter>& where);
[[nodiscard]] result<facet_result> facets(const read_source& from, const facet_query& query);
[[nodiscard]] result<key_result> get_keys(const read_source& from, const key_query& query);
[[nodiscard]] result<key_page> scan_keys(const read_source& from, const key_scan& query);
[[nodiscard]] result<queue_result> get_queues(const read_source& from, const queue_query& query);
[[nodiscard]] result<item_page> scan_items(const read_source& from, const item_scan& query);

}  // namespace hearth::actors
