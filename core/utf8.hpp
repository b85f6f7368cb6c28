#pragma once
// UTF-8 as Unicode 15 defines it (table 3-7). is_utf8() is in core/value.hpp.
#include <cstddef>

namespace hearth::inline core {

/// The length (1 to 4) of the well-formed sequence that starts at `next`; 0 if there is none.
/// Precondition: next < end.
[[nodiscard]] std::size_t utf8_sequence(const char* next, const char* end) noexcept;

}  // namespace hearth::inline core
