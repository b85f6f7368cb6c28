#pragma once
// What filters mean, written as plainly as docs/filters.md says it, on decoded metadata: what the
// real evaluator is compared with.
#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "core/filter/filter.hpp"

namespace hearth::test {

// Every value that the path leads to. Maps are entered, and maps that are elements of a list.
inline void reach(const value& from, std::span<const std::string> keys,
                  std::vector<const value*>& out) {
  if (keys.empty()) {
    out.push_back(&from);
    return;
  }
  const auto enter = [&](const value& candidate) {
    const auto* map = candidate.get_if<value_map>();
    if (map != nullptr && map->contains(keys.front()))
      reach(map->at(keys.front()), keys.subspan(1), out);
  };
  enter(from);
  if (const auto* list = from.get_if<value_list>())
    for (const auto& item : *list)
      enter(item);
}

inline bool is_number(const value& item) {
  return item.get_if<std::int64_t>() != nullptr || item.get_if<double>() != nullptr;
}

// Holds every int64 and every double.
inline long double wide(const value& item) {
  if (const auto* whole = item.get_if<std::int64_t>())
    return static_cast<long double>(*whole);
  return static_cast<long double>(*item.get_if<double>());
}

inline bool equal(const value& a, const value& b) {
  return is_number(a) && is_number(b) ? wide(a) == wide(b) : a == b;
}

template <class T, class Compare>
bool both(const value& a, const value& b, Compare compare) {
  const auto* left = a.get_if<T>();
  const auto* right = b.get_if<T>();
  return left != nullptr && right != nullptr && compare(*left, *right);
}

template <class Compare>
bool ordered(const value& a, const value& b, Compare compare) {
  return (is_number(a) && is_number(b) && compare(wide(a), wide(b))) ||
         both<std::string>(a, b, compare) || both<timestamp>(a, b, compare);
}

inline bool near(const value& item, const filter& leaf) {
  const auto* point = item.get_if<geo_point>();
  return point != nullptr && geo_distance(*leaf.operands[0].get_if<geo_point>(), *point) <=
                                 *leaf.operands[1].get_if<double>();
}

inline bool boxed(const value& item, const filter& leaf) {
  const auto* point = item.get_if<geo_point>();
  const auto low = *leaf.operands[0].get_if<geo_point>();
  const auto high = *leaf.operands[1].get_if<geo_point>();
  if (point == nullptr || point->lat < low.lat || point->lat > high.lat)
    return false;
  // Degrees east of the western border, of the point and of the eastern border.
  const auto east = [&](double lon) { return lon < low.lon ? lon + 360 : lon; };
  const double width = low.lon <= high.lon ? high.lon : high.lon + 360;
  return east(point->lon) <= width || (point->lon == 180 && east(-180) <= width) ||
         (point->lon == -180 && east(180) <= width);
}

inline bool satisfies(const value& item, const filter& leaf) {
  switch (leaf.op) {
  case filter_op::equal:
    return equal(item, leaf.operands[0]);
  case filter_op::greater:
    return ordered(item, leaf.operands[0], std::greater<>());
  case filter_op::greater_equal:
    return ordered(item, leaf.operands[0], std::greater_equal<>());
  case filter_op::less:
    return ordered(item, leaf.operands[0], std::less<>());
  case filter_op::less_equal:
    return ordered(item, leaf.operands[0], std::less_equal<>());
  case filter_op::one_of:
    return std::ranges::any_of(leaf.operands, [&](const value& one) { return equal(item, one); });
  case filter_op::prefix:
    return both<std::string>(item, leaf.operands[0], [](const auto& text, const auto& start) {
      return text.substr(0, start.size()) == start;
    });
  case filter_op::geo_radius:
    return near(item, leaf);
  case filter_op::geo_box:
    return boxed(item, leaf);
  default:
    return false;
  }
}

inline bool contains(const value& found, const value& wanted) {
  if (const auto* list = found.get_if<value_list>())
    return std::ranges::any_of(*list, [&](const value& item) { return equal(item, wanted); });
  return both<std::string>(found, wanted, [](const auto& text, const auto& part) {
    return text.find(part) != std::string::npos;
  });
}

inline bool leaf_matches(const filter& leaf, const value_map& metadata) {
  const value whole(metadata);
  std::vector<const value*> found;
  reach(whole, leaf.path, found);
  return std::ranges::any_of(found, [&](const value* item) {
    if (leaf.op == filter_op::exists)
      return true;
    if (leaf.op == filter_op::contains)
      return contains(*item, leaf.operands[0]);
    if (const auto* list = item->get_if<value_list>())
      return std::ranges::any_of(*list, [&](const value& one) { return satisfies(one, leaf); });
    return satisfies(*item, leaf);
  });
}

inline bool matches(const filter& tree, const value_map& metadata) {
  const auto part_matches = [&](const filter& part) { return matches(part, metadata); };
  switch (tree.op) {
  case filter_op::conjunction:
    return std::ranges::all_of(tree.parts, part_matches);
  case filter_op::disjunction:
    return std::ranges::any_of(tree.parts, part_matches);
  case filter_op::negation:
    return !matches(tree.parts[0], metadata);
  default:
    return leaf_matches(tree, metadata);
  }
}

}  // namespace hearth::test
