// What happens when rows come that are unlike those that the codes were learned from: their codes
// say little, and what is linked by them is linked to anything.
#include <algorithm>

#include "engine/index/hnsw_index.hpp"
#include "engine/index/thread_team.hpp"

namespace hearth::engine::index {
namespace {

// Rows whose codes err so many times as much as those of the sample did.
constexpr double misfit_error = 4;
// Misfits that are worth learning the codes again: one of so many rows.
constexpr std::size_t rows_per_misfit = 16;
constexpr std::size_t looked_at = 16;  // of a batch

}  // namespace

bool hnsw_index::fits_codes(std::span<const newcomer> batch) const {
  if (generations_.empty())
    return true;
  const auto& codes = generations_.back()->walk.codes();
  const auto& model = codes.trained();
  // No codes are better than their steps.
  const double steps =
      static_cast<double>(codes.components()) * static_cast<double>(model.step * model.step) / 12;
  const std::size_t stride = std::max<std::size_t>(batch.size() / looked_at, 1);
  double errors = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < batch.size(); i += stride, ++count)
    errors += static_cast<double>(codes.error_of(batch[i].vector));
  return errors <= misfit_error * static_cast<double>(count) * std::max<double>(model.error, steps);
}

void hnsw_index::follow_drift(slot_id room, thread_team& team) {
  if (misfits_.size() * rows_per_misfit < size() || misfits_.empty())
    return;
  train_codes(room, team);
  link_again(misfits_, team);
  misfits_.clear();
}

// As if they came now. What they were linked to stays a candidate.
void hnsw_index::link_again(std::span<const slot_id> slots, thread_team& team) {
  std::vector<newcomer> nodes;
  for (const slot_id slot : slots)
    if (rows_.visible(slot))
      nodes.push_back({slot, nullptr, graph_.level(slot), {}});
  team.run(nodes.size(), [&](std::size_t i) { find_neighbors(nodes[i]); });
  std::vector<new_link> back;
  for (const newcomer& node : nodes)
    for (std::uint32_t layer = 0; layer < node.neighbors.size(); ++layer) {
      std::vector<slot_id> found;
      for (const candidate& each : node.neighbors[layer])
        found.push_back(each.slot);
      choose_links(node.slot, layer, found);
      for (const slot_id target : graph_.links(node.slot, layer))
        back.push_back({layer, target, node.slot});
    }
  add_links(back, team);
}

}  // namespace hearth::engine::index
