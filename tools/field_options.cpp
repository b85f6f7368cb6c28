#include "tools/field_options.hpp"

#include <charconv>
#include <cmath>

#include "core/filter/filter_text.hpp"
#include "core/format.hpp"

#include <CLI/CLI.hpp>

namespace hearth::tools {
namespace {

constexpr std::string_view rule_form = "PATH:TYPE[:required][:indexed], as in year:int:indexed";

struct halves {
  std::string_view before;
  std::optional<std::string_view> after;
};

// What is before and after the last colon that is not part of a key in backticks.
halves split_at_colon(std::string_view word) {
  bool quoted = false;
  auto last = std::string_view::npos;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '`')
      quoted = !quoted;  // a doubled backtick turns twice
    else if (word[i] == ':' && !quoted)
      last = i;
  }
  if (last == std::string_view::npos)
    return {word, std::nullopt};
  return {word.substr(0, last), word.substr(last + 1)};
}

}  // namespace

CLI::Option* add_where_option(CLI::App& command, std::optional<std::string>& where) {
  return command
      .add_option("--where", where,
                  "Only records whose metadata matches: 'year >= 2020 AND tag IN (\"a\", \"b\")'")
      ->type_name("FILTER");
}

result<std::optional<filter>> parse_where(const std::optional<std::string>& where) {
  if (!where)
    return std::nullopt;
  if (where->find_first_not_of(" \t\r\n") == std::string::npos)
    return fail(errc::invalid_argument, "--where is empty",
                "leave it out, or say TRUE, which matches every record");
  HEARTH_TRY(auto tree, parse_filter(*where));
  return std::optional(std::move(tree));
}

result<field_weight> parse_field_weight(std::string_view word) {
  const auto [name, number] = split_at_colon(word);
  field_weight field{std::string(name), 1};
  if (number) {
    const std::string digits(*number);
    const auto* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, field.weight);
    if (parsed.ec != std::errc{} || parsed.ptr != end || !std::isfinite(field.weight) ||
        field.weight < 0)
      return fail(
          errc::invalid_argument,
          core::format("the weight of text field \"{}\" is \"{}\"; it must be a number that "
                       "is finite and not negative",
                       name, *number),
          "--text-field takes NAME or NAME:WEIGHT, as in title:2");
  }
  if (field.field.empty())
    return fail(errc::invalid_argument,
                core::format("--text-field is \"{}\": it has no name", word),
                "name \"text\", the text of the records, or a path of metadata");
  return field;
}

std::string to_word(const field_weight& field) {
  return field.weight == 1 ? field.field : core::format("{}:{}", field.field, field.weight);
}

result<field_rule> parse_field_rule(std::string_view word) {
  field_rule rule;
  auto parts = split_at_colon(word);
  for (; parts.after; parts = split_at_colon(parts.before)) {
    if (parts.after == "required")
      rule.required = true;
    else if (parts.after == "indexed")
      rule.indexed = true;
    else
      break;
  }
  if (!parts.after || parts.before.empty())
    return fail(
        errc::invalid_argument,
        core::format("--field is \"{}\": it has no {}", word, parts.after ? "path" : "type"),
        core::format("say {}", rule_form));
  auto type = field_type_from_string(*parts.after);
  if (!type) {
    auto failure = std::move(type).error();
    failure.message = core::format("--field is \"{}\": {}", word, failure.message);
    return std::unexpected(std::move(failure));
  }
  rule.path = parts.before;
  rule.type = *type;
  return rule;
}

std::string to_word(const field_rule& rule) {
  return core::format("{}:{}{}{}", rule.path, core::to_string(rule.type),
                      rule.required ? ":required" : "", rule.indexed ? ":indexed" : "");
}

}  // namespace hearth::tools
