#include "engine/query/diversity.hpp"

#include <algorithm>
#include <cmath>

#include "engine/index/vector_store.hpp"

namespace hearth::engine::query {

namespace {

// The distances between all candidates, brought to similarities of 0..1.
std::vector<float> similarities(matrix_view vectors, distance_kind kind) {
  using engine::index::query_distance;
  const auto count = vectors.rows();
  engine::index::vector_store store(vectors.dimension(), kind);
  store.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    store.put(static_cast<engine::index::slot_id>(i), vectors.row(i));
  std::vector<float> between(count * count);
  float nearest = 0;
  float farthest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const query_distance from(store, store.at(static_cast<engine::index::slot_id>(i)));
    for (std::size_t j = 0; j < count; ++j) {
      const auto to = static_cast<engine::index::slot_id>(j);
      float away = from.reported(from(to));
      if (!std::isfinite(away))
        away = static_cast<float>(from.exact(to));
      between[i * count + j] = away;
      nearest = i + j == 0 ? away : std::min(nearest, away);
      farthest = i + j == 0 ? away : std::max(farthest, away);
    }
  }
  const float width = farthest - nearest;
  for (float& each : between)
    each = width > 0 ? 1 - (each - nearest) / width : 1;
  return between;
}

}  // namespace

std::vector<std::size_t> choose_diverse(std::span<const double> relevance, matrix_view vectors,
                                        distance_kind distance, double balance, std::size_t count) {
  const auto candidates = relevance.size();
  std::vector<std::size_t> chosen;
  if (candidates == 0)
    return chosen;
  const auto [least, most] = std::ranges::minmax(relevance);
  const auto relevant = [&, least = least, most = most](std::size_t candidate) {
    return most > least ? (relevance[candidate] - least) / (most - least) : 1;
  };
  const auto similar = similarities(vectors, distance);
  std::vector<double> nearest(candidates, 0);  // to what was chosen
  std::vector<bool> taken(candidates, false);
  while (chosen.size() < std::min(count, candidates)) {
    std::size_t best = candidates;
    double best_score = 0;
    for (std::size_t each = 0; each < candidates; ++each) {
      if (taken[each])
        continue;
      const double score = chosen.empty()
                               ? relevant(each)
                               : balance * relevant(each) - (1 - balance) * nearest[each];
      if (best == candidates || score > best_score) {
        best = each;
        best_score = score;
      }
    }
    taken[best] = true;
    chosen.push_back(best);
    for (std::size_t each = 0; each < candidates; ++each) {
      const double to = static_cast<double>(similar[best * candidates + each]);
      nearest[each] = chosen.size() == 1 ? to : std::max(nearest[each], to);
    }
  }
  return chosen;
}

}  // namespace hearth::engine::query
