#pragma once
// A tree of nested boxes over points that do not change.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/index/nearest_hits.hpp"
#include "engine/index/row_directory.hpp"
#include "engine/index/vector_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// What a search of boxes knows of its query: bounds on the distances that query_distance computes,
/// in its units, with room for all rounding, so that leaving a box out never changes an answer.
class box_query {
 public:
  /// The values are those that query_distance was made with; they outlive this.
  box_query(const float* values, std::uint32_t dimension, distance_kind distance) noexcept
      : values_(values), dimension_(dimension), distance_(distance) {}

  /// No vector between `low` and `high` (dimension values each) is nearer.
  [[nodiscard]] double nearest(const float* low, const float* high) const noexcept;
  /// True if float32 holds the distances to all vectors in between.
  [[nodiscard]] bool fits_float32(const float* low, const float* high) const noexcept;

 private:
  const float* values_;
  std::uint32_t dimension_;
  distance_kind distance_;
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
  /// Offers what may be among the nearest of the visible rows.
  void search(const row_directory& rows, const query_distance& distance, const box_query& query,
              nearest_hits<float>& best) const;
  [[nodiscard]] bool fits_float32(const box_query& query) const noexcept {
    return query.fits_float32(low(0), high(0));
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  /// A node's left child follows it.
  struct node {
    std::uint32_t first = 0;  ///< number of its first vector
    std::uint32_t count = 0;
    std::uint32_t right = 0;  ///< 0: a leaf
  };
  struct visit_context;

  std::uint32_t build(const vector_store& vectors, std::uint32_t first, std::uint32_t count);
  void visit(std::uint32_t at, const visit_context& context) const;
  [[nodiscard]] const float* low(std::uint32_t at) const noexcept {
    return boxes_.data() + std::size_t{at} * 2 * dimension_;
  }
  [[nodiscard]] const float* high(std::uint32_t at) const noexcept { return low(at) + dimension_; }

  const std::uint32_t dimension_;
  std::vector<node> nodes_;
  std::vector<float> boxes_;   // per node: lows, highs
  std::vector<float> values_;  // the vectors
  mutable std::vector<slot_id> slots_;
};

}  // namespace hearth::engine::index
