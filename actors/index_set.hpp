#pragma once
// The index of a namespace by one distance and one set of parameters: a slot per shard. A namespace
// has one that searches read, and while it is changed a second one that is being built. A search
// takes one of them when it begins and stays with it, so that its distances are all of one kind.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/shard_slot.hpp"
#include "core/namespace_config.hpp"

namespace hearth::actors {

/// Thread-safe.
class index_set {
 public:
  index_set(distance_kind distance, const index_params& params, std::size_t shards)
      : distance_(distance), params_(params) {
    slots_.reserve(shards);
    for (std::size_t shard = 0; shard < shards; ++shard)
      slots_.push_back(std::make_unique<shard_slot>());
  }

  [[nodiscard]] distance_kind distance() const noexcept { return distance_; }
  [[nodiscard]] const index_params& params() const noexcept { return params_; }
  /// Does a namespace of this configuration want an index like this one?
  [[nodiscard]] bool suits(const namespace_config& config) const noexcept {
    return config.distance == distance_ && structure_of(config.index) == structure_of(params_);
  }

  [[nodiscard]] std::size_t shards() const noexcept { return slots_.size(); }
  [[nodiscard]] shard_slot& shard(std::size_t index) const noexcept { return *slots_[index]; }
  [[nodiscard]] std::size_t shard_of(row_id row) const noexcept { return row % slots_.size(); }

  /// Every shard's index holds every row.
  [[nodiscard]] bool ready() const noexcept { return state() == index_state::ready; }
  /// That of the shard that is worst off.
  [[nodiscard]] index_state state() const noexcept {
    auto worst = index_state::ready;
    for (const auto& slot : slots_)
      worst = std::max(worst, slot->state());
    return worst;
  }
  /// Some shard has an index that spares searches from scanning storage.
  [[nodiscard]] bool searchable() const noexcept {
    for (const auto& slot : slots_) {
      if (slot->view()->main)
        return true;
    }
    return false;
  }

  /// The configuration wants another index: this one serves until that is ready, and is not worth
  /// saving.
  std::atomic<bool> outdated = false;
  /// The snapshots on disk may be another index's.
  std::atomic<bool> unsaved = false;

  /// Why a shard had to start over, last; empty if none had to.
  [[nodiscard]] std::string failure() const {
    const std::lock_guard lock(guard_);
    return failure_;
  }
  void note_failure(std::string what) {
    const std::lock_guard lock(guard_);
    failure_ = std::move(what);
  }

 private:
  const distance_kind distance_;
  const index_params params_;
  std::vector<std::unique_ptr<shard_slot>> slots_;
  mutable std::mutex guard_;
  std::string failure_;
};

}  // namespace hearth::actors
