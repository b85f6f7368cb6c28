#pragma once
// Epoch-based reclamation for one writer and any number of readers that never wait.
//
// The writer unlinks a thing (a slot, a table), calls advance() and keeps the returned tag beside
// it. Once oldest() is above the tag, no reader can still look at the thing, and it may be used
// again or freed. A reader holds a guard for as long as it follows links.
//
// Why that is enough: a reader publishes the epoch it read in a cell, with a compare-exchange; the
// writer inspects each cell with a read-modify-write too. Both touch the cell in one total order.
// Either the writer sees the reader's epoch and waits for it, or the reader's exchange follows the
// writer's and therefore sees everything the writer had unlinked by then. No fences are needed, so
// ThreadSanitizer understands it as well. (Fraser, "Practical lock-freedom", 2004, section 5.2.3,
// reduced to a single writer.)
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

namespace hearth::engine::index {

class epoch_domain {
  // Each on its own cache line: readers on different cores must not slow each other down.
  struct alignas(64) cell {
    std::atomic<std::uint64_t> epoch{0};  ///< 0: free
  };
  struct block {
    std::array<cell, 16> cells;
    std::atomic<block*> next{nullptr};
  };

 public:
  epoch_domain() = default;
  epoch_domain(const epoch_domain&) = delete;
  epoch_domain& operator=(const epoch_domain&) = delete;
  ~epoch_domain() {
    for (block* rest = first_.next.load(std::memory_order_acquire); rest != nullptr;)
      delete std::exchange(rest, rest->next.load(std::memory_order_relaxed));
  }

  /// Keeps what was reachable when it was made from being used again. Any thread; may nest.
  class guard {
   public:
    explicit guard(cell& mine) noexcept : cell_(mine) {}
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() { cell_.epoch.store(0, std::memory_order_release); }

   private:
    cell& cell_;
  };

  /// Lock-free. Allocates only when more readers are inside at once than ever before (16 at first).
  [[nodiscard]] guard pin() const {
    // May be stale when it lands in the cell: that only makes the writer more patient.
    const auto now = epoch_.load(std::memory_order_acquire);
    for (block* at = &first_;; at = next_of(*at)) {
      const std::size_t start = thread_number() % at->cells.size();
      for (std::size_t i = 0; i < at->cells.size(); ++i) {
        cell& candidate = at->cells[(start + i) % at->cells.size()];
        std::uint64_t expected = 0;
        if (candidate.epoch.load(std::memory_order_relaxed) == 0 &&
            candidate.epoch.compare_exchange_strong(expected, now, std::memory_order_acq_rel))
          return guard(candidate);
      }
    }
  }

  /// Writer. The tag for everything unlinked before this call.
  [[nodiscard]] std::uint64_t advance() noexcept {
    return epoch_.fetch_add(1, std::memory_order_acq_rel);
  }

  /// Writer. Things with a tag below this are out of every reader's reach.
  [[nodiscard]] std::uint64_t oldest() noexcept {
    std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
    for (block* at = &first_; at != nullptr; at = at->next.load(std::memory_order_acquire))
      for (cell& each : at->cells) {
        const auto pinned = each.epoch.fetch_add(0, std::memory_order_acq_rel);
        if (pinned != 0 && pinned < oldest)
          oldest = pinned;
      }
    return oldest;
  }

 private:
  static std::size_t thread_number() noexcept {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed);
    return mine;
  }

  static block* next_of(block& full) {
    block* next = full.next.load(std::memory_order_acquire);
    if (next != nullptr)
      return next;
    auto fresh = std::make_unique<block>();
    if (full.next.compare_exchange_strong(next, fresh.get(), std::memory_order_acq_rel))
      next = fresh.release();
    return next;
  }

  std::atomic<std::uint64_t> epoch_{1};
  mutable block first_;
};

}  // namespace hearth::engine::index
