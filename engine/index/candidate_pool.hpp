#pragma once
// The nearest nodes that a walk through a graph has met: at once what it found and where it goes
// on.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "engine/index/slot_segments.hpp"

namespace hearth::engine::index {

struct candidate {
  float distance = 0;
  slot_id slot = no_slot;

  friend bool operator<(const candidate& a, const candidate& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.slot < b.slot);
  }
};

/// The `wanted` nearest nodes that were admitted, and every other node that is nearer than the last
/// of them, in one sorted array. Short arrays are kept sorted faster than heaps are kept heaps, and
/// the order is what the walk needs: its next step is the first node not followed yet.
class candidate_pool {
 public:
  /// `most` bounds the array, which otherwise grows with nodes that are not admitted.
  void clear(std::size_t wanted, std::size_t most = std::numeric_limits<std::size_t>::max()) {
    entries_.clear();
    entries_.reserve(wanted + 1);
    wanted_ = wanted;
    most_ = std::max(most, wanted);
    overflowed_ = false;
    admitted_ = 0;
    next_ = 0;
  }

  /// Only what is nearer need be offered.
  [[nodiscard]] float limit() const noexcept {
    return admitted_ == wanted_ || entries_.size() == most_ ? entries_.back().distance
                                                            : std::numeric_limits<float>::max();
  }
  /// Everything that the walk can reach has been offered, or what is left is too far.
  [[nodiscard]] bool complete() const noexcept { return admitted_ == wanted_ || !overflowed_; }

  /// Precondition: distance < limit(). True if the walk goes on with this node as things stand.
  bool offer(float distance, slot_id slot, bool admitted) {
    const std::size_t position = place_of({distance, slot});
    entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(position),
                    entry{distance, slot & slot_mask, 0, admitted ? 1u : 0u});
    if (admitted && ++admitted_ >= wanted_)
      cut();
    if (entries_.size() > most_)
      overflow();
    if (position > next_)
      return false;
    next_ = position;
    return true;
  }

  /// The nearest node not followed yet, or no_slot.
  [[nodiscard]] slot_id peek() noexcept {
    while (next_ < entries_.size() && entries_[next_].followed != 0)
      ++next_;
    return next_ < entries_.size() ? entries_[next_].slot : no_slot;
  }
  /// Marks what peek() answered as followed.
  void follow() noexcept { entries_[next_++].followed = 1; }

  /// Replaces `found` by the admitted nodes, nearest first.
  void copy_to(std::vector<candidate>& found) const {
    found.clear();
    for (const entry& each : entries_)
      if (each.admitted != 0)
        found.push_back({each.distance, each.slot});
  }

 private:
  static constexpr slot_id slot_mask = (slot_id{1} << slot_bits) - 1;
  struct entry {
    float distance;
    slot_id slot : slot_bits;
    slot_id followed : 1;
    slot_id admitted : 1;
  };
  static_assert(sizeof(entry) == 8);

  // How many entries come before it. A binary search whose steps are not branches: where a distance
  // goes is a toss-up.
  [[nodiscard]] std::size_t place_of(const candidate& fresh) const noexcept {
    std::size_t first = 0;
    for (std::size_t left = entries_.size(); left > 0;) {
      const std::size_t half = (left + 1) / 2;
      first += entries_[first + half - 1].distance < fresh.distance ? half : 0;
      left -= half;
    }
    while (first < entries_.size() && entries_[first].distance == fresh.distance &&
           entries_[first].slot < fresh.slot)
      ++first;
    return first;
  }

  // Behind the last of the wanted ones.
  void cut() {
    if (admitted_ > wanted_) {
      --admitted_;
      entries_.pop_back();
    }
    while (entries_.back().admitted == 0)
      entries_.pop_back();
  }

  void overflow() {
    admitted_ -= entries_.back().admitted;
    entries_.pop_back();
    overflowed_ = true;
  }

  std::vector<entry> entries_;
  std::size_t wanted_ = 0;
  std::size_t most_ = 0;
  bool overflowed_ = false;
  std::size_t admitted_ = 0;
  std::size_t next_ = 0;  ///< everything before it has been followed
};

}  // namespace hearth::engine::index
