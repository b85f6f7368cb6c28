#include "engine/index/stored_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace hearth::engine::index {
namespace {

// The k least of (distance, row).
template <class Real>
class nearest_rows {
 public:
  explicit nearest_rows(std::size_t k) : k_(k) {}

  void offer(Real distance, row_id row) {
    const std::pair next{distance, row};
    if (heap_.size() == k_ && !(next < heap_.front()))
      return;
    if (heap_.size() == k_) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
    heap_.push_back(next);
    std::push_heap(heap_.begin(), heap_.end());
  }
  [[nodiscard]] const std::vector<std::pair<Real, row_id>>& found() const noexcept { return heap_; }

 private:
  std::size_t k_;
  std::vector<std::pair<Real, row_id>> heap_;
};

}  // namespace

std::vector<bool> read_stored(const fetch_vectors& stored, std::span<const row_id> rows,
                              distance_kind distance, std::uint32_t dimension, float* out) {
  auto there = stored(rows, out);
  if (!there)
    throw std::runtime_error("vectors in storage: " + to_string(there.error()));
  if (distance == distance_kind::cosine)
    for (std::size_t i = 0; i < rows.size(); ++i)
      if ((*there)[i])
        normalize({out + i * dimension, dimension}, out + i * dimension);
  return *std::move(there);
}

void for_each_stored(std::span<const row_id> rows, const fetch_vectors& stored, distance_kind kind,
                     std::uint32_t dimension,
                     const std::function<void(row_id, const float*)>& visit) {
  constexpr std::size_t block_values = std::size_t{1} << 20;  // 4 MiB
  const std::size_t block = std::max<std::size_t>(block_values / dimension, 1);
  std::vector<float> values(std::min(block, rows.size()) * dimension);
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const auto part = rows.subspan(first, std::min(block, rows.size() - first));
    const auto there = read_stored(stored, part, kind, dimension, values.data());
    for (std::size_t i = 0; i < part.size(); ++i)
      if (there[i])
        visit(part[i], values.data() + i * dimension);
  }
}

std::vector<neighbor> scan_stored(const chosen_rows& rows, const query_distance& distance,
                                  distance_kind kind, std::uint32_t dimension,
                                  const fetch_vectors& stored, std::size_t k) {
  std::vector<neighbor> found;
  if (k == 0)
    return found;
  std::vector<row_id> all;
  rows.for_each(rows.bound(), [&](slot_id, row_id row) {
    all.push_back(row);
    return true;
  });
  std::sort(all.begin(), all.end());
  nearest_rows<float> nearest(k);
  bool in_range = true;
  for_each_stored(all, stored, kind, dimension, [&](row_id row, const float* vector) {
    const float each = distance.of(vector);
    in_range = in_range && std::isfinite(each);
    if (in_range)
      nearest.offer(each, row);
  });
  if (in_range) {
    for (const auto& [each, row] : nearest.found())
      found.push_back({row, distance.reported(each)});
  } else {
    constexpr auto largest = static_cast<double>(std::numeric_limits<float>::max());
    nearest_rows<double> precise(k);
    for_each_stored(all, stored, kind, dimension, [&](row_id row, const float* vector) {
      precise.offer(distance.exact_of(vector), row);
    });
    for (const auto& [each, row] : precise.found())
      found.push_back({row, static_cast<float>(std::clamp(each, -largest, largest))});
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace hearth::engine::index
