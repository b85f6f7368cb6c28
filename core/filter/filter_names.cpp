#include "core/filter/filter_names.hpp"

#include <array>

namespace hearth::inline core {

std::string_view dict_name(filter_op op) noexcept {
  switch (op) {
  case filter_op::conjunction:
  case filter_op::disjunction:
  case filter_op::negation:
    return {};
  case filter_op::equal:
    return "$eq";
  case filter_op::greater:
    return "$gt";
  case filter_op::greater_equal:
    return "$gte";
  case filter_op::less:
    return "$lt";
  case filter_op::less_equal:
    return "$lte";
  case filter_op::one_of:
    return "$in";
  case filter_op::contains:
    return "$contains";
  case filter_op::prefix:
    return "$prefix";
  case filter_op::exists:
    return "$exists";
  case filter_op::geo_radius:
    return "$geo_radius";
  case filter_op::geo_box:
    return "$geo_box";
  }
  return {};
}

std::string_view type_name(const value& item) noexcept {
  // In the order of value::storage.
  constexpr std::array<std::string_view, std::variant_size_v<value::storage>> names{
      "null",   "a bool", "an int64",    "a float64",  "a string",
      "a list", "a map",  "a timestamp", "a geo point"};
  return names[item.data().index()];
}

}  // namespace hearth::inline core
