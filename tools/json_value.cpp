#include "tools/json_value.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "core/limits.hpp"

namespace hearth::tools {
namespace {

result<value> value_from_json(const json& item, const std::string& field, std::size_t depth);

result<value_map> map_from_json(const json& item, const std::string& field, std::size_t depth) {
  value_map members;
  for (const auto& [key, member] : item.items()) {
    HEARTH_TRY(auto inner, value_from_json(member, field + "." + key, depth + 1));
    members.insert_or_assign(key, std::move(inner));
  }
  return members;
}

result<value> value_from_json(const json& item, const std::string& field, std::size_t depth) {
  if (depth > limits::metadata_depth)
    return fail(errc::limit_exceeded, field + " is nested deeper than " +
                                          std::to_string(limits::metadata_depth) + " levels");
  switch (item.type()) {
  case json::value_t::null:
    return value{};
  case json::value_t::boolean:
    return value{item.get<bool>()};
  case json::value_t::number_integer:
    return value{item.get<std::int64_t>()};
  case json::value_t::number_unsigned: {
    const auto number = item.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return fail(errc::invalid_argument,
                  field + " is " + std::to_string(number) + ", above the largest int64",
                  "write it as a string or as a float");
    return value{static_cast<std::int64_t>(number)};
  }
  case json::value_t::number_float:
    return value{item.get<double>()};
  case json::value_t::string:
    return value{item.get_ref<const std::string&>()};
  case json::value_t::array: {
    value_list items;
    items.reserve(item.size());
    for (const auto& element : item) {
      HEARTH_TRY(auto inner, value_from_json(element, field + "[]", depth + 1));
      items.push_back(std::move(inner));
    }
    return value{std::move(items)};
  }
  case json::value_t::object: {
    HEARTH_TRY(auto members, map_from_json(item, field, depth));
    return value{std::move(members)};
  }
  default:
    return fail(errc::invalid_argument, field + " is not a JSON value");
  }
}

std::optional<std::uint64_t> canonical_number(std::string_view word) {
  if (word.empty() || (word.size() > 1 && word.front() == '0'))
    return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (failure != std::errc{} || end != word.data() + word.size())
    return std::nullopt;
  return number;
}

bool has_control_characters(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return true;
  return false;
}

std::optional<std::string> infinite_value(const value& item, const std::string& field) {
  if (const auto* number = item.get_if<double>(); number != nullptr && !std::isfinite(*number))
    return field;
  if (const auto* members = item.get_if<value_map>())
    return infinite_field(*members, field);
  if (const auto* items = item.get_if<value_list>())
    for (std::size_t i = 0; i < items->size(); ++i)
      if (auto found = infinite_value((*items)[i], field + "[" + std::to_string(i) + "]"))
        return found;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> infinite_field(const value_map& metadata, const std::string& field) {
  for (const auto& [key, item] : metadata)
    if (auto found = infinite_value(item, field + "." + key))
      return found;
  return std::nullopt;
}

result<json> parse_json(std::string_view text) {
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& failure) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    std::string_view what = failure.what();
    if (const auto end = what.find("] "); end != std::string_view::npos)
      what.remove_prefix(end + 2);
    constexpr std::size_t longest = 200;
    return fail(errc::invalid_argument, "not JSON: " + std::string(what.substr(0, longest)));
  }
}

std::string dump_json(const json& document, bool indented) {
  return document.dump(indented ? 2 : -1, ' ', false, json::error_handler_t::replace);
}

json to_json(const record_id& id) {
  return id.is_number() ? json(id.number()) : json(id.text());
}

json to_json(const value_map& metadata) {
  json object = json::object();
  for (const auto& [key, item] : metadata)
    object[key] = to_json(item);
  return object;
}

json to_json(const value& item) {
  struct convert {
    json operator()(std::monostate) const { return nullptr; }
    json operator()(bool flag) const { return flag; }
    json operator()(std::int64_t number) const { return number; }
    json operator()(double number) const { return number; }
    json operator()(const std::string& text) const { return text; }
    json operator()(const value_list& items) const {
      json array = json::array();
      for (const auto& element : items)
        array.push_back(to_json(element));
      return array;
    }
    json operator()(const value_map& members) const { return to_json(members); }
    json operator()(timestamp moment) const { return to_string(moment); }
    json operator()(geo_point point) const { return {{"lat", point.lat}, {"lon", point.lon}}; }
  };
  return std::visit(convert{}, item.data());
}

double printable(float number) {
  if (!std::isfinite(number))
    return number;
  char digits[32];
  const auto written = std::to_chars(digits, digits + sizeof digits, number);
  double answer = 0;
  std::from_chars(digits, written.ptr, answer);
  // Rounding twice can miss by one unit in a rare case; exactness comes before beauty.
  return static_cast<float>(answer) == number ? answer : double{number};
}

json to_json(std::span<const float> values) {
  json array = json::array();
  for (const float number : values)
    array.push_back(printable(number));
  return array;
}

result<record_id> id_from_json(const json& item, const std::string& field) {
  if (item.is_string())
    return record_id{item.get<std::string>()};
  if (item.is_number_unsigned())
    return record_id{item.get<std::uint64_t>()};
  return fail(errc::invalid_argument, field + " must be a string or an integer 0..2^64-1");
}

result<value_map> metadata_from_json(const json& item, const std::string& field) {
  if (!item.is_object())
    return fail(errc::invalid_argument, field + " must be a JSON object");
  return map_from_json(item, field, 0);
}

result<std::vector<float>> vector_from_json(const json& item, const std::string& field) {
  if (!item.is_array())
    return fail(errc::invalid_argument, field + " must be a JSON array of numbers");
  if (item.empty() || item.size() > limits::dimension)
    return fail(errc::limit_exceeded, field + " has " + std::to_string(item.size()) +
                                          " values; 1.." + std::to_string(limits::dimension) +
                                          " are possible");
  std::vector<float> values;
  values.reserve(item.size());
  for (const auto& element : item) {
    const auto where = [&] { return field + "[" + std::to_string(values.size()) + "]"; };
    if (!element.is_number())
      return fail(errc::invalid_argument, where() + " is not a number");
    const auto number = element.get<float>();
    if (!std::isfinite(number))
      return fail(errc::invalid_argument, where() + " does not fit a float32");
    values.push_back(number);
  }
  return values;
}

result<record_id> id_from_text(std::string_view word, id_style style) {
  if (style == id_style::automatic) {
    if (const auto number = canonical_number(word))
      return record_id{*number};
    if (word.size() >= 2 && word.front() == '"' && word.back() == '"') {
      HEARTH_TRY(const auto parsed, parse_json(word));
      return id_from_json(parsed, "id");
    }
  }
  if (word.empty())
    return fail(errc::invalid_argument, "id is empty");
  return record_id{std::string(word)};
}

result<std::vector<record_id>> ids_from_text(std::span<const std::string> words, id_style style) {
  std::vector<record_id> ids;
  for (const auto& word : words) {
    HEARTH_TRY(auto id, id_from_text(word, style));
    ids.push_back(std::move(id));
  }
  return ids;
}

std::string id_to_text(const record_id& id) {
  if (id.is_number())
    return std::to_string(id.number());
  const auto& text = id.text();
  if (text.empty() || text.front() == '"' || text.front() == ' ' || text.back() == ' ' ||
      canonical_number(text) || has_control_characters(text))
    return dump_json(text);
  return text;
}

json record_to_json(const record_columns& columns, std::size_t row) {
  json record = json::object();
  record["id"] = to_json(columns.ids[row]);
  if (row < columns.versions.size())
    record["version"] = columns.versions[row];
  if (row < columns.has_vector.size() && columns.has_vector[row])
    record["vector"] = to_json(columns.vectors.view().row(row));
  for (const auto& column : columns.named)
    if (column.has_vector[row])
      record["named_vectors"][column.name] = to_json(column.vectors.view().row(row));
  if (row < columns.metadata.size())
    record["metadata"] = to_json(columns.metadata[row]);
  if (row < columns.texts.size() && columns.texts[row])
    record["text"] = *columns.texts[row];
  return record;
}

}  // namespace hearth::tools
