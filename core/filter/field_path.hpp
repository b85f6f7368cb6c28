#pragma once
// How a filter names a field: keys of nested maps, outermost first.
#include <string>
#include <string_view>
#include <vector>

#include "../error.hpp"

namespace hearth::inline core {

/// "author.name" is {"author", "name"}: the value of "name" in the map that is the value of
/// "author".
using field_path = std::vector<std::string>;

/// Splits at dots. A key that holds a dot or a backtick, or is empty, stands in backticks, and a
/// backtick inside of them is doubled: "`a.b`.c" is {"a.b", "c"}. invalid_argument otherwise.
[[nodiscard]] result<field_path> parse_path(std::string_view text);

/// The text of `path` in the filter language: parse_path reads it back. Keys that are not plain
/// words there stand in backticks.
[[nodiscard]] std::string path_text(const field_path& path);

/// True if `c` may begin a word of the filter language: a letter, "_", or a byte of a character
/// beyond ASCII.
[[nodiscard]] bool begins_word(char c) noexcept;
/// True if `c` may follow in a word: what may begin one, a digit, or "-".
[[nodiscard]] bool continues_word(char c) noexcept;

/// True if `word` has a meaning in the filter language, in capitals or not ("and", "TRUE").
[[nodiscard]] bool is_filter_keyword(std::string_view word) noexcept;

}  // namespace hearth::inline core
