#pragma once
// A shard: one part of a namespace's index (rows modulo shards). It owns the fresh tail, orders the
// indexer to move rows into the main index, and publishes both for the search workers.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "actors/caf_messages.hpp"
#include "actors/indexer_actor.hpp"
#include "actors/open_namespace.hpp"
#include "actors/shard_changes.hpp"

namespace hearth::actors {

/// First message, sent when the writer knows this shard: every commit after it is announced.
struct shard_start {};
/// A commit's changes. The answer means: searches that begin now see them.
struct apply_changes {
  std::shared_ptr<const shard_changes> changes;
};
struct changes_applied {};
/// A search found that an index of this shard throws.
struct index_threw {
  std::string what;
};
/// Stops the shard; with `snapshot`, after what it has indexed is saved.
struct shard_stop {
  bool snapshot = true;
};
struct shard_stopped {};
/// Answered when the index snapshot on disk covers `lsn`, which is visible. At once by an index
/// that is not saved, because it is built as fast as it would be loaded.
struct shard_checkpoint {
  lsn_t lsn = 0;
};
struct shard_checkpointed {
  std::optional<error> failure;
};
struct snapshot_due {};  ///< to itself

}  // namespace hearth::actors

HEARTH_MESSAGE(hearth::actors::shard_start)
HEARTH_MESSAGE(hearth::actors::apply_changes)
HEARTH_MESSAGE(hearth::actors::changes_applied)
HEARTH_MESSAGE(hearth::actors::index_threw)
HEARTH_MESSAGE(hearth::actors::shard_stop)
HEARTH_MESSAGE(hearth::actors::shard_stopped)
HEARTH_MESSAGE(hearth::actors::shard_checkpoint)
HEARTH_MESSAGE(hearth::actors::shard_checkpointed)
HEARTH_MESSAGE(hearth::actors::snapshot_due)

namespace hearth::actors {

using shard_actor = index_listener::extend<
    caf::reacts_to<shard_start>, caf::replies_to<apply_changes>::with<changes_applied>,
    caf::reacts_to<index_threw>, caf::replies_to<shard_stop>::with<shard_stopped>,
    caf::replies_to<shard_checkpoint>::with<shard_checkpointed>, caf::reacts_to<snapshot_due>>;

struct shard_options {
  std::shared_ptr<open_namespace> space;
  std::shared_ptr<index_set> set;  ///< that the shard is of
  std::size_t shard = 0;
  std::uint64_t epoch = 0;  ///< from shard_slot::take_over()
  namespace_parts parts;
  std::shared_ptr<logger> log = null_logger();
  std::size_t fresh_rows = 262'144;
  std::size_t fresh_bytes = std::size_t{256} << 20;
  std::size_t index_rows = 128;  ///< rows moved into the main index per order
  std::chrono::milliseconds snapshot_after{5'000};
  bool detach_indexer = true;
  /// Called when the tail, having been past its bound, is below it again.
  std::function<void()> on_room;
  /// Called when its index has every row.
  std::function<void()> on_ready;
};

/// A shard that fails (its index throws, refuses rows, or a handler does) retires its slot, so that
/// searches scan storage, and quits with an error; its parent starts another one.
[[nodiscard]] shard_actor spawn_shard(caf::actor_system& system, shard_options options);

}  // namespace hearth::actors
