#include "core/field_rules.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "core/filter/field_path.hpp"
#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/validation.hpp"
#include "core/value_path.hpp"

namespace hearth::inline core {

namespace {

constexpr std::array<std::string_view, 10> type_names = {
    "", "any", "bool", "int", "number", "string", "timestamp", "geo", "list", "map"};

field_type type_of(const value& item) {
  return std::visit(
      [](const auto& content) {
        using type = std::decay_t<decltype(content)>;
        if constexpr (std::is_same_v<type, bool>)
          return field_type::boolean;
        else if constexpr (std::is_same_v<type, std::int64_t>)
          return field_type::integer;
        else if constexpr (std::is_same_v<type, double>)
          return field_type::number;
        else if constexpr (std::is_same_v<type, std::string>)
          return field_type::string;
        else if constexpr (std::is_same_v<type, timestamp>)
          return field_type::timestamp;
        else if constexpr (std::is_same_v<type, geo_point>)
          return field_type::geo_point;
        else if constexpr (std::is_same_v<type, value_list>)
          return field_type::list;
        else if constexpr (std::is_same_v<type, value_map>)
          return field_type::map;
        else
          return field_type::any;
      },
      item.data());
}

template <class Rules, class Name>
result<void> check_names(std::string_view what, const Rules& rules, Name name) {
  if (rules.size() > limits::field_rules)
    return fail(errc::limit_exceeded, core::format("{} names {} fields; the limit is {}", what,
                                                   rules.size(), limits::field_rules));
  for (auto rule = rules.begin(); rule != rules.end(); ++rule) {
    if (name(*rule).size() > limits::field_path_bytes)
      return validation::too_large(core::format("a field of {} is", what), name(*rule).size(),
                                   limits::field_path_bytes);
    if (const auto path = parse_path(name(*rule)); !path)
      return fail(errc::invalid_argument, core::format("{}: {}", what, path.error().message));
    if (std::any_of(rules.begin(), rule,
                    [&](const auto& before) { return name(before) == name(*rule); }))
      return fail(errc::invalid_argument, core::format("{} names \"{}\" twice", what, name(*rule)));
  }
  return {};
}

}  // namespace

std::string_view to_string(field_type type) noexcept {
  const auto number = static_cast<std::size_t>(type);
  return number < type_names.size() ? type_names[number] : "unknown";
}

result<field_type> field_type_from_string(std::string_view name) {
  const auto found = std::ranges::find(type_names.begin() + 1, type_names.end(), name);
  if (found != type_names.end())
    return static_cast<field_type>(found - type_names.begin());
  return fail(errc::invalid_argument, core::format("field type \"{}\" is unknown", printable(name)),
              "use any, bool, int, number, string, timestamp, geo, list or map");
}

result<void> validate(const std::vector<field_rule>& rules) {
  return check_names("schema", rules, [](const field_rule& rule) { return rule.path; });
}

result<void> validate(const text_settings& settings) {
  HEARTH_CHECK(check_names("text_fields", settings.fields,
                           [](const field_weight& field) { return field.field; }));
  for (const auto& [field, weight] : settings.fields)
    if (!(std::isfinite(weight) && weight >= 0))
      return fail(errc::invalid_argument,
                  core::format("the weight of text field \"{}\" is {}; it must be finite and not "
                               "negative",
                               field, weight));
  if (settings.language.size() > limits::language_bytes)
    return validation::too_large("language is", settings.language.size(), limits::language_bytes);
  std::size_t bytes = 0;
  for (const auto& word : settings.stop_words) {
    bytes += word.size() + 1;
    if (!is_utf8(word))
      return fail(errc::invalid_argument, "a stop word is not valid UTF-8");
  }
  if (bytes > limits::stop_word_bytes)
    return validation::too_large("stop_words are", bytes, limits::stop_word_bytes);
  return {};
}

result<void> check_rules(const std::vector<field_rule>& rules, const value_map& metadata,
                         const std::string& row) {
  for (const auto& rule : rules) {
    HEARTH_TRY(const auto path, parse_path(rule.path));
    const auto* const item = value_at(metadata, path);
    if (item == nullptr || item->is_null()) {
      if (rule.required)
        return fail(errc::invalid_argument,
                    core::format("{} lacks \"{}\", which the schema requires", row, rule.path));
      continue;
    }
    const auto type = type_of(*item);
    const bool fits = rule.type == field_type::any || type == rule.type ||
                      (rule.type == field_type::number && type == field_type::integer);
    if (!fits)
      return fail(errc::invalid_argument,
                  core::format("{}: \"{}\" is of type {}; the schema says {}", row, rule.path,
                               to_string(type), to_string(rule.type)));
  }
  return {};
}

}  // namespace hearth::inline core
