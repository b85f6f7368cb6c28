#pragma once
// Values of table `changes`: which rows a batch added and removed, as runs of consecutive numbers.
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/disk.hpp"
#include "storage/keys.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

/// Values no larger than this stay on a shared leaf page of LMDB instead of taking whole pages.
inline constexpr std::size_t change_part_bytes = 1900;

/// Encodes the changes of one batch and calls `emit` with each part, in order, at least once.
/// Both lists rise. `emit` must not keep the span.
[[nodiscard]] result<void>
encode_changes(lsn_t lsn, std::span<const row_id> added, std::span<const row_id> removed,
               const std::function<result<void>(change_position, byte_span)>& emit);

/// Appends one part to `changes`; answers whether it was the last of its batch. Parts follow each
/// other in order. `row_limit` bounds rows: none of them may reach it.
[[nodiscard]] result<bool> decode_changes(change_position position, byte_span data,
                                          row_id row_limit, row_changes& changes);

}  // namespace hearth::storage
