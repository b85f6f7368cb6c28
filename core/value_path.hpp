#pragma once
// Where a path leads to in metadata that is not encoded.
#include "core/filter/field_path.hpp"
#include "core/value.hpp"

namespace hearth::inline core {

/// The value at the end of `path`, by maps only: lists on the way are not entered. Null if there is
/// none. Precondition: `path` is not empty. It lives as long as `metadata`.
[[nodiscard]] const value* value_at(const value_map& metadata, const field_path& path) noexcept;

}  // namespace hearth::inline core
