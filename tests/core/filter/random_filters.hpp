#pragma once
// Random records and filters that often have something to do with each other: few keys, few values,
// and every type among them.
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/filter/filter.hpp"

namespace hearth::test {

class random_filters {
 public:
  explicit random_filters(std::uint64_t seed) : random_(seed) {}

  value_map record() { return map(3); }

  filter tree(std::size_t depth = 3) {
    switch (depth == 0 ? 9 : below(10)) {
    case 0:
    case 1:
      return all_of(trees(depth));
    case 2:
    case 3:
      return any_of(trees(depth));
    case 4:
      return !tree(depth - 1);
    default:
      return leaf();
    }
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  std::string key() {
    static const std::vector<std::string> keys{"a", "b", "c", "a.b", "", "caf\xc3\xa9", "in", "`"};
    return pick(keys);
  }

  value scalar() {
    static const value_list values{nullptr,
                                   false,
                                   true,
                                   0,
                                   1,
                                   2,
                                   -1,
                                   1.0,
                                   1.5,
                                   -0.0,
                                   1e300,
                                   INT64_MAX,
                                   INT64_MIN,
                                   9'223'372'036'854'775'808.0,
                                   9'007'199'254'740'993,
                                   9'007'199'254'740'992.0,
                                   std::numeric_limits<double>::infinity(),
                                   -std::numeric_limits<double>::infinity(),
                                   "",
                                   "a",
                                   "ab",
                                   "b",
                                   "\xc3\xa4",
                                   "tab\t\"\\'\n",
                                   std::string("\0", 1),
                                   timestamp{},
                                   timestamp{1},
                                   earliest_timestamp,
                                   latest_timestamp,
                                   geo_point{},
                                   geo_point{0, 180},
                                   geo_point{0, -180},
                                   geo_point{48.137, 11.575},
                                   geo_point{-90, 0},
                                   geo_point{0.5, 179.5}};
    return pick(values);
  }

  geo_point place() {
    std::uniform_real_distribution<double> lat(-90, 90);
    std::uniform_real_distribution<double> lon(-180, 180);
    return below(2) == 0 ? geo_point{0, below(2) == 0 ? 180.0 : -180.0}
                         : geo_point{lat(random_), lon(random_)};
  }

  value item(std::size_t depth) {
    const auto kind = below(10);
    if (depth == 0 || kind < 5)
      return scalar();
    if (kind < 8)
      return list(depth - 1);
    return map(depth - 1);
  }

  value_list list(std::size_t depth) {
    value_list items(below(4));
    for (auto& one : items)
      one = item(depth);
    return items;
  }

  value_map map(std::size_t depth) {
    value_map items;
    for (auto left = below(6); left > 0; --left)
      items.insert_or_assign(key(), item(depth));
    return items;
  }

  std::vector<filter> trees(std::size_t depth) {
    std::vector<filter> parts;
    for (auto left = 1 + below(3); left > 0; --left)
      parts.push_back(tree(depth - 1));
    return parts;
  }

  field_path path() {
    field_path keys{key()};
    while (keys.size() < 4 && below(2) == 0)
      keys.push_back(key());
    return keys;
  }

  value ordered_scalar() {
    while (true)
      if (auto one = scalar();
          one.get_if<std::int64_t>() != nullptr || one.get_if<double>() != nullptr ||
          one.get_if<std::string>() != nullptr || one.get_if<timestamp>() != nullptr)
        return one;
  }

  filter leaf() {
    filter made{.op = static_cast<filter_op>(4 + below(11)), .path = path()};
    switch (made.op) {
    case filter_op::exists:
      break;
    case filter_op::one_of:
      made.operands = value_list(below(6));
      for (auto& one : made.operands)
        one = scalar();
      break;
    case filter_op::prefix:
      made.operands = {pick(std::vector<std::string>{"", "a", "\xc3\xa4", "ab", "tab\t"})};
      break;
    case filter_op::geo_radius:
      made.operands = {place(), pick(std::vector<double>{0, 1e5, 1e6, 2e7})};
      break;
    case filter_op::geo_box: {
      auto low = place();
      auto high = place();
      if (low.lat > high.lat)
        std::swap(low.lat, high.lat);
      made.operands = {low, high};
      break;
    }
    case filter_op::equal:
    case filter_op::contains:
      made.operands = {scalar()};
      break;
    default:
      made.operands = {ordered_scalar()};
    }
    return made;
  }

  std::mt19937_64 random_;
};

}  // namespace hearth::test
