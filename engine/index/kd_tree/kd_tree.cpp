#include "engine/index/kd_tree/kd_tree.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth::engine::index {
namespace {

constexpr std::uint32_t leaf_rows = 12;
// Up to here a plain loop is cheaper than a kernel.
constexpr std::uint32_t few_dimensions = 12;

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

double box_walk::term(const side& of) const noexcept {
  const auto value = static_cast<double>(values_[of.dimension]);
  const auto low = static_cast<double>(of.low);
  const auto high = static_cast<double>(of.high);
  if (distance_ == distance_kind::dot)
    return std::max(value * low, value * high);
  const double outside = value < low ? low - value : value > high ? value - high : 0.0;
  return distance_ == distance_kind::manhattan ? outside : outside * outside;
}

double box_walk::bound_of(double sum) const noexcept {
  const double error = relative_error(dimension_);
  switch (distance_) {
  case distance_kind::l2:
  case distance_kind::hamming:
  case distance_kind::manhattan:
    // Sides that get narrower add up what they add in float64: far less than this error.
    return sum * (1 - error) - absolute_error(dimension_);
  case distance_kind::cosine:
    // For vectors of length 1, or 0, 1 - a.b is at least half of |a - b|^2.
    return sum / 2 - 2 * error;
  case distance_kind::dot:
    break;
  }
  return -sum - magnitude_ * error - absolute_error(dimension_);
}

void box_walk::start(const float* low, const float* high) {
  low_.assign(low, low + dimension_);
  high_.assign(high, high + dimension_);
  sum_ = 0;
  magnitude_ = 0;
  double farthest = 0;
  const bool manhattan = distance_ == distance_kind::manhattan;
  for (std::uint32_t d = 0; d < dimension_; ++d) {
    const auto value = static_cast<double>(values_[d]);
    const auto ends = {static_cast<double>(low[d]), static_cast<double>(high[d])};
    sum_ += term(side_of(d));
    double product = 0;
    double difference = 0;
    for (const double end : ends) {
      product = std::max(product, std::abs(value * end));
      difference = std::max(difference, std::abs(value - end));
    }
    magnitude_ += product;
    farthest += manhattan ? difference : difference * difference;
  }
  const double largest = distance_ == distance_kind::cosine ? 1
                         : distance_ == distance_kind::dot  ? magnitude_
                                                            : farthest;
  fits_float32_ = largest < static_cast<double>(std::numeric_limits<float>::max()) / 2;
}

float box_walk::bound_to(const float* vector) const noexcept {
  // Twice: this sum has an error, and that of the kernel has another.
  const auto error = static_cast<float>(2 * relative_error(dimension_));
  const auto underflow = static_cast<float>(2 * absolute_error(dimension_));
  float sum = 0;
  if (distance_ == distance_kind::l2) {
    for (std::uint32_t d = 0; d < dimension_; ++d)
      sum += (values_[d] - vector[d]) * (values_[d] - vector[d]);
    return sum - sum * error - underflow;
  }
  if (distance_ == distance_kind::manhattan) {
    for (std::uint32_t d = 0; d < dimension_; ++d)
      sum += std::abs(values_[d] - vector[d]);
    return sum - sum * error - underflow;
  }
  for (std::uint32_t d = 0; d < dimension_; ++d)
    sum += values_[d] * vector[d];
  const float offset = distance_ == distance_kind::cosine ? 1.0F : 0.0F;
  const auto magnitude = static_cast<float>(magnitude_) + 2 * offset;
  return offset - sum - magnitude * error * 2 - underflow;
}

kd_tree::kd_tree(const vector_store& vectors, std::vector<slot_id> slots)
    : dimension_(vectors.dimension()), slots_(std::move(slots)) {
  build(vectors, 0, static_cast<std::uint32_t>(slots_.size()));
  values_.reserve(slots_.size() * dimension_);
  for (const slot_id slot : slots_)
    values_.insert(values_.end(), vectors.at(slot), vectors.at(slot) + dimension_);
  low_.assign(values_.begin(), values_.begin() + dimension_);
  high_ = low_;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    low_[i % dimension_] = std::min(low_[i % dimension_], values_[i]);
    high_[i % dimension_] = std::max(high_[i % dimension_], values_[i]);
  }
}

