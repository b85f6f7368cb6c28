#include "core/filter/filter_dict.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "core/filter/filter_names.hpp"
#include "core/format.hpp"
#include "core/limits.hpp"

namespace hearth::inline core {

namespace {

struct named_op {
  std::string_view name;
  filter_op op;
  bool negated = false;
};

constexpr std::array operators{
    named_op{"$eq", filter_op::equal},          named_op{"$ne", filter_op::equal, true},
    named_op{"$gt", filter_op::greater},        named_op{"$gte", filter_op::greater_equal},
    named_op{"$lt", filter_op::less},           named_op{"$lte", filter_op::less_equal},
    named_op{"$in", filter_op::one_of},         named_op{"$nin", filter_op::one_of, true},
    named_op{"$contains", filter_op::contains}, named_op{"$prefix", filter_op::prefix},
    named_op{"$exists", filter_op::exists},     named_op{"$geo_radius", filter_op::geo_radius},
    named_op{"$geo_box", filter_op::geo_box}};

constexpr std::string_view operator_hint =
    "the operators are $eq $ne $gt $gte $lt $lte $in $nin $contains $prefix $exists $geo_radius "
    "$geo_box, and $and $or $nor $not around them; a key that begins with $ stands in backticks";

std::unexpected<error> wrong(std::string message, std::string hint = {}) {
  return fail(errc::invalid_argument, std::move(message), std::move(hint));
}

std::optional<double> number_of(const value& item) noexcept {
  if (const auto* number = item.get_if<double>())
    return *number;
  if (const auto* number = item.get_if<std::int64_t>())
    return static_cast<double>(*number);
  return std::nullopt;
}

// A geo point, or a map of lat and lon as JSON has it.
result<geo_point> read_point(const value& given) {
  if (const auto* point = given.get_if<geo_point>())
    return *point;
  if (const auto* map = given.get_if<value_map>(); map != nullptr && map->size() == 2) {
    const auto lat = map->find("lat");
    const auto lon = map->find("lon");
    if (lat != map->end() && lon != map->end()) {
      const auto north = number_of(lat->second);
      const auto east = number_of(lon->second);
      if (north && east)
        return geo_point{*north, *east};
    }
  }
  return wrong(core::format("{} is no place", type_name(given)),
               R"(write a geo point, or {"lat": 48.1, "lon": 11.6})");
}

// Appends an operand, or what JSON says instead: {"$timestamp": "…"}, {"$point": {"lat": …}}.
result<void> add_operand(const value& given, std::vector<value>& to) {
  const auto* map = given.get_if<value_map>();
  const bool tagged = map != nullptr && map->size() == 1;
  if (tagged && map->contains("$timestamp")) {
    const auto& content = map->begin()->second;
    const auto* text = content.get_if<std::string>();
    if (text == nullptr)
      return wrong(core::format("$timestamp takes a string, not {}", type_name(content)));
    HEARTH_TRY(const auto moment, parse_timestamp(*text));
    to.emplace_back(moment);
  } else if (tagged && map->contains("$point")) {
    HEARTH_TRY(const auto point, read_point(map->begin()->second));
    to.emplace_back(point);
  } else {
    to.push_back(given);
  }
  return {};
}

// The values of `names` in `given`, which has them and no others.
template <std::size_t count>
result<std::array<const value*, count>>
read_members(const value& given, std::string_view op,
             const std::array<std::string_view, count>& names) {
  std::array<const value*, count> members{};
  const auto* map = given.get_if<value_map>();
  bool complete = map != nullptr && map->size() == count;
  for (std::size_t i = 0; complete && i < count; ++i) {
    const auto found = map->find(names[i]);
    complete = found != map->end();
    members[i] = complete ? &found->second : nullptr;
  }
  if (!complete)
    return wrong(core::format("{} takes a dict of {}", op, core::join(names, " and ")));
  return members;
}

result<std::vector<value>> read_operands(const named_op& op, const value& given) {
  switch (op.op) {
  case filter_op::one_of: {
    const auto* list = given.get_if<value_list>();
    if (list == nullptr)
      return wrong(core::format("{} takes a list, not {}", op.name, type_name(given)));
    if (list->size() > limits::filter_list)
      return fail(errc::limit_exceeded, core::format("the list has {} values; the limit is {}",
                                                     list->size(), limits::filter_list));
    std::vector<value> values;
    values.reserve(list->size());
    for (const auto& item : *list)
      HEARTH_CHECK(add_operand(item, values));
    return values;
  }
  case filter_op::geo_radius: {
    HEARTH_TRY(const auto members, (read_members<2>(given, op.name, {{"center", "meters"}})));
    HEARTH_TRY(const auto center, read_point(*members[0]));
    const auto meters = number_of(*members[1]);
    if (!meters)
      return wrong(core::format("meters is {}; it must be a number", type_name(*members[1])));
    return std::vector<value>{center, *meters};
  }
  case filter_op::geo_box: {
    HEARTH_TRY(const auto members,
               (read_members<2>(given, op.name, {{"south_west", "north_east"}})));
    HEARTH_TRY(const auto south_west, read_point(*members[0]));
    HEARTH_TRY(const auto north_east, read_point(*members[1]));
    return std::vector<value>{south_west, north_east};
  }
  default: {
    std::vector<value> operand;
    HEARTH_CHECK(add_operand(given, operand));
    return operand;
  }
  }
}

// Reads one dict; position() is where it stopped. Depth is counted before each descent.
class dict_reader {
 public:
  result<filter> read(const value_map& dict, std::size_t depth) {
    if (depth > limits::filter_depth)
      return fail(errc::limit_exceeded,
                  core::format("nested deeper than {} levels", limits::filter_depth));
    std::vector<filter> parts;
    for (const auto& [key, content] : dict) {
      HEARTH_TRY(auto part,
                 at("." + printable(key), key.starts_with('$') ? read_logic(key, content, depth)
                                                               : read_field(key, content, depth)));
      parts.push_back(std::move(part));
    }
    return all_of(std::move(parts));
  }

