#pragma once
// Finds an id that occurs twice in a batch, in linear time.
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "core/record_id.hpp"

namespace hearth::inline core {

/// The rows of the first repeated id (first occurrence, repetition), if any. Expected O(n) with a
/// per-process hash seed, so that no chosen set of ids makes it slow; at most 32 bytes of scratch
/// per id. Precondition: fewer than 2^31 ids.
[[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>>
find_duplicate(std::span<const record_id> ids);

}  // namespace hearth::inline core
