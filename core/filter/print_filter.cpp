// Filters back to text.
#include <cmath>
#include <string>
#include <variant>

#include "core/filter/filter.hpp"
#include "core/format.hpp"

namespace hearth::inline core {

namespace {

std::string number_text(double number) {
  if (std::isinf(number))
    return number > 0 ? "infinity" : "-infinity";
  auto text = core::format("{}", number);
  // A float64 without a point or an exponent would read back as an int64.
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
    case '\\':
    case '"':
      out += '\\';
      out += c;
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += c;
    }
  }
  return out + '"';
}

std::string point_text(geo_point point) {
  return core::format("point({}, {})", point.lat, point.lon);
}

struct value_printer {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(std::int64_t number) const { return core::format("{}", number); }
  std::string operator()(double number) const { return number_text(number); }
  std::string operator()(const std::string& text) const { return quoted(text); }
  std::string operator()(timestamp moment) const {
    return core::format("timestamp(\"{}\")", to_string(moment));
  }
  std::string operator()(geo_point point) const { return point_text(point); }
  std::string operator()(const value_list&) const { return {}; }  // no operand
  std::string operator()(const value_map&) const { return {}; }
};

std::string value_text(const value& operand) {
  return std::visit(value_printer(), operand.data());
}

std::string list_text(const std::vector<value>& operands) {
  std::string text = "(";
  for (const auto& operand : operands) {
    if (&operand != &operands.front())
      text += ", ";
    text += value_text(operand);
  }
  return text + ")";
}

std::string_view symbol_of(filter_op op, bool negated) noexcept {
  switch (op) {
  case filter_op::equal:
    return negated ? "!=" : "==";
  case filter_op::greater:
    return ">";
  case filter_op::greater_equal:
    return ">=";
  case filter_op::less:
    return "<";
  case filter_op::less_equal:
    return "<=";
  case filter_op::contains:
    return "CONTAINS";
  case filter_op::prefix:
    return "PREFIX";
  default:
    return {};
  }
}

std::string leaf_text(const filter& leaf, bool negated) {
  const auto path = path_text(leaf.path);
  switch (leaf.op) {
  case filter_op::one_of:
    return core::format("{} {} {}", path, negated ? "NOT IN" : "IN", list_text(leaf.operands));
  case filter_op::exists:
    return "EXISTS " + path;
  case filter_op::geo_radius:
  case filter_op::geo_box:
    return core::format("{}({}, {}, {})", leaf.op == filter_op::geo_box ? "geo_box" : "geo_radius",
                        path, value_text(leaf.operands[0]), value_text(leaf.operands[1]));
  default:
    return core::format("{} {} {}", path, symbol_of(leaf.op, negated),
                        value_text(leaf.operands[0]));
  }
}

bool is_group(const filter& node) noexcept {
  return (node.op == filter_op::conjunction || node.op == filter_op::disjunction) &&
         !node.parts.empty();
}

std::string in_parentheses(const filter& node) {
  return is_group(node) ? "(" + to_string(node) + ")" : to_string(node);
}

std::string negation_text(const filter& inner) {
  if (inner.op == filter_op::equal || inner.op == filter_op::one_of)
    return leaf_text(inner, true);
  return "NOT " + in_parentheses(inner);
}

}  // namespace

std::string to_string(const filter& tree) {
  switch (tree.op) {
  case filter_op::negation:
    return negation_text(tree.parts.front());
  case filter_op::conjunction:
  case filter_op::disjunction:
    break;
  default:
    return leaf_text(tree, false);
  }
  if (tree.parts.empty())
    return "TRUE";
  const bool all = tree.op == filter_op::conjunction;
  std::string text;
  for (const auto& part : tree.parts) {
    if (&part != &tree.parts.front())
      text += all ? " AND " : " OR ";
    // AND binds tighter than OR.
    const bool bare = !all && part.op == filter_op::conjunction;
    text += bare ? to_string(part) : in_parentheses(part);
  }
  return text;
}

}  // namespace hearth::inline core
