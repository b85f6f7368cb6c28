#pragma once
// A door that calls pass through and that its owner can close.
#include <atomic>
#include <cstdint>
#include <utility>

namespace hearth::actors {

/// Counts who is inside. Thread-safe and lock-free.
class gate {
 public:
  /// Counts the caller in, unless the gate is closed.
  [[nodiscard]] bool enter() noexcept {
    if ((state_.fetch_add(1, std::memory_order_acq_rel) & closed_bit) != 0) {
      leave();
      return false;
    }
    entered_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  void leave() noexcept {
    if (state_.fetch_sub(1, std::memory_order_acq_rel) == (closed_bit | 1))
      state_.notify_all();
  }

  /// Closes only if nobody is inside. False: somebody is.
  [[nodiscard]] bool close_if_idle() noexcept {
    std::uint64_t nobody = 0;
    return state_.compare_exchange_strong(nobody, closed_bit, std::memory_order_acq_rel) ||
           nobody == closed_bit;
  }

  void close() noexcept { state_.fetch_or(closed_bit, std::memory_order_acq_rel); }
  /// Lets callers in again.
  void reopen() noexcept { state_.fetch_and(~closed_bit, std::memory_order_acq_rel); }

  /// Closes and waits until everybody has left. For callers that leave within microseconds.
  void close_and_wait() noexcept {
    close();
    for (auto now = state_.load(); now != closed_bit; now = state_.load())
      state_.wait(now);
  }

  [[nodiscard]] bool closed() const noexcept {
    return (state_.load(std::memory_order_acquire) & closed_bit) != 0;
  }
  [[nodiscard]] bool idle() const noexcept {
    return (state_.load(std::memory_order_acquire) & ~closed_bit) == 0;
  }
  /// How often anybody came in; tells quiet times from busy ones.
  [[nodiscard]] std::uint64_t entered() const noexcept {
    return entered_.load(std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 63;
  std::atomic<std::uint64_t> state_ = 0;
  std::atomic<std::uint64_t> entered_ = 0;
};

/// Leaves the gate it entered. Move-only.
class gate_pass {
 public:
  gate_pass() = default;
  explicit gate_pass(gate& door) noexcept : door_(door.enter() ? &door : nullptr) {}
  ~gate_pass() {
    if (door_ != nullptr)
      door_->leave();
  }
  gate_pass(gate_pass&& other) noexcept : door_(std::exchange(other.door_, nullptr)) {}
  gate_pass& operator=(gate_pass&& other) noexcept {
    std::swap(door_, other.door_);
    return *this;
  }

  explicit operator bool() const noexcept { return door_ != nullptr; }

 private:
  gate* door_ = nullptr;
};

}  // namespace hearth::actors
