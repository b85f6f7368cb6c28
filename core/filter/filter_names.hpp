#pragma once
// What the parsers of filters share: words for operators and types, and the check of one
// comparison.
#include <string_view>

#include "core/filter/filter.hpp"

namespace hearth::inline core {

/// The name of a comparison in the dict form ("$gte"); empty for what is no comparison.
[[nodiscard]] std::string_view dict_name(filter_op op) noexcept;

/// "an int64", "a string", for messages.
[[nodiscard]] std::string_view type_name(const value& item) noexcept;

/// Checks the path and the operands of a comparison. The message does not say where in the filter.
[[nodiscard]] result<void> check_leaf(const filter& leaf);

}  // namespace hearth::inline core
