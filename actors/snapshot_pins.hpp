#pragma once
// The snapshots that transactions read, shared by all that began at the same LSN.
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "core/clock.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::actors {

/// A snapshot that stays open from one call to the next.
struct pinned_snapshot {
  std::mutex guard;  ///< held while anybody reads in it
  std::unique_ptr<storage::read_view> view;
  std::chrono::steady_clock::time_point opened;
};

/// Pins old pages, and with them the file's growth, for no longer than limits::snapshot_ms: then a
/// snapshot is let go, whoever uses it, and ends with the last call that reads in it. Thread-safe.
class snapshot_pins {
 public:
  /// The newest snapshot, pinned.
  [[nodiscard]] result<std::shared_ptr<pinned_snapshot>>
  newest(const storage::namespace_store& store);
  /// The snapshot of this LSN; null if it was let go.
  [[nodiscard]] std::shared_ptr<pinned_snapshot> find(lsn_t lsn);
  /// Lets go of what is too old; answers whether any are left.
  bool sweep(std::chrono::steady_clock::time_point now);
  /// Lets go of all.
  void clear();

  /// Called when there is a snapshot to let go of and there was none, so that somebody calls
  /// sweep() in time. Any thread; set before the first snapshot.
  std::function<void()> on_first;

 private:
  std::mutex guard_;
  std::map<lsn_t, std::shared_ptr<pinned_snapshot>> pins_;
};

}  // namespace hearth::actors
