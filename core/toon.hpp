#pragma once
// TOON: a table of values as one line of text that says its columns once, for readers that pay by
// the token. docs/toon.md has the grammar; what is written reads back as the same table.
//
//   result[2]{name,age}:Alice,30;"Smith, Bob",∅
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "typed_value.hpp"

namespace hearth::inline core {

/// Rows under columns. A cell without a value is missing, which is not null.
struct toon_table {
  using row = std::vector<std::optional<typed_value>>;

  std::string name = "result";
  std::vector<std::string> columns{};  ///< each name once
  std::vector<row> rows{};             ///< each as long as `columns`

  friend bool operator==(const toon_table&, const toon_table&) = default;
};

/// The table of rows that are objects: first `columns`, each named once, then the others in the
/// order in which they appear.
[[nodiscard]] toon_table toon_table_of(std::string name, const std::vector<typed_object>& rows,
                                       std::vector<std::string> columns = {});

/// The text. invalid_argument for texts that are not UTF-8, times and places that are none, a row
/// of another length, a column or member named twice; limit_exceeded for nesting deeper than
/// typed_value_depth and for more than limits::table_text_bytes. Messages name row and column.
[[nodiscard]] result<std::string> write_toon(const toon_table& table);

/// The table of a text. Errors say at which byte and what was expected there; limit_exceeded past
/// limits::table_text_bytes and typed_value_depth.
[[nodiscard]] result<toon_table> parse_toon(std::string_view text);

}  // namespace hearth::inline core
