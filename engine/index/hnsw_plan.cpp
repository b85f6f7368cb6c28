// Whether a search walks the graph or compares all rows: whichever takes less time here.
#include <algorithm>
#include <array>
#include <chrono>

#include "engine/index/exact_cost.hpp"
#include "engine/index/hnsw_index.hpp"

namespace hearth::engine::index {
namespace {

// Where nothing was measured: a walk computes several distances, at random places, per candidate;
// a scan reads in order.
constexpr std::size_t rows_per_candidate = 4;
// exact_cost leaves out keeping the nearest, and looking at the vectors that codes leave open.
constexpr double exact_overhead = 1.5;
// Finding a selected row and reading it where it lies.
constexpr double seconds_per_chosen = 40e-9;
constexpr double walk_risk = 1.5;
constexpr int futile_limit = 12;
// Nodes that a walk may keep beside those that it looks for.
constexpr std::size_t least_nodes = 1024;
constexpr std::size_t nodes_per_candidate = 16;

}  // namespace

search_plan hnsw_index::plan(std::size_t queries, std::size_t k,
                             const search_effort& effort) const {
  const auto pin = rows_.pin();  // codes are looked at
  const std::size_t live = chosen_rows::share_of(size(), effort.among);
  const std::size_t ef = std::max(effort.ef, k);
  const auto cost = walk_cost_.load(std::memory_order_relaxed);
  if (cost.per_candidate == 0 || !resident_.load(std::memory_order_acquire))
    return {.exact = effort.exact || ef > live / rows_per_candidate};
  // Of a selection a walk meets fewer than it follows.
  const double followed = static_cast<double>(ef) * static_cast<double>(size()) /
                          static_cast<double>(std::max<std::size_t>(live, 1));
  search_plan plan{.exact_seconds = seconds_exact(queries, effort.among),
                   .walk_seconds = static_cast<double>(cost.fixed) +
                                   static_cast<double>(cost.per_candidate) * followed};
  // Among a selection a walk may meet less than expected, and be for nothing.
  const double risk = effort.among == nullptr ? 1 : walk_risk;
  const bool futile = effort.among != nullptr && effort.among->futile_walks != nullptr &&
                      effort.among->futile_walks->load(std::memory_order_relaxed) >= futile_limit;
  plan.exact =
      effort.exact || ef >= live || futile || plan.exact_seconds < risk * plan.walk_seconds;
  return plan;
}

// For each of so many queries that come together.
double hnsw_index::seconds_exact(std::size_t queries, const row_selection* among) const {
  const auto& cost = exact_cost::here();
  if (among != nullptr) {
    const std::size_t chosen = chosen_rows::share_of(size(), among);
    return seconds_per_chosen * static_cast<double>(chosen) +
           exact_overhead * cost.alone(chosen, dimension());
  }
  const auto* const codes = codes_.load(std::memory_order_acquire);
  if (codes != nullptr && codes_are_exact())
    return exact_overhead *
           cost.alone(size(), static_cast<std::uint32_t>(codes->walk.codes().row_bytes()));
  if (codes == nullptr || !codes->rank)  // float32 is four times as long
    return exact_overhead * cost.alone(size(), dimension() * sizeof(float));
  const double alone = cost.alone(size(), dimension());
  const double batched = alone / static_cast<double>(queries) + cost.batched(size(), dimension());
  return exact_overhead * std::min(alone, batched);
}

// Rises where more than a third of the walks break their bounds; while it is high, one search in
// seven still walks.
void hnsw_index::note_walk(const row_selection* among, walk_outcome outcome) noexcept {
  constexpr int most = 2 * futile_limit;
  if (among == nullptr || among->futile_walks == nullptr)
    return;
  const int change = outcome == walk_outcome::futile ? 6 : outcome == walk_outcome::good ? -3 : -1;
  const int now = among->futile_walks->load(std::memory_order_relaxed);
  among->futile_walks->store(std::clamp(now + change, 0, most), std::memory_order_relaxed);
}

walk_bounds hnsw_index::bounds_for(std::size_t ef, const row_selection* among) const {
  walk_bounds most;
  most.nodes = std::max(least_nodes, nodes_per_candidate * ef);
  const auto cost = walk_cost_.load(std::memory_order_relaxed);
  if (cost.per_candidate > 0) {
    most.steps = std::max(ef, static_cast<std::size_t>(seconds_exact(1, among) /
                                                       static_cast<double>(cost.per_candidate)));
  } else {
    const std::size_t chosen = std::max<std::size_t>(chosen_rows::share_of(size(), among), 1);
    most.steps = 2 * ef * std::max<std::size_t>(size() / chosen, 1);
  }
  return most;
}

// With rows of the index as queries, a little of it each time the rows are twice as many.
void hnsw_index::measure_walks() {
  constexpr std::size_t walks = 16;
  constexpr std::array<std::size_t, 2> efs = {32, 256};
  if (size() < next_measurement_ || !resident_.load(std::memory_order_relaxed))
    return;
  next_measurement_ = 2 * size();
  (void)exact_cost::here();  // which takes a moment: here rather than in a search
  auto& scratch = search_scratch::of_this_thread();
  std::array<double, efs.size()> typical{};
  for (std::size_t i = 0; i < efs.size(); ++i) {
    std::vector<double> seconds;
    const std::size_t stride = std::max<std::size_t>(rows_.bound() / walks, 1);
    for (std::size_t slot = 0; slot < rows_.bound(); slot += stride) {
      if (!rows_.visible(static_cast<slot_id>(slot)))
        continue;
      const float* const query = vectors_.at(static_cast<slot_id>(slot));
      const auto start = std::chrono::steady_clock::now();
      if (!search_graph(query_distance(vectors_, query), query, 10, efs[i], scratch))
        return;
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      seconds.push_back(spent.count());
    }
    if (seconds.empty())
      return;
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    typical[i] = *middle;
  }
  const double slope =
      std::max(typical[1] - typical[0], typical[1] / 4) / static_cast<double>(efs[1] - efs[0]);
  const double fixed = std::max(0.0, typical[0] - slope * static_cast<double>(efs[0]));
  walk_cost_.store({static_cast<float>(fixed), static_cast<float>(slope)},
                   std::memory_order_relaxed);
}

}  // namespace hearth::engine::index
