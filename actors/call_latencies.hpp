#pragma once
// How long the calls of a namespace take, by kind. Always on: recording is two relaxed additions.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "core/administration.hpp"

namespace hearth::actors {

/// Thread-safe and lock-free. A kind takes its 8 KiB with its first call.
class call_latencies {
 public:
  call_latencies() = default;
  ~call_latencies() {
    for (const auto& each : times_)
      delete each.load();
  }
  call_latencies(const call_latencies&) = delete;
  call_latencies& operator=(const call_latencies&) = delete;

  void record(call_kind kind, std::chrono::nanoseconds time) {
    auto& place = times_[static_cast<std::size_t>(kind) - 1];
    auto* times = place.load(std::memory_order_acquire);
    if (times == nullptr) {
      auto made = std::make_unique<shared_histogram>();
      if (place.compare_exchange_strong(times, made.get(), std::memory_order_acq_rel))
        times = made.release();
    }
    times->record(time);
  }

  /// Of the kinds that there were.
  [[nodiscard]] std::vector<latency_summary> summaries() const {
    std::vector<latency_summary> all;
    for (std::size_t i = 0; i < times_.size(); ++i) {
      if (const auto* times = times_[i].load(std::memory_order_acquire))
        all.push_back(summarize(static_cast<call_kind>(i + 1), times->snapshot()));
    }
    return all;
  }

 private:
  std::array<std::atomic<shared_histogram*>, call_kinds> times_{};
};

}  // namespace hearth::actors
