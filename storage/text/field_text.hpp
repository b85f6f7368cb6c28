#pragma once
// What a text index looks at.
#include <string>

#include "core/filter/field_path.hpp"
#include "core/value.hpp"

namespace hearth::storage {

/// The string under a path, or the strings of the list there, with a line between them; empty if
/// there are none.
[[nodiscard]] std::string text_at(const value_map& metadata, const field_path& path);

}  // namespace hearth::storage
