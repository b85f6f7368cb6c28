#pragma once
// Values that are numbers, as key_change::add wants them.
#include <cstdint>
#include <string_view>

#include "core/error.hpp"

namespace hearth::storage {

/// The whole number that `value` says in decimal, and `amount`. invalid_argument if it says none,
/// or if the sum is more than 64 bits hold; `field` names the key in the message.
[[nodiscard]] result<std::int64_t> add_to_number(std::string_view value, std::int64_t amount,
                                                 std::string_view field);

}  // namespace hearth::storage
