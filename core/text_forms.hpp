#pragma once
// Spellings that JSON and TOON share.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::inline core {

/// Appends `text` in double quotes: \" \\ \n \r \t and \u00xx for other control characters.
void append_quoted(std::string& out, std::string_view text);

/// Appends the shortest text that reads back as the same number and is no whole number: "0.1",
/// "1.0", "1e+22", "-0.0"; without `point`, "1". Precondition: it is finite.
void append_float(std::string& out, double number, bool point = true);

/// Base64 with padding (RFC 4648, section 4).
void append_base64(std::string& out, std::string_view bytes);
/// Nothing unless `text` is exactly what append_base64 writes.
[[nodiscard]] std::optional<std::string> read_base64(std::string_view text);

}  // namespace hearth::inline core
