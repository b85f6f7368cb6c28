// The bounds of filters, and which operands each operator takes.
#include <cmath>
#include <string>
#include <variant>

#include "core/filter/filter.hpp"
#include "core/filter/filter_names.hpp"
#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

std::unexpected<error> wrong(std::string message, std::string hint = {}) {
  return fail(errc::invalid_argument, std::move(message), std::move(hint));
}

result<void> check_comparable(const value& operand) {
  if (operand.get_if<value_list>() != nullptr)
    return wrong("a list is not compared as a whole",
                 "use $in for alternatives, $contains for elements");
  if (operand.get_if<value_map>() != nullptr)
    return wrong("a map is not compared as a whole", "name a field in it with a dotted path");
  if (const auto* number = operand.get_if<double>(); number != nullptr && std::isnan(*number))
    return wrong("NaN compares with nothing", "metadata never holds it");
  if (const auto* text = operand.get_if<std::string>(); text != nullptr && !is_utf8(*text))
    return wrong("the string is not valid UTF-8");
  if (const auto* moment = operand.get_if<timestamp>(); moment != nullptr && !is_valid(*moment))
    return wrong("the timestamp is outside of the years 1 to 9999");
  if (const auto* point = operand.get_if<geo_point>(); point != nullptr && !is_valid(*point))
    return wrong(core::format("latitude {}, longitude {} is no place; latitudes are -90 to 90, "
                              "longitudes -180 to 180",
                              point->lat, point->lon));
  return {};
}

result<void> check_ordered(const value& operand) {
  HEARTH_CHECK(check_comparable(operand));
  const bool ordered =
      operand.get_if<std::int64_t>() != nullptr || operand.get_if<double>() != nullptr ||
      operand.get_if<std::string>() != nullptr || operand.get_if<timestamp>() != nullptr;
  if (ordered)
    return {};
  return wrong(core::format("{} has no order", type_name(operand)),
               "numbers, strings and timestamps have one");
}

result<void> check_radius(const std::vector<value>& operands) {
  const auto* metres = operands[1].get_if<double>();
  if (operands[0].get_if<geo_point>() == nullptr || metres == nullptr)
    return wrong("a radius takes a geo point and metres as float64");
  if (!(*metres >= 0 && std::isfinite(*metres)))
    return wrong(
        core::format("the radius is {} metres; it must be finite and not negative", *metres));
  return check_comparable(operands[0]);
}

result<void> check_box(const std::vector<value>& operands) {
  const auto* south_west = operands[0].get_if<geo_point>();
  const auto* north_east = operands[1].get_if<geo_point>();
  if (south_west == nullptr || north_east == nullptr)
    return wrong("a box takes two geo points");
  HEARTH_CHECK(check_comparable(operands[0]));
  HEARTH_CHECK(check_comparable(operands[1]));
  if (south_west->lat > north_east->lat)
    return wrong(core::format("the southern border {} is north of the northern border {}",
                              south_west->lat, north_east->lat));
  return {};
}

result<void> check_path(const field_path& path) {
  if (path.empty())
    return wrong("the path is empty or malformed",
                 "keys are separated by dots; a key that is empty or holds a dot or a backtick "
                 "stands in backticks: author.`first.name`");
  if (path.size() > limits::metadata_depth)
    return fail(errc::limit_exceeded, core::format("the path has {} keys; metadata nests {} deep",
                                                   path.size(), limits::metadata_depth));
  for (const auto& key : path)
    if (!is_utf8(key))
      return wrong("the path is not valid UTF-8");
  return {};
}

