#pragma once
// What the writer and the reader of TOON agree on. docs/toon.md is the grammar.
#include <array>
#include <optional>
#include <string_view>

#include "core/typed_value.hpp"

namespace hearth::inline core::toon {

inline constexpr std::string_view missing = "∅";

/// What a header says of a column. Cells of a column with a type are read by it.
enum class column_type : std::uint8_t { any, str, whole, real, boolean, bytes, time };

struct type_name {
  std::string_view name;
  column_type type;
};
inline constexpr std::array<type_name, 6> type_names{{{"str", column_type::str},
                                                      {"int", column_type::whole},
                                                      {"float", column_type::real},
                                                      {"bool", column_type::boolean},
                                                      {"bytes", column_type::bytes},
                                                      {"time", column_type::time}}};

/// What ends a bare word, wherever it stands; and what no bare word holds.
[[nodiscard]] bool is_mark(char c) noexcept;
[[nodiscard]] bool is_space(char c) noexcept;

/// True if `text` may stand without quotes in a column of strings: no marks, quotes or control
/// characters in it, no spaces around it, not empty, and neither "null" nor the sign for missing.
[[nodiscard]] bool is_bare(std::string_view text) noexcept;
/// True if `text` may stand without quotes anywhere: it is bare and looks like no other value.
[[nodiscard]] bool is_plain_string(std::string_view text) noexcept;
/// True if `text` may name a table, a column or a member without quotes.
[[nodiscard]] bool is_plain_name(std::string_view text) noexcept;

/// The value that a word without quotes stands for where no type says otherwise; nothing for a
/// word that looks like a number and is none.
[[nodiscard]] std::optional<typed_value> value_of_word(std::string_view word);

/// A whole number of 64 bits, signed or not; or a float64, which may be written without a point.
[[nodiscard]] std::optional<typed_value> whole_number(std::string_view word);
[[nodiscard]] std::optional<double> real_number(std::string_view word);

}  // namespace hearth::inline core::toon
