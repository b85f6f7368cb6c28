#pragma once
// Filters as text: `category == "A" AND NOT price > 20`. The grammar is in docs/filters.md;
// to_string in filter.hpp is the way back.
#include <string_view>

#include "filter.hpp"

namespace hearth::inline core {

/// The tree that `text` means, validated. Errors name line and column and what was expected there;
/// limit_exceeded past limits::filter_text_bytes.
[[nodiscard]] result<filter> parse_filter(std::string_view text);

}  // namespace hearth::inline core
