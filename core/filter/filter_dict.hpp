#pragma once
// Filters as dicts, in the manner of MongoDB: {"year": {"$gte": 2020}, "tag": {"$in": ["a"]}}. What
// Python dicts and JSON objects become; docs/filters.md lists the operators.
#include "filter.hpp"

namespace hearth::inline core {

/// The tree that `dict` means, validated. An empty dict matches everything. Errors name the place
/// in the dict: "filter.$and[1].year: no operator $gte2".
[[nodiscard]] result<filter> parse_filter(const value_map& dict);

}  // namespace hearth::inline core
