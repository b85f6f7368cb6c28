#include "core/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace hearth::inline core {

void histogram::record(std::chrono::nanoseconds time) noexcept {
  const auto value = static_cast<std::uint64_t>(time.count() > 0 ? time.count() : 0);
  ++counts_[histogram_buckets::of(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket)
    counts_[bucket] += other.counts_[bucket];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds histogram::percentile(double share) const noexcept {
  if (count_ == 0)
    return std::chrono::nanoseconds(0);
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(
                                     std::clamp(share, 0.0, 1.0) * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket + 1 < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted)
      return std::chrono::nanoseconds(std::min(histogram_buckets::last_of(bucket), max_));
  }
  return max();
}

histogram shared_histogram::snapshot() const noexcept {
  histogram now;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    now.counts_[bucket] = counts_[bucket].load(std::memory_order_relaxed);
    now.count_ += now.counts_[bucket];
  }
  now.max_ = max_.load(std::memory_order_relaxed);
  return now;
}

}  // namespace hearth::inline core
