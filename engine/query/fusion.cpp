#include "engine/query/fusion.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace hearth::engine::query {

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

// What the row in place `at` (from 0) of its list gets, before the weight.
double points(std::span<const scored_row> list, std::size_t at, const fusion_options& options) {
  switch (options.kind) {
  case fusion_kind::reciprocal_rank:
    return 1 / (options.rank_constant + static_cast<double>(at + 1));
  case fusion_kind::borda:
    return static_cast<double>(list.size() - at);
  case fusion_kind::weighted:
    break;
  }
  const double most = list.front().score;
  const double least = list.back().score;
  // A lone row, or rows that are all alike, are as good as it gets.
  return most > least ? (list[at].score - least) / (most - least) : 1;
}

}  // namespace

std::vector<fused_row> fuse(std::span<const scored_row> by_vector,
                            std::span<const scored_row> by_text, const fusion_options& options) {
  std::unordered_map<std::uint64_t, fused_row> rows;
  rows.reserve(by_vector.size() + by_text.size());
  const auto take = [&](std::span<const scored_row> list, double weight, double fused_row::*part) {
    for (std::size_t at = 0; at < list.size(); ++at) {
      auto& row = rows.try_emplace(list[at].row, list[at].row, 0, missing, missing).first->second;
      row.score += weight * points(list, at, options);
      row.*part = list[at].score;
    }
  };
  take(by_vector, options.vector_weight, &fused_row::vector_part);
  take(by_text, options.text_weight, &fused_row::text_part);

  std::vector<fused_row> fused;
  fused.reserve(rows.size());
  for (const auto& [number, row] : rows)
    fused.push_back(row);
  std::ranges::sort(fused, [](const fused_row& a, const fused_row& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  });
  return fused;
}

}  // namespace hearth::engine::query
