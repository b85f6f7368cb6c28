#include "core/filter/filter.hpp"

#include <iterator>

#include "core/format.hpp"

namespace hearth::inline core {

namespace {

filter joined(filter_op op, std::vector<filter> parts) {
  filter all{.op = op};
  for (auto& part : parts) {
    if (part.op == op)
      std::ranges::move(part.parts, std::back_inserter(all.parts));
    else
      all.parts.push_back(std::move(part));
  }
  if (all.parts.size() != 1)
    return all;
  auto only = std::move(all.parts.front());
  return only;
}

// Appends, so that a chain of operators does not copy what is there again and again.
filter joined(filter_op op, filter left, filter right) {
  if (left.op != op) {
    std::vector<filter> parts;
    parts.push_back(std::move(left));
    parts.push_back(std::move(right));
    return joined(op, std::move(parts));
  }
  if (right.op == op)
    std::ranges::move(right.parts, std::back_inserter(left.parts));
  else
    left.parts.push_back(std::move(right));
  if (left.parts.size() != 1)
    return left;
  auto only = std::move(left.parts.front());
  return only;
}

}  // namespace

filter all_of(std::vector<filter> parts) {
  return joined(filter_op::conjunction, std::move(parts));
}

filter any_of(std::vector<filter> parts) {
  return joined(filter_op::disjunction, std::move(parts));
}

filter operator&&(filter left, filter right) {
  return joined(filter_op::conjunction, std::move(left), std::move(right));
}

filter operator||(filter left, filter right) {
  return joined(filter_op::disjunction, std::move(left), std::move(right));
}

filter operator!(filter inner) {
  filter outer{.op = filter_op::negation};
  outer.parts.push_back(std::move(inner));
  return outer;
}

filter filter_key::compare(filter_op op, value operand) const {
  return {.op = op, .path = path_, .operands = {std::move(operand)}};
}

filter filter_key::in(std::vector<value> values) const {
  return {.op = filter_op::one_of, .path = path_, .operands = std::move(values)};
}

filter filter_key::not_in(std::vector<value> values) const {
  return !in(std::move(values));
}

filter filter_key::contains(value item) const {
  return compare(filter_op::contains, std::move(item));
}

filter filter_key::prefix(std::string text) const {
  return compare(filter_op::prefix, std::move(text));
}

filter filter_key::exists() const {
  return {.op = filter_op::exists, .path = path_};
}

filter filter_key::geo_radius(geo_point center, double metres) const {
  return {.op = filter_op::geo_radius, .path = path_, .operands = {center, metres}};
}

filter filter_key::geo_box(geo_point south_west, geo_point north_east) const {
  return {.op = filter_op::geo_box, .path = path_, .operands = {south_west, north_east}};
}

filter_key K(std::string_view path) {
  auto keys = parse_path(path);
  return filter_key(keys ? *std::move(keys) : field_path{});
}

}  // namespace hearth::inline core
