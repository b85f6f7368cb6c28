#pragma once
// Time behind an interface, so that tests own it.
#include <chrono>
#include <cstdint>

namespace hearth::inline core {

/// Thread-safe.
class clock_source {
 public:
  virtual ~clock_source() = default;
  /// Never goes back; for intervals and time-outs.
  [[nodiscard]] virtual std::chrono::steady_clock::time_point steady_now() const = 0;
  /// Milliseconds since 1970-01-01 UTC; for what is stored and shown.
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
};

/// The machine's clocks. Lives as long as the process.
[[nodiscard]] const clock_source& system_clock() noexcept;

}  // namespace hearth::inline core
