#include "core/filter/compiled_filter.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "core/filter/scalar.hpp"

namespace hearth::inline core {

namespace {

using key_span = std::span<const std::string>;

// A node; what is below it follows it, up to `end`.
struct step {
  filter_op op = filter_op::conjunction;
  std::size_t end = 0;
  field_path path{};
  std::vector<value> operands{};  // own the strings that `scalars` look at
  std::vector<scalar> scalars{};  // sorted for one_of
};

bool holds(filter_op op, std::partial_ordering order) noexcept {
  switch (op) {
  case filter_op::equal:
    return order == 0;
  case filter_op::greater:
    return order > 0;
  case filter_op::greater_equal:
    return order >= 0;
  case filter_op::less:
    return order < 0;
  case filter_op::less_equal:
    return order <= 0;
  default:
    return false;
  }
}

bool is_in(const scalar& item, const std::vector<scalar>& sorted) noexcept {
  return item.kind != scalar_kind::none &&
         std::binary_search(sorted.begin(), sorted.end(), item, sorts_before);
}

bool is_in_area(const step& leaf, geo_point place) noexcept {
  const auto first = leaf.scalars[0].place;
  if (leaf.op == filter_op::geo_box)
    return geo_box{first, leaf.scalars[1].place}.contains(place);
  return geo_distance(first, place) <= leaf.scalars[1].real;
}

// Whether one stored value satisfies a comparison other than `contains` and `exists`.
bool satisfies(const step& leaf, const scalar& item) noexcept {
  switch (leaf.op) {
  case filter_op::one_of:
    return is_in(item, leaf.scalars);
  case filter_op::prefix:
    return item.kind == scalar_kind::string && item.text.starts_with(leaf.scalars[0].text);
  case filter_op::geo_radius:
  case filter_op::geo_box:
    return item.kind == scalar_kind::geo_point && is_in_area(leaf, item.place);
  default:
    return holds(leaf.op, compare(item, leaf.scalars[0]));
  }
}

bool contains(const step& leaf, const scalar& item, bool in_list) noexcept {
  const auto& wanted = leaf.scalars[0];
  if (in_list)
    return compare(item, wanted) == 0;
  return item.kind == scalar_kind::string && wanted.kind == scalar_kind::string &&
         item.text.find(wanted.text) != std::string_view::npos;
}

// `in` stands at the tag of a value that the path of `leaf` leads to.
bool test_value(const step& leaf, byte_reader& in) noexcept {
  if (leaf.op == filter_op::exists)
    return true;
  const auto test = [&leaf](const scalar& item, bool in_list) {
    return leaf.op == filter_op::contains ? contains(leaf, item, in_list) : satisfies(leaf, item);
  };
  const auto tag = read_tag(in);
  if (tag != value_tag::list)
    return test(read_scalar(in, tag), false);
  const auto count = read_count(in);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i)
    if (test(read_scalar(in, read_tag(in)), true))
      return true;
  return false;
}

// `map` stands at the count of a map. Keys are followed into maps, and into the maps that are
// elements of a list, so recursion is as deep as the path is long.
bool test_map(const step& leaf, byte_reader& map, key_span keys) noexcept {
  if (!find_key(map, keys.front()))
    return false;
  const auto rest = keys.subspan(1);
  if (rest.empty())
    return test_value(leaf, map);
  const auto tag = read_tag(map);
  if (tag == value_tag::map)
    return test_map(leaf, map, rest);
  if (tag != value_tag::list)
    return false;
  const auto count = read_count(map);
  for (std::uint64_t i = 0; i < count && map.ok(); ++i) {
    const auto inner = read_tag(map);
    // A copy looks into the element; `map` steps over it.
    auto element = map;
    const bool found = inner == value_tag::map && test_map(leaf, element, rest);
    if (!element.ok())
      map.fail();  // also if something was found: what stands there is torn
    else if (found)
      return true;
    else
      skip_content(map, inner);
  }
  return false;
}

}  // namespace

class compiled_filter::program {
 public:
  explicit program(const filter& tree) { add(tree); }

  // Whether the node at `at` matches; `sound` turns false where the bytes are no metadata.
  bool run(std::size_t at, byte_span metadata, bool& sound) const noexcept {
    const auto& node = steps_[at];
    switch (node.op) {
    case filter_op::conjunction:
    case filter_op::disjunction: {
      const bool decisive = node.op == filter_op::disjunction;
      for (auto part = at + 1; part < node.end; part = steps_[part].end)
        if (run(part, metadata, sound) == decisive || !sound)
          return decisive;
      return !decisive;
    }
    case filter_op::negation:
      return !run(at + 1, metadata, sound);
    default: {
      byte_reader in(metadata);
      const bool matched = !metadata.empty() && test_map(node, in, node.path);
      sound = sound && in.ok();
      return matched;
    }
    }
  }

 private:
  void add(const filter& node) {
    const auto at = steps_.size();
    steps_.push_back({.op = node.op, .path = node.path, .operands = node.operands});
    auto& made = steps_.back();
    for (const auto& operand : made.operands)
      made.scalars.push_back(scalar_of(operand));
    if (node.op == filter_op::one_of)
      std::ranges::sort(made.scalars, sorts_before);
    for (const auto& part : node.parts)
      add(part);
    steps_[at].end = steps_.size();
  }

  std::vector<step> steps_;
};

result<compiled_filter> compiled_filter::compile(const filter& tree) {
  HEARTH_CHECK(validate(tree));
  return compiled_filter(std::make_shared<const program>(tree));
}

filter_verdict compiled_filter::matches(byte_span metadata) const noexcept {
  bool sound = true;
  const bool matched = program_->run(0, metadata, sound);
  if (!sound)
    return filter_verdict::damaged;
  return matched ? filter_verdict::yes : filter_verdict::no;
}

}  // namespace hearth::inline core
