#pragma once
// The index of one vector of a namespace by one distance and one set of parameters: a slot per
// shard. Each vector has one that searches read, and while it is changed a second one that is being
// built. A search takes one of them when it begins and stays with it, so that its distances are all
// of one kind.
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
  /// Of the vector of this number, as the namespace is configured. Without shards, and always
  /// ready, if there is no such vector.
  index_set(const namespace_config& config, std::size_t vector)
      : vector_(vector), config_(config.vector(vector)) {
    const auto shards = config_.dimension > 0 ? config.shards : 0;
    slots_.reserve(shards);
    for (std::size_t shard = 0; shard < shards; ++shard)
      slots_.push_back(std::make_unique<shard_slot>());
  }

  [[nodiscard]] std::size_t vector() const noexcept { return vector_; }
  /// Empty for the vector that needs no name.
  [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
  /// For messages: "docs", or "docs, image".
  [[nodiscard]] std::string title(const std::string& of_namespace) const {
    return name().empty() ? of_namespace : of_namespace + ", " + name();
  }
  [[nodiscard]] std::uint32_t dimension() const noexcept { return config_.dimension; }
  [[nodiscard]] distance_kind distance() const noexcept { return config_.distance; }
  [[nodiscard]] const index_params& params() const noexcept { return config_.index; }
  /// Does a namespace of this configuration want an index like this one?
  [[nodiscard]] bool suits(const namespace_config& config) const noexcept {
    const auto wanted = config.vector(vector_);
    return wanted.distance == distance() && structure_of(wanted.index) == structure_of(params());
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
  const std::size_t vector_;
  const vector_config config_;
  std::vector<std::unique_ptr<shard_slot>> slots_;
  mutable std::mutex guard_;
  std::string failure_;
};

}  // namespace hearth::actors
