// The structure of a graph as sections, and back. Vectors are numbered by rising row, whatever
// slots they were in, so that loading reads storage in order and leaves no holes.
#include <new>

#include "core/format.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/row_loading.hpp"

namespace hearth::engine::index {
namespace {

std::unexpected<error> corrupt(std::string_view what) {
  return fail(errc::corruption, core::format("snapshot: {}", what));
}

struct graph_sections {
  std::vector<row_id> rows;
  std::vector<std::uint8_t> levels;
  std::vector<slot_id> parents;
  std::vector<std::uint16_t> link_counts;
  std::vector<slot_id> links;
  slot_id entry = no_slot;

  [[nodiscard]] std::size_t size() const noexcept { return rows.size(); }
};

result<graph_sections> read_sections(section_reader& sections) {
  graph_sections read;
  HEARTH_TRY(read.rows, sections.next<row_id>(section_tag::rows));
  HEARTH_TRY(read.levels, sections.next<std::uint8_t>(section_tag::levels));
  HEARTH_TRY(read.parents, sections.next<slot_id>(section_tag::parents));
  HEARTH_TRY(read.link_counts, sections.next<std::uint16_t>(section_tag::link_counts));
  HEARTH_TRY(read.links, sections.next<slot_id>(section_tag::links));
  HEARTH_TRY(const auto entry, sections.next<slot_id>(section_tag::entry));
  if (entry.size() != 1)
    return corrupt("more or less than one graph");
  read.entry = entry.front();
  return read;
}

// Calls visit(node, layer, targets) for each list; false from it ends the walk.
template <class Visit>
bool for_each_list(const graph_sections& read, Visit&& visit) {
  std::size_t list = 0;
  std::size_t start = 0;
  for (std::size_t node = 0; node < read.size(); ++node)
    for (std::uint32_t layer = 0; layer <= read.levels[node]; ++layer) {
      const std::size_t count = read.link_counts[list++];
      if (!visit(static_cast<slot_id>(node), layer,
                 std::span<const slot_id>(read.links).subspan(start, count)))
        return false;
      start += count;
    }
  return true;
}

result<void> check_sizes(const graph_sections& read, const hnsw_graph& limits) {
  HEARTH_CHECK(check_rising(read.rows));
  if (read.size() > slot_segments::max_cells)
    return corrupt("too many rows");
  if (read.levels.size() != read.size() || read.parents.size() != read.size())
    return corrupt("sections of different lengths");
  std::size_t lists = 0;
  std::uint32_t top = 0;
  for (const std::uint8_t level : read.levels) {
    if (level > hnsw_graph::max_level)
      return corrupt("a level that is too high");
    lists += level + std::size_t{1};
    top = std::max<std::uint32_t>(top, level);
  }
  if (read.link_counts.size() != lists)
    return corrupt("link counts that do not fit the levels");
  std::size_t links = 0;
  std::size_t list = 0;
  for (const std::uint8_t level : read.levels)
    for (std::uint32_t layer = 0; layer <= level; ++layer) {
      const std::uint16_t count = read.link_counts[list++];
      if (count > limits.capacity(layer))
        return corrupt("a list with too many links");
      links += count;
    }
  if (read.links.size() != links)
    return corrupt("links that do not fit their counts");
  if (read.size() == 0 ? read.entry != no_slot
                       : (read.entry >= read.size() || read.levels[read.entry] != top))
    return corrupt("a wrong entry point");
  return {};
}

// Precondition: check_sizes passed.
result<void> check_links(const graph_sections& read) {
  std::vector<slot_id> last_source(read.size(), no_slot);
  std::vector<std::uint8_t> last_layer(read.size(), 0);
  const bool sound =
      for_each_list(read, [&](slot_id node, std::uint32_t layer, std::span<const slot_id> targets) {
        for (const slot_id target : targets) {
          if (target >= read.size() || target == node || read.levels[target] < layer)
            return false;
          if (last_source[target] == node && last_layer[target] == layer)
            return false;  // twice in one list
          last_source[target] = node;
          last_layer[target] = static_cast<std::uint8_t>(layer);
        }
        return true;
      });
  if (!sound)
    return corrupt("a link that leads nowhere");
  return {};
}

// The parents form one tree over links that exist in both directions. Precondition: check_links
// passed.
result<void> check_parents(const graph_sections& read, std::size_t degree_limit) {
  std::vector<std::uint32_t> degree(read.size(), 0);
  std::vector<std::uint8_t> upward(read.size(), 0);    // the link to the parent was seen
  std::vector<std::uint8_t> downward(read.size(), 0);  // the link from the parent was seen
  const auto& parents = read.parents;
  for_each_list(read, [&](slot_id node, std::uint32_t layer, std::span<const slot_id> targets) {
    for (const slot_id target : layer == 0 ? targets : targets.first(0)) {
      if (parents[node] == target)
        upward[node] = 1;
      if (parents[target] == node)
        downward[target] = 1;
      degree[node] += parents[node] == target || parents[target] == node ? 1u : 0u;
    }
    return true;
  });
  std::size_t roots = 0;
  for (std::size_t node = 0; node < read.size(); ++node) {
    if (degree[node] > degree_limit)
      return corrupt("a node with too many tree links");
    if (parents[node] == node)
      ++roots;
    else if (upward[node] == 0 || downward[node] == 0)
      return corrupt("a parent that is not linked");
  }
  if (roots != (read.size() == 0 ? 0u : 1u))
    return corrupt("a tree without one root");
  // No circle: every walk upward ends at the root or at a node that is known to lead there.
  std::vector<std::uint32_t> walk(read.size(), 0);  // number of the walk that came by
  for (std::size_t start = 0; start < read.size(); ++start) {
    const auto number = static_cast<std::uint32_t>(start + 1);
    std::size_t at = start;
    while (walk[at] == 0 && parents[at] != at) {
      walk[at] = number;
      at = parents[at];
    }
    if (walk[at] == number)
      return corrupt("parents in a circle");
  }
  return {};
}

}  // namespace

std::vector<std::byte> hnsw_index::serialize() const {
  graph_sections out;
  out.rows = rows_.sorted_rows();
  std::vector<slot_id> slots;
  std::vector<slot_id> number(rows_.bound(), no_slot);
  slots.reserve(out.size());
  for (const row_id row : out.rows) {
    slots.push_back(rows_.find(row));
    number[slots.back()] = static_cast<slot_id>(slots.size() - 1);
  }
  for (const slot_id slot : slots) {
    out.levels.push_back(static_cast<std::uint8_t>(graph_.level(slot)));
    out.parents.push_back(number[graph_.parent(slot)]);
    for (std::uint32_t layer = 0; layer <= graph_.level(slot); ++layer) {
      const std::size_t before = out.links.size();
      for (const slot_id target : graph_.links(slot, layer))
        if (number[target] != no_slot)  // otherwise erased, and waiting for a sweep
          out.links.push_back(number[target]);
      out.link_counts.push_back(static_cast<std::uint16_t>(out.links.size() - before));
    }
  }
  const slot_id entry = graph_.entry().slot;
  out.entry = entry == no_slot ? no_slot : number[entry];

  section_writer sections;
  sections.add<row_id>(section_tag::rows, out.rows);
  sections.add<std::uint8_t>(section_tag::levels, out.levels);
  sections.add<slot_id>(section_tag::parents, out.parents);
  sections.add<std::uint16_t>(section_tag::link_counts, out.link_counts);
  sections.add<slot_id>(section_tag::links, out.links);
  sections.add<slot_id>(section_tag::entry, {&out.entry, 1});
  save_codes(slots, sections);
  return std::move(sections).take();
}

// Codes that rank candidates are as large as the vectors of a snapshot may be: they are made anew.
result<void> hnsw_index::retrain_ranking(std::span<const row_id> rows, const fetch_vectors& fetch,
                                         code_generation& codes) const {
  if (params_.memory == memory_kind::lean)
    return {};
  const std::size_t stride = std::max<std::size_t>(rows.size() / sample_rows, 1);
  std::vector<row_id> chosen;
  for (std::size_t i = 0; i < rows.size() && chosen.size() < sample_rows; i += stride)
    chosen.push_back(rows[i]);
  std::vector<float> values(chosen.size() * dimension());
  const auto keep = [&](std::size_t first, matrix_view vectors) -> result<void> {
    for (std::size_t i = 0; i < vectors.rows(); ++i)
      vectors_.write(vectors.row(i), values.data() + (first + i) * dimension());
    return {};
  };
  HEARTH_CHECK(fetch_in_blocks(chosen, dimension(), fetch, keep));
  train_ranking(values, codes);
  codes.reserve(rows.size());
  return {};
}

// Reads what has to be in memory: row n belongs to slot n. Answers the rows that are not there.
result<std::vector<row_id>> hnsw_index::load_vectors(std::span<const row_id> rows,
                                                     const fetch_vectors& fetch) {
  scalar_store* const rank = generations_.empty() ? nullptr : generations_.back()->rank.get();
  if (!resident_ && rank == nullptr)
    return std::vector<row_id>();
  std::vector<float> unstored(dimension());
  const auto put = [&](std::size_t first, matrix_view vectors) -> result<void> {
    for (std::size_t i = 0; i < vectors.rows(); ++i) {
      const auto slot = static_cast<slot_id>(first + i);
      float* const vector = resident_ ? vectors_.at(slot) : unstored.data();
      vectors_.write(vectors.row(i), vector);
      if (rank != nullptr)
        rank->put(slot, vector);
    }
    return {};
  };
  return fetch_in_blocks(rows, dimension(), fetch, put);
}

result<std::unique_ptr<hnsw_index>>
hnsw_index::load(section_reader& sections, std::uint32_t dimension, distance_kind distance,
                 const index_params& params, const fetch_vectors& fetch,
                 const fetch_vectors& stored) {
  HEARTH_TRY(const graph_sections read, read_sections(sections));
  auto loaded = std::make_unique<hnsw_index>(dimension, distance, params, stored);
  HEARTH_CHECK(check_sizes(read, loaded->graph_));
  HEARTH_CHECK(check_links(read));
  HEARTH_CHECK(check_parents(read, loaded->tree_limit()));

  const auto count = static_cast<slot_id>(read.size());
  std::unique_ptr<code_generation> codes;
  try {
    HEARTH_TRY(codes, loaded->read_codes(sections, count));
    if (!sections.at_end())
      return corrupt("more than one graph");
    loaded->rows_.reserve(count);
    loaded->graph_.reserve(count);
    if (codes != nullptr) {
      HEARTH_CHECK(loaded->retrain_ranking(read.rows, fetch, *codes));
      loaded->publish_codes(std::move(codes));
      if (loaded->stored_)
        loaded->leave_vectors_to_storage();
    }
    if (loaded->resident_)
      loaded->vectors_.reserve(count);
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} vectors", count));
  }
  // Slots are taken in order: the vector with number n lives in slot n.
  for (std::size_t n = 0; n < read.size(); ++n) {
    const slot_id slot = loaded->rows_.take();
    loaded->graph_.place(slot, read.levels[n]);
    if (read.levels[n] != loaded->level_of(read.rows[n]))
      return corrupt("a level that its row does not have");
  }
  HEARTH_TRY(const std::vector<row_id> missing, loaded->load_vectors(read.rows, fetch));
  for (slot_id slot = 0; slot < count; ++slot)
    loaded->graph_.set_parent(slot, read.parents[slot]);
  for_each_list(read, [&](slot_id node, std::uint32_t layer, std::span<const slot_id> targets) {
    loaded->graph_.set_links(node, layer, targets);
    return true;
  });
  while (loaded->next_training_ <= count)
    loaded->next_training_ *= training_growth;
  if (count > 0)
    loaded->graph_.set_entry({read.entry, read.levels[read.entry]});
  for (slot_id slot = 0; slot < count; ++slot)
    loaded->rows_.show(slot, read.rows[slot]);
  loaded->erase(missing);
  loaded->measure_walks();
  return loaded;
}

}  // namespace hearth::engine::index
