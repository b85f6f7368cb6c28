#include "engine/index/kd_tree/kd_tree_index.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <new>

#include "core/format.hpp"
#include "engine/index/exact_scan.hpp"
#include "engine/index/flat_index.hpp"
#include "engine/index/row_loading.hpp"

namespace hearth::engine::index {

namespace {

constexpr std::size_t rows_per_chosen = 16;

}  // namespace

kd_tree_index::kd_tree_index(std::uint32_t dimension, distance_kind distance)
    : vectors_(dimension, distance), owned_(std::make_unique<forest>()), forest_(owned_.get()),
      forest_bytes_(sizeof(forest)) {}

kd_tree_index::~kd_tree_index() = default;

result<void> kd_tree_index::insert(std::span<const row_id> rows, matrix_view vectors) {
  HEARTH_CHECK(check_insert(rows_, dimension(), rows, vectors));
  reclaim();
  HEARTH_TRY(const slot_id bound, rows_.bound_after(rows.size()));
  std::vector<slot_id> slots;
  try {
    rows_.reserve(rows.size());
    vectors_.reserve(bound);
    places_.resize(std::max<std::size_t>(places_.size(), bound));
    slots.reserve(rows.size());
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} more vectors", rows.size()));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    slots.push_back(rows_.take());
    vectors_.put(slots.back(), vectors.row(i));
  }
  add(slots);
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows_.show(slots[i], rows[i]);
  return {};
}

void kd_tree_index::add(std::span<const slot_id> slots) {
  if (slots.size() <= buffer_rows - owned_->buffered.load(std::memory_order_relaxed)) {
    append_to_buffer(*owned_, slots);
    return;
  }
  auto merged = take_buffered();
  merged.insert(merged.end(), slots.begin(), slots.end());
  auto trees = owned_->trees;
  if (merged.size() > buffer_rows / 2)
    for (; !trees.empty() && trees.back()->size() <= merged.size(); trees.pop_back())
      take_tree(*trees.back(), merged);
  publish(std::move(trees), std::move(merged));
}

void kd_tree_index::append_to_buffer(forest& to, std::span<const slot_id> slots) {
  std::uint32_t at = to.buffered.load(std::memory_order_relaxed);
  for (const slot_id slot : slots) {
    places_[slot] = {nullptr, at};
    to.buffer[at++].store(slot, std::memory_order_relaxed);
  }
  to.buffered.store(at, std::memory_order_release);
}

std::vector<slot_id> kd_tree_index::take_buffered() const {
  std::vector<slot_id> slots;
  for (std::uint32_t i = 0; i < owned_->buffered.load(std::memory_order_relaxed); ++i)
    if (const slot_id slot = owned_->buffer[i].load(std::memory_order_relaxed); slot != no_slot)
      slots.push_back(slot);
  return slots;
}

void kd_tree_index::take_tree(const kd_tree& tree, std::vector<slot_id>& slots) {
  for (std::uint32_t number = 0; number < tree.size(); ++number)
    if (const slot_id slot = tree.slot(number); slot != no_slot)
      slots.push_back(slot);
}

void kd_tree_index::publish(std::vector<std::shared_ptr<kd_tree>> trees,
                            std::vector<slot_id> slots) {
  auto next = std::make_unique<forest>();
  next->trees = std::move(trees);
  if (slots.size() <= buffer_rows / 2) {
    append_to_buffer(*next, slots);
  } else {
    const auto tree = std::make_shared<kd_tree>(vectors_, std::move(slots));
    for (std::uint32_t number = 0; number < tree->size(); ++number)
      places_[tree->slot(number)] = {tree.get(), number};
    next->trees.push_back(tree);
    std::ranges::stable_sort(next->trees, std::greater<>(), &kd_tree::size);
  }
  std::size_t bytes = sizeof(forest);
  for (const auto& tree : next->trees)
    bytes += tree->memory_bytes();
  std::erase_if(removed_, [&](const auto& each) {
    return std::ranges::find(next->trees, each.first, &std::shared_ptr<kd_tree>::get) ==
           next->trees.end();
  });
  auto old = std::exchange(owned_, std::move(next));
  forest_.store(owned_.get(), std::memory_order_release);
  retired_.emplace_back(rows_.readers().advance(), std::move(old));
  forest_bytes_.store(bytes, std::memory_order_relaxed);
  reclaim();
}

std::size_t kd_tree_index::erase(std::span<const row_id> rows) {
  std::vector<slot_id> erased;
  erased.reserve(rows.size());
  for (const row_id row : rows) {
    const slot_id slot = rows_.find(row);
    if (slot == no_slot)
      continue;
    rows_.hide(slot);
    erased.push_back(slot);
    const auto [tree, number] = places_[slot];
    if (tree == nullptr) {
      owned_->buffer[number].store(no_slot, std::memory_order_release);
      continue;
    }
    tree->remove(number);
    const auto counted =
        std::ranges::find(removed_, tree, &std::pair<kd_tree*, std::size_t>::first);
    if (counted == removed_.end())
      removed_.emplace_back(tree, 1);
    else
      ++counted->second;
  }
  if (erased.empty())
    return 0;
  rebuild_thinned();
  rows_.retire(erased);
  reclaim();
  return erased.size();
}

