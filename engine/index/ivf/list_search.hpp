#pragma once
// What a search of inverted lists keeps while it runs. Internal to engine/index/ivf.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/index/slot_segments.hpp"

namespace hearth::engine::index {

struct scored_slot {
  float distance = 0;
  slot_id slot = no_slot;

  friend bool operator<(const scored_slot& a, const scored_slot& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.slot < b.slot);
  }
};

/// The nearest of many slots. Those that may count are collected, and now and then all but the best
/// are dropped: cheaper than a heap, because most of what is offered late is too far.
class nearest_slots {
 public:
  /// Precondition: wanted > 0.
  void start(std::size_t wanted) {
    wanted_ = wanted;
    limit_ = std::numeric_limits<float>::infinity();
    kept_.clear();
  }
  /// Nothing that is farther counts any more.
  [[nodiscard]] float limit() const noexcept { return limit_; }
  void offer(const scored_slot& next) {
    if (!(next.distance <= limit_))
      return;
    kept_.push_back(next);
    if (kept_.size() >= 2 * wanted_ + 64)
      drop_rest();
  }
  /// The best, in no order; fewer than wanted if fewer were offered.
  [[nodiscard]] std::span<scored_slot> finish() {
    if (kept_.size() > wanted_)
      drop_rest();
    return kept_;
  }

 private:
  void drop_rest() {
    const auto last = kept_.begin() + static_cast<std::ptrdiff_t>(wanted_ - 1);
    std::nth_element(kept_.begin(), last, kept_.end());
    limit_ = last->distance;
    kept_.resize(wanted_);
  }

  std::size_t wanted_ = 1;
  float limit_ = 0;
  std::vector<scored_slot> kept_;
};

struct scored_list {
  float distance = 0;
  std::uint32_t list = 0;

  friend bool operator<(const scored_list& a, const scored_list& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.list < b.list);
  }
};

/// Lists by rising score. Those that are surely needed are ordered at once, the rest only if they
/// are asked for.
class list_queue {
 public:
  list_queue(std::span<const float> scores, std::size_t needed, std::vector<scored_list>& memory)
      : lists_(memory), ordered_(std::min(needed, scores.size())) {
    lists_.clear();
    for (std::uint32_t list = 0; list < scores.size(); ++list)
      lists_.push_back({scores[list], list});
    const auto end = lists_.begin() + static_cast<std::ptrdiff_t>(ordered_);
    if (end != lists_.end())
      std::nth_element(lists_.begin(), end, lists_.end());
    std::sort(lists_.begin(), end);
  }
  /// Null after the last one.
  [[nodiscard]] const scored_list* next() {
    if (taken_ == ordered_ && ordered_ < lists_.size()) {
      std::sort(lists_.begin() + static_cast<std::ptrdiff_t>(ordered_), lists_.end());
      ordered_ = lists_.size();
    }
    return taken_ < ordered_ ? &lists_[taken_++] : nullptr;
  }

 private:
  std::vector<scored_list>& lists_;
  std::size_t ordered_;
  std::size_t taken_ = 0;
};

}  // namespace hearth::engine::index