  [[nodiscard]] const std::string& position() const noexcept { return position_; }

 private:
  result<filter> read_logic(std::string_view name, const value& content, std::size_t depth) {
    if (name == "$not") {
      const auto* dict = content.get_if<value_map>();
      if (dict == nullptr)
        return wrong(core::format("$not takes a dict, not {}", type_name(content)));
      HEARTH_TRY(auto inner, read(*dict, depth + 1));
      return !std::move(inner);
    }
    if (name != "$and" && name != "$or" && name != "$nor")
      return wrong(core::format("no operator {}", printable(name)), std::string(operator_hint));
    HEARTH_TRY(auto parts, read_parts(name, content, depth));
    if (name == "$and")
      return all_of(std::move(parts));
    auto either = any_of(std::move(parts));
    return name == "$or" ? std::move(either) : !std::move(either);
  }

  result<std::vector<filter>> read_parts(std::string_view name, const value& content,
                                         std::size_t depth) {
    const auto* list = content.get_if<value_list>();
    if (list == nullptr || list->empty())
      return wrong(core::format("{} takes a list of at least one dict", name));
    std::vector<filter> parts;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto* dict = (*list)[i].get_if<value_map>();
      const auto step = core::format("[{}]", i);
      if (dict == nullptr) {
        position_ = step;
        return wrong(core::format("{} is no dict", type_name((*list)[i])));
      }
      HEARTH_TRY(auto part, at(step, read(*dict, depth + 1)));
      parts.push_back(std::move(part));
    }
    return parts;
  }

  // "year": 2024, or "year": {"$gte": 2020, "$lt": 2025}.
  result<filter> read_field(std::string_view key, const value& content, std::size_t depth) {
    HEARTH_TRY(const auto path, parse_path(key));
    const auto* dict = content.get_if<value_map>();
    const bool is_operand = dict != nullptr && dict->size() == 1 &&
                            (dict->contains("$timestamp") || dict->contains("$point"));
    if (dict == nullptr || is_operand)
      return read_comparison(operators.front(), path, content);
    return read_comparisons(path, *dict, depth);
  }

  result<filter> read_comparisons(const field_path& path, const value_map& dict,
                                  std::size_t depth) {
    if (depth > limits::filter_depth)
      return fail(errc::limit_exceeded,
                  core::format("nested deeper than {} levels", limits::filter_depth));
    if (dict.empty())
      return wrong("an empty dict compares with nothing", std::string(operator_hint));
    std::vector<filter> parts;
    for (const auto& [name, content] : dict) {
      HEARTH_TRY(auto part, at("." + printable(name), read_operator(name, path, content, depth)));
      parts.push_back(std::move(part));
    }
    return all_of(std::move(parts));
  }

  result<filter> read_operator(std::string_view name, const field_path& path, const value& content,
                               std::size_t depth) {
    if (!name.starts_with('$'))
      return wrong(core::format("\"{}\" is no operator, and a map is not compared as a whole",
                                printable(name)),
                   core::format("name the field with a dotted path: {}.{}",
                                printable(path_text(path)), printable(name)));
    if (name == "$not") {
      const auto* dict = content.get_if<value_map>();
      if (dict == nullptr)
        return wrong(core::format("$not takes a dict of operators, not {}", type_name(content)));
      HEARTH_TRY(auto inner, read_comparisons(path, *dict, depth + 1));
      return !std::move(inner);
    }
    const auto* op = std::ranges::find(operators, name, &named_op::name);
    if (op == operators.end())
      return wrong(core::format("no operator {}", printable(name)), std::string(operator_hint));
    return read_comparison(*op, path, content);
  }

  static result<filter> read_comparison(const named_op& op, const field_path& path,
                                        const value& content) {
    filter leaf{.op = op.op, .path = path};
    bool negated = op.negated;
    if (op.op == filter_op::exists) {
      const auto* wanted = content.get_if<bool>();
      if (wanted == nullptr)
        return wrong(core::format("$exists takes true or false, not {}", type_name(content)));
      negated = !*wanted;
    } else {
      HEARTH_TRY(leaf.operands, read_operands(op, content));
    }
    HEARTH_CHECK(check_leaf(leaf));
    return negated ? !std::move(leaf) : std::move(leaf);
  }

  // Notes the way to a failure while the recursion returns.
  result<filter> at(const std::string& step, result<filter> outcome) {
    if (!outcome)
      position_.insert(0, step);
    return outcome;
  }

  std::string position_;
};

}  // namespace

result<filter> parse_filter(const value_map& dict) {
  dict_reader reader;
  auto tree = reader.read(dict, 1);
  if (!tree)
    return fail(tree.error().code,
                core::format("filter{}: {}", reader.position(), tree.error().message),
                tree.error().hint);
  HEARTH_CHECK(validate(*tree));
  return tree;
}

}  // namespace hearth::inline core