result<void> check_operands(const filter& leaf) {
  const auto& operands = leaf.operands;
  if (leaf.op == filter_op::one_of) {
    if (operands.size() > limits::filter_list)
      return fail(errc::limit_exceeded, core::format("the list has {} values; the limit is {}",
                                                     operands.size(), limits::filter_list));
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (auto fine = check_comparable(operands[i]); !fine)
        return fail(fine.error().code, core::format("value {}: {}", i, fine.error().message),
                    fine.error().hint);
    return {};
  }
  const bool geo = leaf.op == filter_op::geo_radius || leaf.op == filter_op::geo_box;
  const std::size_t wanted = leaf.op == filter_op::exists ? 0 : geo ? 2 : 1;
  if (operands.size() != wanted)
    return wrong(core::format("{} operands; it takes {}", operands.size(), wanted));
  switch (leaf.op) {
  case filter_op::greater:
  case filter_op::greater_equal:
  case filter_op::less:
  case filter_op::less_equal:
    return check_ordered(operands[0]);
  case filter_op::prefix:
    if (operands[0].get_if<std::string>() == nullptr)
      return wrong(core::format("a prefix is a string, not {}", type_name(operands[0])));
    return check_comparable(operands[0]);
  case filter_op::geo_radius:
    return check_radius(operands);
  case filter_op::geo_box:
    return check_box(operands);
  case filter_op::exists:
    return {};
  default:
    return check_comparable(operands[0]);
  }
}

}  // namespace

result<void> check_leaf(const filter& leaf) {
  HEARTH_CHECK(check_path(leaf.path));
  return check_operands(leaf);
}

namespace {

constexpr std::size_t operand_bytes = 16;  // without its text, about

std::size_t leaf_bytes(const filter& leaf) noexcept {
  std::size_t bytes = 0;
  for (const auto& key : leaf.path)
    bytes += key.size();
  for (const auto& operand : leaf.operands) {
    const auto* text = operand.get_if<std::string>();
    bytes += operand_bytes + (text == nullptr ? 0 : text->size());
  }
  return bytes;
}

// Depth is checked before each descent, so recursion is bounded whatever came in.
class filter_walk {
 public:
  result<void> visit(const filter& node, std::size_t depth) {
    if (depth > limits::filter_depth)
      return over(core::format("is nested deeper than {} levels", limits::filter_depth));
    if (++nodes_ > limits::filter_nodes)
      return over(core::format("has more than {} nodes", limits::filter_nodes));
    switch (node.op) {
    case filter_op::conjunction:
      return visit_parts(node, depth, "$and");
    case filter_op::disjunction:
      if (node.parts.empty())
        return wrong("$or without alternatives");
      return visit_parts(node, depth, "$or");
    case filter_op::negation:
      if (node.parts.size() != 1)
        return wrong(core::format("$not with {} parts; it takes one", node.parts.size()));
      return at(".$not", visit(node.parts.front(), depth + 1));
    default:
      return visit_leaf(node);
    }
  }

  [[nodiscard]] const std::string& position() const noexcept { return position_; }

 private:
  result<void> visit_parts(const filter& node, std::size_t depth, std::string_view name) {
    for (std::size_t i = 0; i < node.parts.size(); ++i)
      HEARTH_CHECK(at(core::format(".{}[{}]", name, i), visit(node.parts[i], depth + 1)));
    return {};
  }

  result<void> visit_leaf(const filter& leaf) {
    const auto name = dict_name(leaf.op);
    if (name.empty())
      return wrong(core::format("no operator has the number {}", static_cast<unsigned>(leaf.op)));
    bytes_ += leaf_bytes(leaf);
    if (bytes_ > limits::filter_bytes)
      return over(core::format("takes more than {}", format_bytes(limits::filter_bytes)));
    return at(core::format(".{}.{}", printable(path_text(leaf.path)), name), check_leaf(leaf));
  }

  // Notes the way to a failure while the recursion returns.
  result<void> at(const std::string& step, result<void> outcome) {
    if (!outcome)
      position_.insert(0, step);
    return outcome;
  }

  static result<void> over(std::string message) {
    return fail(errc::limit_exceeded, core::format("the filter {}", message));
  }

  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
  std::string position_;
};

}  // namespace

result<void> validate(const filter& tree) {
  filter_walk walk;
  auto outcome = walk.visit(tree, 1);
  if (!outcome)
    return fail(outcome.error().code,
                core::format("filter{}: {}", walk.position(), outcome.error().message),
                outcome.error().hint);
  return {};
}

}  // namespace hearth::inline core
