#pragma once
// What a search notes down about itself, if it is to explain how it was answered.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/query.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::actors {

/// Thread-safe. Costs nothing but a branch unless it is wanted.
class search_tally {
 public:
  using clock = std::chrono::steady_clock;

  explicit search_tally(bool wanted) : wanted_(wanted) {
    if (wanted)
      started_ = clock::now();
  }

  /// Times one step from its making to its end.
  class step {
   public:
    step(search_tally& tally, search_step which)
        : tally_(tally.wanted_ ? &tally : nullptr), which_(which) {
      if (tally_ != nullptr)
        started_ = clock::now();
    }
    ~step() {
      if (tally_ != nullptr)
        tally_->add(which_, rows, candidates, clock::now() - started_);
    }
    step(const step&) = delete;
    step& operator=(const step&) = delete;

    std::uint64_t rows = 0;
    std::uint64_t candidates = 0;

   private:
    search_tally* tally_;
    search_step which_;
    clock::time_point started_;
  };

  [[nodiscard]] bool wanted() const noexcept { return wanted_; }

  /// How the index of one shard went about it. Shards decide alike but for their sizes.
  void note(const engine::index::search_plan& plan) {
    walked_ = walked_ || !plan.exact;
    walk_seconds_ = plan.walk_seconds;
    exact_seconds_ = plan.exact_seconds;
  }

  /// The stages that happened, and how long it took until now.
  void explain(search_explanation& into) const {
    for (std::size_t each = 0; each < sums_.size(); ++each) {
      const auto& of = sums_[each];
      if (of.times > 0)
        into.stages.push_back({static_cast<search_step>(each + 1), of.rows, of.candidates,
                               microseconds(std::chrono::nanoseconds(of.nanoseconds))});
    }
    // What came to be counted later happens first.
    const auto filter = std::ranges::find(into.stages, search_step::filter, &search_stage::step);
    if (filter != into.stages.end())
      std::rotate(into.stages.begin(), filter, filter + 1);
    into.exact = !walked_;
    into.walk_us = 1e6 * walk_seconds_;
    into.exact_us = 1e6 * exact_seconds_;
    into.time_us = microseconds(clock::now() - started_);
  }

 private:
  struct sum {
    std::atomic<std::uint64_t> times = 0;
    std::atomic<std::uint64_t> rows = 0;
    std::atomic<std::uint64_t> candidates = 0;
    std::atomic<std::int64_t> nanoseconds = 0;
  };

  [[nodiscard]] static std::uint64_t microseconds(std::chrono::nanoseconds time) {
    return static_cast<std::uint64_t>(std::chrono::round<std::chrono::microseconds>(time).count());
  }
  void add(search_step which, std::uint64_t rows, std::uint64_t candidates,
           std::chrono::nanoseconds time) {
    auto& to = sums_[static_cast<std::size_t>(which) - 1];
    ++to.times;
    to.rows += rows;
    to.candidates += candidates;
    to.nanoseconds += time.count();
  }

  const bool wanted_;
  std::atomic<bool> walked_ = false;
  std::atomic<double> walk_seconds_ = 0;
  std::atomic<double> exact_seconds_ = 0;
  clock::time_point started_;
  std::array<sum, 7> sums_;
};

}  // namespace hearth::actors
