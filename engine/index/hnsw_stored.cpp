// Graphs whose vectors are in storage: what codes leave open is read from there.
#include <numeric>
#include <stdexcept>

#include "engine/index/hnsw_index.hpp"
#include "engine/index/stored_scan.hpp"

namespace hearth::engine::index {

// From now on new vectors are coded and forgotten; the old ones go once nobody reads them.
void hnsw_index::leave_vectors_to_storage() {
  if (!resident_.load(std::memory_order_relaxed))
    return;
  pairs_.forget_vectors();
  resident_.store(false, std::memory_order_release);
  departure_ = rows_.advance();
}

void hnsw_index::release_vectors() {
  if (!departure_ || rows_.readers_before(*departure_))
    return;
  departure_.reset();
  vectors_.release();
}

// Distances of `part` to `out`; a row that storage does not have any more is infinitely far away.
void hnsw_index::measure_stored(const query_distance& distance, std::span<const candidate> part,
                                float* out) const {
  struct wanted {
    row_id row;
    std::size_t place;
  };
  thread_local std::vector<wanted> order;
  thread_local std::vector<row_id> rows;
  thread_local std::vector<float> values;
  order.clear();
  rows.clear();
  std::fill_n(out, part.size(), std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < part.size(); ++i)
    if (const auto row = rows_.row_at(part[i].slot))
      order.push_back({*row, i});
  std::sort(order.begin(), order.end(),
            [](const wanted& a, const wanted& b) { return a.row < b.row; });
  for (const wanted& each : order)
    rows.push_back(each.row);
  values.resize(rows.size() * dimension());
  const auto there = read_stored(stored_, rows, vectors_.distance(), dimension(), values.data());
  for (std::size_t i = 0; i < order.size(); ++i)
    if (there[i])
      out[order[i].place] = distance.of(values.data() + i * dimension());
}

}  // namespace hearth::engine::index