void kd_tree_index::rebuild_thinned() {
  const auto thinned = [this](const kd_tree* tree) {
    const auto found = std::ranges::find(removed_, tree, &std::pair<kd_tree*, std::size_t>::first);
    return found != removed_.end() && found->second * 2 >= tree->size();
  };
  auto trees = owned_->trees;
  std::vector<slot_id> kept;
  std::erase_if(trees, [&](const auto& tree) {
    if (!thinned(tree.get()))
      return false;
    take_tree(*tree, kept);
    return true;
  });
  if (trees.size() == owned_->trees.size())
    return;
  const auto buffered = take_buffered();
  kept.insert(kept.end(), buffered.begin(), buffered.end());
  publish(std::move(trees), std::move(kept));
}

void kd_tree_index::reclaim() {
  rows_.reclaim([](slot_id) {});
  const auto oldest = rows_.readers().oldest();
  std::erase_if(retired_, [&](const auto& each) { return each.first < oldest; });
}

std::vector<neighbor> kd_tree_index::search(std::span<const float> query, std::size_t k,
                                            const search_effort& effort) const {
  assert(query.size() == dimension());
  thread_local std::vector<float> normalized;
  const float* const values =
      compared({query.data(), 1, dimension()}, vectors_.distance(), normalized).data();
  const query_distance distance(vectors_, values);
  box_walk walk(values, dimension(), vectors_.distance());
  const auto pin = rows_.pin();
  if (k == 0 || size() == 0)
    return {};
  const chosen_rows chosen(rows_, effort.among);
  // Of few rows each is found faster by its number than all by a walk.
  if (!chosen.all() && chosen.size() < size() / rows_per_chosen)
    return scan_exact(chosen, distance, k);
  const forest& now = *forest_.load(std::memory_order_acquire);
  thread_local nearest_hits<float> best;
  best.start(k);
  bool finite = true;
  const std::uint32_t buffered = now.buffered.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < buffered && finite; ++i) {
    const slot_id slot = now.buffer[i].load(std::memory_order_acquire);
    const auto row = slot == no_slot ? std::nullopt : chosen.row_at(slot);
    if (!row)
      continue;
    const float found = distance(slot);
    finite = std::isfinite(found);
    best.offer({found, *row});
  }
  // Where float32 may not hold a distance, flat_index computes all of them in float64.
  for (const auto& tree : now.trees) {
    tree->begin(walk);
    finite = finite && walk.fits_float32();
    if (!finite)
      break;
    tree->search(chosen, distance, walk, best);
  }
  if (!finite)
    return scan_exact(chosen, distance, k);
  auto found = reported(best, [&](float each) { return distance.reported(each); });
  // Rows that were on their way out may have taken places.
  if (found.size() < std::min(k, size()))
    return scan_exact(chosen, distance, k);
  return found;
}

bool kd_tree_index::contains(row_id row) const {
  const auto pin = rows_.pin();
  return rows_.find(row) != no_slot;
}

void kd_tree_index::save(section_writer& sections) const {
  sections.add(section_tag::rows, std::span<const row_id>(rows_.sorted_rows()));
}

result<std::unique_ptr<kd_tree_index>> kd_tree_index::load(section_reader& sections,
                                                           std::uint32_t dimension,
                                                           distance_kind distance,
                                                           const fetch_vectors& fetch) {
  HEARTH_TRY(const auto rows, sections.next<row_id>(section_tag::rows));
  if (!sections.at_end())
    return fail(errc::corruption, "snapshot: bytes behind the last section");
  HEARTH_CHECK(check_rising(rows));
  auto index = std::make_unique<kd_tree_index>(dimension, distance);
  // All vectors first, so that one tree is made of all.
  std::vector<slot_id> slots;
  const auto put = [&](std::size_t first, matrix_view vectors) -> result<void> {
    HEARTH_TRY(const slot_id bound, index->rows_.bound_after(vectors.rows()));
    index->rows_.reserve(rows.size() - first);
    index->vectors_.reserve(bound);
    for (std::size_t i = 0; i < vectors.rows(); ++i) {
      slots.push_back(index->rows_.take());
      index->vectors_.put(slots.back(), vectors.row(i));
    }
    return {};
  };
  try {
    HEARTH_TRY(const auto missing, fetch_in_blocks(rows, dimension, fetch, put));
    index->places_.resize(slots.size());
    index->add(slots);
    for (std::size_t i = 0; i < rows.size(); ++i)
      index->rows_.show(slots[i], rows[i]);
    index->erase(missing);
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} vectors", rows.size()));
  }
  return index;
}

}  // namespace hearth::engine::index
