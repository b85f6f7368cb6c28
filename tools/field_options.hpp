#pragma once
// Words of the command line that say something about fields: filters, text fields, rules.
#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/field_rules.hpp"
#include "core/filter/filter.hpp"

namespace hearth::tools {

/// Adds --where to `command`.
CLI::Option* add_where_option(CLI::App& command, std::optional<std::string>& where);
/// The filter that --where holds, or none if it was not given. Blank text is refused: it is more
/// likely a variable that nobody set than a wish for all records.
[[nodiscard]] result<std::optional<filter>> parse_where(const std::optional<std::string>& where);

/// "title" or "title:2" as a text field and its weight.
[[nodiscard]] result<field_weight> parse_field_weight(std::string_view word);
/// The word that parse_field_weight() reads back.
[[nodiscard]] std::string to_word(const field_weight& field);

/// "author.name:string:required:indexed" as a rule; what follows the type is in any order.
[[nodiscard]] result<field_rule> parse_field_rule(std::string_view word);
/// The word that parse_field_rule() reads back.
[[nodiscard]] std::string to_word(const field_rule& rule);

}  // namespace hearth::tools
