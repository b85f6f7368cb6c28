#pragma once
// Counts of measured times in buckets whose width grows with the time, after HdrHistogram (Gil
// Tene).
//
// Times below 32 ns have a bucket each. From there on every power of two is cut into 32 buckets of
// the same width, so a bucket is at most 1/32 of the times in it wide: what percentile() answers is
// never below the true percentile and at most 3.2 % above it. Times from 2^37 ns (137 s) on count
// into the last bucket; the greatest time is kept exactly.
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hearth::inline core {

/// How the buckets are cut.
struct histogram_buckets {
  static constexpr unsigned part_bits = 5;  ///< 32 buckets per power of two
  static constexpr unsigned most_bits = 37;
  static constexpr std::size_t count = (most_bits - part_bits + 1) << part_bits;

  [[nodiscard]] static constexpr std::size_t of(std::uint64_t value) noexcept {
    if (value >> part_bits == 0)
      return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - part_bits;
    const auto bucket = ((std::size_t{shift} + 1) << part_bits) +
                        ((value >> shift) & ((std::size_t{1} << part_bits) - 1));
    return bucket < count ? bucket : count - 1;
  }
  /// The greatest value that counts into this bucket (the last one takes greater ones, too).
  [[nodiscard]] static constexpr std::uint64_t last_of(std::size_t bucket) noexcept {
    if (bucket >> part_bits == 0)
      return bucket;
    const auto shift = (bucket >> part_bits) - 1;
    const auto part = (bucket & ((std::size_t{1} << part_bits) - 1)) | std::size_t{1} << part_bits;
    return ((part + 1) << shift) - 1;
  }
};

/// Times as of one moment.
class histogram {
 public:
  void record(std::chrono::nanoseconds time) noexcept;
  /// Adds what another one counted.
  void merge(const histogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::chrono::nanoseconds max() const noexcept {
    return std::chrono::nanoseconds(max_);
  }
  /// The least time that `share` (0 to 1) of the times do not exceed, as exactly as buckets are;
  /// never more than max(). Zero without any.
  [[nodiscard]] std::chrono::nanoseconds percentile(double share) const noexcept;

 private:
  friend class shared_histogram;

  std::array<std::uint64_t, histogram_buckets::count> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

/// The same, filled by many threads at once without locks. Thread-safe.
class shared_histogram {
 public:
  void record(std::chrono::nanoseconds time) noexcept {
    const auto value = static_cast<std::uint64_t>(time.count() > 0 ? time.count() : 0);
    counts_[histogram_buckets::of(value)].fetch_add(1, std::memory_order_relaxed);
    auto most = max_.load(std::memory_order_relaxed);
    while (value > most && !max_.compare_exchange_weak(most, value, std::memory_order_relaxed)) {
    }
  }
  /// What was recorded before the call is in it; what is recorded meanwhile may be.
  [[nodiscard]] histogram snapshot() const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, histogram_buckets::count> counts_{};
  std::atomic<std::uint64_t> max_ = 0;
};

}  // namespace hearth::inline core
