#pragma once
// A tree of nested boxes over points that do not change.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/index/chosen_rows.hpp"
#include "engine/index/nearest_hits.hpp"
#include "engine/index/vector_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// A walk of one query into smaller and smaller boxes. Bounds are on the distances that
/// query_distance computes, in its units, with room for all rounding, so that leaving a box out
/// never changes an answer.
class box_walk {
 public:
  /// The values are those that query_distance was made with; they outlive this.
  box_walk(const float* values, std::uint32_t dimension, distance_kind distance) noexcept
      : values_(values), dimension_(dimension), distance_(computed_as(distance)) {}

  /// Begins with the box between `low` and `high`, dimension values each.
  void start(const float* low, const float* high);
  /// True if float32 holds the distances to all vectors in the box that the walk began with.
  [[nodiscard]] bool fits_float32() const noexcept { return fits_float32_; }
  /// No vector in the box is nearer.
  [[nodiscard]] double bound() const noexcept { return bound_of(sum_); }

  /// One side of a box.
  struct side {
    std::uint32_t dimension = 0;
    float low = 0;
    float high = 0;
  };
  [[nodiscard]] side side_of(std::uint32_t dimension) const noexcept {
    return {dimension, low_[dimension], high_[dimension]};
  }
  /// bound() after enter(narrower).
  [[nodiscard]] double bound_with(const side& narrower) const noexcept {
    return bound_of(sum_ - term(side_of(narrower.dimension)) + term(narrower));
  }
  /// What enter() changed. The sum is kept, not worked out again: what is added to a small number
  /// and taken away again leaves the rounding of the large one.
  struct before {
    side was;
    double sum = 0;
  };
  /// Makes the box narrower. Steps are taken back in reverse order.
  [[nodiscard]] before enter(const side& narrower) noexcept {
    const before kept{side_of(narrower.dimension), sum_};
    sum_ += term(narrower) - term(kept.was);
    set(narrower);
    return kept;
  }
  void leave(const before& kept) noexcept {
    set(kept.was);
    sum_ = kept.sum;
  }
  /// No vector like this one is nearer: cheaper than query_distance where there are few dimensions.
  [[nodiscard]] float bound_to(const float* vector) const noexcept;

 private:
  void set(const side& to) noexcept {
    low_[to.dimension] = to.low;
    high_[to.dimension] = to.high;
  }
  [[nodiscard]] double term(const side& of) const noexcept;
  [[nodiscard]] double bound_of(double sum) const noexcept;

  const float* values_;
  std::uint32_t dimension_;
  distance_kind distance_;
  std::vector<float> low_;
  std::vector<float> high_;
  double sum_ = 0;        // over all sides: of squares or distances, or the greatest products
  double magnitude_ = 0;  // of the terms in the first box
  bool fits_float32_ = false;
};

/// A k-d tree (Bentley, "Multidimensional binary search trees used for associative searching",
/// 1975) whose nodes know the box that their points fill, so that it serves inner products, too.
/// Each node is cut at the median of its widest dimension. The leaves hold copies of the vectors,
/// one after the other.
///
/// Thread rule: one writer calls remove(); search() and the observers are for any thread, under a
/// pin of the row_directory whose slots these are.
class kd_tree {
 public:
  /// Of the vectors in `slots` (at least one).
  kd_tree(const vector_store& vectors, std::vector<slot_id> slots);

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  /// slots()[i] is the slot of the vector with number i, no_slot once it was removed.
  [[nodiscard]] slot_id slot(std::uint32_t number) const noexcept {
    return std::atomic_ref(slots_[number]).load(std::memory_order_acquire);
  }
  void remove(std::uint32_t number) noexcept {
    std::atomic_ref(slots_[number]).store(no_slot, std::memory_order_release);
  }
  /// Offers what may be among the nearest of `rows`. After begin(walk).
  void search(const chosen_rows& rows, const query_distance& distance, box_walk& walk,
              nearest_hits<float>& best) const;
  void begin(box_walk& walk) const { walk.start(low_.data(), high_.data()); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  /// A node's left child follows it.
  struct node {
    std::uint32_t first = 0;  ///< number of its first vector
    std::uint32_t count = 0;
    std::uint32_t right = 0;      ///< 0: a leaf
    std::uint32_t dimension = 0;  ///< in which it is cut
    float left_high = 0;          ///< the greatest value there in the left child
    float right_low = 0;          ///< the least in the right one
  };
  struct visit_context;

  std::uint32_t build(const vector_store& vectors, std::uint32_t first, std::uint32_t count);
  void visit(std::uint32_t at, const visit_context& context) const;
  void visit_leaf(const node& leaf, const visit_context& context) const;

  const std::uint32_t dimension_;
  std::vector<node> nodes_;
  std::vector<float> low_;   // of all vectors
  std::vector<float> high_;  // of all vectors
  std::vector<float> values_;
  mutable std::vector<slot_id> slots_;
};

}  // namespace hearth::engine::index
