#include "engine/index/kd_tree/kd_tree.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth::engine::index {
namespace {

// Enough for the vector instructions; a finer tree computes more bounds than it saves distances.
constexpr std::uint32_t leaf_rows = 24;

// What float32 sums of n terms may be off, relative to the sum of their absolute values: generous,
// because a bound that is too low costs time only.
double relative_error(std::uint32_t n) noexcept {
  return (static_cast<double>(n) + 16) * static_cast<double>(std::numeric_limits<float>::epsilon());
}

// What underflow may take from each term.
double absolute_error(std::uint32_t n) noexcept {
  return static_cast<double>(n) * static_cast<double>(std::numeric_limits<float>::min());
}

}  // namespace

double box_query::nearest(const float* low, const float* high) const noexcept {
  double sum = 0;
  if (distance_ == distance_kind::dot) {
    double magnitude = 0;
    for (std::uint32_t d = 0; d < dimension_; ++d) {
      const double at_low = static_cast<double>(values_[d]) * static_cast<double>(low[d]);
      const double at_high = static_cast<double>(values_[d]) * static_cast<double>(high[d]);
      sum += std::max(at_low, at_high);
      magnitude += std::max(std::abs(at_low), std::abs(at_high));
    }
    return -sum - magnitude * relative_error(dimension_) - absolute_error(dimension_);
  }
  for (std::uint32_t d = 0; d < dimension_; ++d) {
    const auto value = static_cast<double>(values_[d]);
    const double outside =
        std::max({static_cast<double>(low[d]) - value, value - static_cast<double>(high[d]), 0.0});
    sum += outside * outside;
  }
  // For vectors of length 1, or 0, 1 - a.b is at least half of |a - b|^2.
  if (distance_ == distance_kind::cosine)
    return sum / 2 - 2 * relative_error(dimension_);
  return sum * (1 - relative_error(dimension_)) - absolute_error(dimension_);
}

bool box_query::fits_float32(const float* low, const float* high) const noexcept {
  if (distance_ == distance_kind::cosine)
    return true;
  double sum = 0;
  for (std::uint32_t d = 0; d < dimension_; ++d) {
    const auto value = static_cast<double>(values_[d]);
    const auto farthest = [&](double a, double b) { return std::max(std::abs(a), std::abs(b)); };
    if (distance_ == distance_kind::dot) {
      sum += farthest(value * static_cast<double>(low[d]), value * static_cast<double>(high[d]));
    } else {
      const double far =
          farthest(value - static_cast<double>(low[d]), value - static_cast<double>(high[d]));
      sum += far * far;
    }
  }
  return sum < static_cast<double>(std::numeric_limits<float>::max()) / 2;
}

kd_tree::kd_tree(const vector_store& vectors, std::vector<slot_id> slots)
    : dimension_(vectors.dimension()), slots_(std::move(slots)) {
  build(vectors, 0, static_cast<std::uint32_t>(slots_.size()));
  values_.reserve(slots_.size() * dimension_);
  for (const slot_id slot : slots_)
    values_.insert(values_.end(), vectors.at(slot), vectors.at(slot) + dimension_);
}

// The depth is that of a balanced tree, also where many vectors are equal.
std::uint32_t kd_tree::build(const vector_store& vectors, std::uint32_t first,
                             std::uint32_t count) {
  const auto at = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({first, count, 0});
  boxes_.insert(boxes_.end(), vectors.at(slots_[first]), vectors.at(slots_[first]) + dimension_);
  boxes_.insert(boxes_.end(), vectors.at(slots_[first]), vectors.at(slots_[first]) + dimension_);
  float* const lows = boxes_.data() + std::size_t{at} * 2 * dimension_;
  float* const highs = lows + dimension_;
  for (std::uint32_t i = first; i < first + count; ++i) {
    const float* const vector = vectors.at(slots_[i]);
    for (std::uint32_t d = 0; d < dimension_; ++d) {
      lows[d] = std::min(lows[d], vector[d]);
      highs[d] = std::max(highs[d], vector[d]);
    }
  }
  if (count <= leaf_rows)
    return at;
  std::uint32_t widest = 0;
  for (std::uint32_t d = 1; d < dimension_; ++d)
    if (static_cast<double>(highs[d]) - static_cast<double>(lows[d]) >
        static_cast<double>(highs[widest]) - static_cast<double>(lows[widest]))
      widest = d;
  const auto begin = slots_.begin() + first;
  std::nth_element(begin, begin + count / 2, begin + count, [&](slot_id a, slot_id b) {
    return vectors.at(a)[widest] < vectors.at(b)[widest];
  });
  build(vectors, first, count / 2);
  const std::uint32_t right = build(vectors, first + count / 2, count - count / 2);
  nodes_[at].right = right;
  return at;
}

struct kd_tree::visit_context {
  const row_directory& rows;
  const query_distance& distance;
  const box_query& query;
  nearest_hits<float>& best;
};

void kd_tree::search(const row_directory& rows, const query_distance& distance,
                     const box_query& query, nearest_hits<float>& best) const {
  if (query.nearest(low(0), high(0)) <= static_cast<double>(best.limit()))
    visit(0, {rows, distance, query, best});
}

void kd_tree::visit(std::uint32_t at, const visit_context& context) const {
  const node& here = nodes_[at];
  if (here.right == 0) {
    const float* vector = values_.data() + std::size_t{here.first} * dimension_;
    for (std::uint32_t i = here.first; i < here.first + here.count; ++i, vector += dimension_) {
      const slot_id of = slot(i);
      if (of == no_slot)
        continue;
      const float found = context.distance.of(vector);
      if (found > context.best.limit())
        continue;
      if (const auto row = context.rows.row_at(of))
        context.best.offer({found, *row});
    }
    return;
  }
  const std::uint32_t children[2] = {at + 1, here.right};
  const double bounds[2] = {context.query.nearest(low(children[0]), high(children[0])),
                            context.query.nearest(low(children[1]), high(children[1]))};
  const std::size_t nearer = bounds[1] < bounds[0] ? 1 : 0;
  for (const std::size_t child : {nearer, 1 - nearer})
    if (bounds[child] <= static_cast<double>(context.best.limit()))
      visit(children[child], context);
}

std::size_t kd_tree::memory_bytes() const noexcept {
  return nodes_.capacity() * sizeof(node) +
         (boxes_.capacity() + values_.capacity()) * sizeof(float) +
         slots_.capacity() * sizeof(slot_id);
}

}  // namespace hearth::engine::index
