#include "core/format.hpp"
#include "engine/index/hnsw_index.hpp"

namespace hearth::engine::index {
namespace {

template <class... Args>
std::unexpected<error> wrong(core::format_string<Args...> text, Args&&... args) {
  return fail(errc::internal, "hnsw: " + core::format(text, std::forward<Args>(args)...));
}

bool contains_slot(std::span<const slot_id> list, slot_id slot) {
  return std::find(list.begin(), list.end(), slot) != list.end();
}

}  // namespace

result<void> hnsw_index::check() const {
  const auto entry = graph_.entry();
  if (size() == 0) {
    if (entry.slot != no_slot)
      return wrong("an empty index has an entry point");
    return {};
  }
  if (entry.slot >= rows_.bound() || !rows_.visible(entry.slot))
    return wrong("the entry point {} is no row", entry.slot);
  std::size_t visible = 0;
  for (slot_id slot = 0; slot < rows_.bound(); ++slot) {
    const auto row = rows_.row_at(slot);
    if (!row)
      continue;
    ++visible;
    if (rows_.find(*row) != slot)
      return wrong("row {} is not found in its slot {}", *row, slot);
    if (graph_.level(slot) != level_of(*row))
      return wrong("slot {} has level {}, its row {} asks for {}", slot, graph_.level(slot), *row,
                   level_of(*row));
    if (graph_.level(slot) > graph_.level(entry.slot))
      return wrong("slot {} is above the entry point", slot);
    HEARTH_CHECK(check_lists(slot));
  }
  if (visible != size())
    return wrong("{} rows are visible, {} counted", visible, size());
  if (entry.level != graph_.level(entry.slot))
    return wrong("the entry point names level {}, its node has {}", entry.level,
                 graph_.level(entry.slot));
  HEARTH_CHECK(check_tree());
  return check_reachable();
}

result<void> hnsw_index::check_lists(slot_id node) const {
  for (std::uint32_t layer = 0; layer <= graph_.level(node); ++layer) {
    const auto links = graph_.links(node, layer);
    for (std::size_t i = 0; i < links.size(); ++i) {
      const slot_id target = links[i];
      if (target >= rows_.bound() || (!rows_.visible(target) && !contains_slot(leavers_, target) &&
                                      !contains_slot(swept_leavers_, target)))
        return wrong("slot {} layer {} links to {}, which is no row", node, layer, target);
      if (target == node || contains_slot(links.subspan(i + 1), target))
        return wrong("slot {} layer {} links to {} twice or to itself", node, layer, target);
      if (graph_.level(target) < layer)
        return wrong("slot {} layer {} links to {} of level {}", node, layer, target,
                     graph_.level(target));
    }
  }
  return {};
}

// Each node leads to the one root by its parents, over links in both directions.
result<void> hnsw_index::check_tree() const {
  enum : std::uint8_t { unknown, on_path, rooted };
  std::vector<std::uint8_t> state(rows_.bound(), unknown);
  std::size_t roots = 0;
  for (slot_id start = 0; start < rows_.bound(); ++start) {
    if (!rows_.visible(start))
      continue;
    if (graph_.tree_degree(start) > tree_limit() ||
        graph_.tree_degree(start) != tree_neighbors_of(start).size())
      return wrong("slot {} has {} tree links, {} counted", start, tree_neighbors_of(start).size(),
                   graph_.tree_degree(start));
    std::vector<slot_id> path;
    slot_id at = start;
    while (state[at] == unknown) {
      state[at] = on_path;
      path.push_back(at);
      const slot_id parent = graph_.parent(at);
      if (parent == at) {
        ++roots;
        state[at] = rooted;
        break;
      }
      if (parent >= rows_.bound() || !rows_.visible(parent))
        return wrong("the parent {} of slot {} is no row", parent, at);
      if (!contains_slot(graph_.links(at, 0), parent) ||
          !contains_slot(graph_.links(parent, 0), at))
        return wrong("slot {} and its parent {} are not linked", at, parent);
      at = parent;
    }
    if (state[at] == on_path)
      return wrong("the parents of slot {} form a circle", start);
    for (const slot_id slot : path)
      state[slot] = rooted;
  }
  if (roots != 1)
    return wrong("the tree has {} roots", roots);
  return {};
}

// On its own, without trusting the tree, nor what was erased.
result<void> hnsw_index::check_reachable() const {
  std::vector<bool> seen(rows_.bound(), false);
  std::vector<slot_id> queue{graph_.entry().slot};
  seen[queue.front()] = true;
  for (std::size_t next = 0; next < queue.size(); ++next)
    for (const slot_id target : graph_.links(queue[next], 0))
      if (!seen[target] && rows_.visible(target)) {
        seen[target] = true;
        queue.push_back(target);
      }
  if (queue.size() != size())
    return wrong("{} of {} rows are reachable", queue.size(), size());
  return {};
}

}  // namespace hearth::engine::index
