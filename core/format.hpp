#pragma once
// The one way to format text outside of core. Formats are checked at compile time. Call it
// qualified (`core::format("…", …)`): unqualified, argument-dependent lookup would also find
// std::format where the standard library has it.
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::inline core {

using fmt::format;
using fmt::format_string;
using fmt::format_to;
using fmt::join;

/// A size for people: "512 bytes", "1.4 MiB", "3 GiB"; one decimal, none where it would be 0.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// `text` for messages, logs and terminals: control characters and bytes that are not UTF-8 as
/// "\x1b", and what is beyond `max_bytes` cut off at a character and marked with "…".
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes = 64);

}  // namespace hearth::inline core