// The depth is that of a balanced tree, also where many vectors are equal.
std::uint32_t kd_tree::build(const vector_store& vectors, std::uint32_t first,
                             std::uint32_t count) {
  const auto at = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({first, count, 0, 0, 0, 0});
  if (count <= leaf_rows)
    return at;
  const auto begin = slots_.begin() + first;
  const auto middle = begin + count / 2;
  std::uint32_t widest = 0;
  double width = -1;
  for (std::uint32_t d = 0; d < dimension_; ++d) {
    const auto [low, high] = std::minmax_element(begin, begin + count, [&](slot_id a, slot_id b) {
      return vectors.at(a)[d] < vectors.at(b)[d];
    });
    const double between =
        static_cast<double>(vectors.at(*high)[d]) - static_cast<double>(vectors.at(*low)[d]);
    if (between > width) {
      widest = d;
      width = between;
    }
  }
  const auto less = [&](slot_id a, slot_id b) {
    return vectors.at(a)[widest] < vectors.at(b)[widest];
  };
  std::nth_element(begin, middle, begin + count, less);
  nodes_[at].dimension = widest;
  nodes_[at].left_high = vectors.at(*std::max_element(begin, middle, less))[widest];
  nodes_[at].right_low = vectors.at(*middle)[widest];
  build(vectors, first, count / 2);
  const std::uint32_t right = build(vectors, first + count / 2, count - count / 2);
  nodes_[at].right = right;
  return at;
}

struct kd_tree::visit_context {
  const chosen_rows& rows;
  const query_distance& distance;
  box_walk& walk;
  nearest_hits<float>& best;
};

void kd_tree::search(const chosen_rows& rows, const query_distance& distance, box_walk& walk,
                     nearest_hits<float>& best) const {
  if (walk.bound() <= static_cast<double>(best.limit()))
    visit(0, {rows, distance, walk, best});
}

void kd_tree::visit(std::uint32_t at, const visit_context& context) const {
  const node& here = nodes_[at];
  if (here.right == 0)
    return visit_leaf(here, context);
  struct child {
    std::uint32_t node;
    box_walk::side side;
    double bound;
  };
  auto& walk = context.walk;
  const auto whole = walk.side_of(here.dimension);
  child nearer{at + 1, {here.dimension, whole.low, here.left_high}, 0};
  child farther{here.right, {here.dimension, here.right_low, whole.high}, 0};
  nearer.bound = walk.bound_with(nearer.side);
  farther.bound = walk.bound_with(farther.side);
  if (farther.bound < nearer.bound)
    std::swap(nearer, farther);
  for (const child& next : {nearer, farther}) {
    if (next.bound > static_cast<double>(context.best.limit()))
      break;
    const auto before = walk.enter(next.side);
    visit(next.node, context);
    walk.leave(before);
  }
}

// Distances are those of query_distance, so that answers are those of a scan.
void kd_tree::visit_leaf(const node& leaf, const visit_context& context) const {
  const float* vector = values_.data() + std::size_t{leaf.first} * dimension_;
  for (std::uint32_t i = leaf.first; i < leaf.first + leaf.count; ++i, vector += dimension_) {
    if (dimension_ <= few_dimensions && context.walk.bound_to(vector) > context.best.limit())
      continue;
    const float found = context.distance.of(vector);
    if (found > context.best.limit())
      continue;
    const slot_id of = slot(i);
    if (of == no_slot)
      continue;
    if (const auto row = context.rows.row_at(of))
      context.best.offer({found, *row});
  }
}

std::size_t kd_tree::memory_bytes() const noexcept {
  return nodes_.capacity() * sizeof(node) +
         (low_.capacity() + high_.capacity() + values_.capacity()) * sizeof(float) +
         slots_.capacity() * sizeof(slot_id);
}

}  // namespace hearth::engine::index
