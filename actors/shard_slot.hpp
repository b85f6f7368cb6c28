#pragma once
// Where a shard publishes what searches may read. Searches load one pointer and never wait.
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>

#include "core/query.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::actors {

using engine::index::row_id;

/// `shard_view::exact_after` of a shard whose indexes hold every row.
inline constexpr row_id all_indexed = std::numeric_limits<row_id>::max();

/// What a search reads of one shard. Its rows are covered thus: every row up to `exact_after` that
/// was committed before the view was loaded is in `tail` or `main`; the rows beyond it are to be
/// scanned in storage. Search `tail` before `main`: rows move by being inserted into main first and
/// erased from the tail second.
struct shard_view {
  std::shared_ptr<const engine::index::vector_index> tail;  ///< may be null
  std::shared_ptr<const engine::index::vector_index> main;  ///< null while nothing is indexed
  row_id exact_after = 0;
  /// Tells the owner that an index threw; the caller then scans storage instead. May be empty.
  std::function<void(const std::string& what)> failed;
};

/// One shard as others see it. The owner (a shard actor) publishes; anybody reads.
///
/// Owners are fenced by an epoch: once a failed shard has been retired, nothing that its actors
/// still do can be seen.
class shard_slot {
 public:
  shard_slot() : view_(std::make_shared<const shard_view>()) {}

  [[nodiscard]] std::shared_ptr<const shard_view> view() const noexcept {
    return view_.load(std::memory_order_acquire);
  }

  /// Becomes the owner; the view turns to "scan storage".
  [[nodiscard]] std::uint64_t take_over() {
    const std::lock_guard lock(guard_);
    reset();
    return ++epoch_;
  }

  /// False if `epoch` is no longer the owner's.
  bool publish(std::uint64_t epoch, shard_view view, index_state state) {
    auto next = std::make_shared<const shard_view>(std::move(view));
    const std::lock_guard lock(guard_);
    if (epoch != epoch_)
      return false;
    view_.store(std::move(next), std::memory_order_release);
    state_.store(state, std::memory_order_relaxed);
    return true;
  }

  /// The index that the owner fills, searched or not: for those who count.
  void show(std::uint64_t epoch, std::shared_ptr<const engine::index::vector_index> main) {
    const std::lock_guard lock(guard_);
    if (epoch == epoch_)
      main_.store(std::move(main), std::memory_order_release);
  }
  [[nodiscard]] std::shared_ptr<const engine::index::vector_index> main() const noexcept {
    return main_.load(std::memory_order_acquire);
  }

  /// Takes a shard that cannot go on out of service: searches scan storage from now on.
  void retire(std::uint64_t epoch) {
    const std::lock_guard lock(guard_);
    if (epoch != epoch_)
      return;
    ++epoch_;
    reset();
    state_.store(index_state::failed, std::memory_order_relaxed);
  }

  [[nodiscard]] bool owned_by(std::uint64_t epoch) const {
    const std::lock_guard lock(guard_);
    return epoch == epoch_;
  }

  [[nodiscard]] index_state state() const noexcept {
    return state_.load(std::memory_order_relaxed);
  }

  /// The owner's counts; ignored if `epoch` is no longer the owner's.
  void count(std::uint64_t epoch, std::size_t fresh, std::size_t bytes, std::size_t stale) {
    const std::lock_guard lock(guard_);
    if (epoch != epoch_)
      return;
    fresh_rows_ = fresh;
    fresh_bytes_ = bytes;
    stale_rows_ = stale;
  }
  /// Rows and bytes in the fresh tail; the writer waits while either is past its bound.
  [[nodiscard]] std::size_t fresh_rows() const noexcept { return fresh_rows_; }
  [[nodiscard]] std::size_t fresh_bytes() const noexcept { return fresh_bytes_; }
  /// Removed rows that main may still hold: searches ask for that many more.
  [[nodiscard]] std::size_t stale_rows() const noexcept { return stale_rows_; }
  /// What the snapshot on disk covers; storage keeps the changes after it.
  std::atomic<lsn_t> snapshot_lsn = 0;

 private:
  void reset() {
    view_.store(std::make_shared<const shard_view>(), std::memory_order_release);
    main_.store(nullptr, std::memory_order_release);
    state_.store(index_state::building, std::memory_order_relaxed);
    fresh_rows_ = 0;
    fresh_bytes_ = 0;
    stale_rows_ = 0;
  }

  std::atomic<std::shared_ptr<const shard_view>> view_;
  std::atomic<std::shared_ptr<const engine::index::vector_index>> main_;
  std::atomic<index_state> state_ = index_state::building;
  std::atomic<std::size_t> fresh_rows_ = 0;
  std::atomic<std::size_t> fresh_bytes_ = 0;
  std::atomic<std::size_t> stale_rows_ = 0;
  mutable std::mutex guard_;  // owners only
  std::uint64_t epoch_ = 0;
};

}  // namespace hearth::actors
