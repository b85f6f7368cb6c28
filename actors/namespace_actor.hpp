#pragma once
// A namespace while it is open: it opens the environment, starts the writer and the shards,
// replaces the index when its parameters or the distance change, and closes everything in order.
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/caf_messages.hpp"
#include "actors/feed_job.hpp"
#include "actors/open_namespace.hpp"
#include "actors/runtime.hpp"
#include "actors/writer_actor.hpp"

namespace hearth::actors {

/// What a handle needs to work with an open namespace.
struct namespace_port {
  std::shared_ptr<open_namespace> space;
  writer_actor writer;
  caf::weak_actor_ptr owner;  ///< the namespace's actor
};

/// A change of the index or the distance on its way.
struct alter_job {
  namespace_lease space;
  namespace_request request;
  call<namespace_config> answer;
};
struct namespace_alter {
  std::shared_ptr<const alter_job> job;
};

/// A tuning on its way.
struct tune_job {
  namespace_lease space;
  tune_request request;  ///< validated
  call<tune_result> answer;
};
struct namespace_tune {
  std::shared_ptr<const tune_job> job;
};
/// From the tuner, which has answered if it failed. What it found is to be remembered, and
/// answered.
struct namespace_tuned {
  std::shared_ptr<const tune_job> job;
  result<tune_result> found;
};

/// Index snapshots that cover an LSN are wanted.
struct checkpoint_job {
  namespace_lease space;
  lsn_t lsn = 0;  ///< visible
  call<lsn_t> answer;
};
struct namespace_checkpoint {
  std::shared_ptr<const checkpoint_job> job;
};

/// Copies the file without its free pages and ends all calls. If that succeeds the namespace takes
/// no call any more and is to be closed; the copy is then to be adopted (storage/compaction.hpp).
struct namespace_compact {};
struct namespace_compacted {
  std::optional<error> failure;
  compact_result result;  ///< but for bytes_after
};

/// Opens the namespace if it is not, and reconciles its configuration with the request.
struct namespace_open {
  namespace_request request;
};
struct namespace_opened {
  std::shared_ptr<namespace_port> port;
  std::optional<error> failure;
};
/// Closes the namespace. The actor quits when all is done; the open token goes with the
/// environment.
struct namespace_close {
  bool only_if_idle = false;
  errc reason = errc::unavailable;  ///< see open_namespace::abandon
};
struct namespace_closing {
  bool agreed = true;  ///< false: asked to close only if idle, and it is not
};
/// Found nothing to deliver: it waits for the next change.
struct feed_wait {
  std::shared_ptr<feed_job> job;
};
/// Something was written, for those that wait.
struct feed_changed {};
/// There are snapshots to let go of, some time.
struct snapshots_pinned {};
// To itself.
struct feed_due {};
struct idle_check {};
/// Calls that are under way keep a copied file from being exchanged.
struct drain_check {};
struct sweep_snapshots {};
/// `group`: shard_group::id().
struct restart_shard {
  std::uint64_t group = 0;
  std::size_t index = 0;
};
/// A shard of the group has indexed every row.
struct index_ready {
  std::uint64_t group = 0;
};
/// The group's index was replaced, and the last search that read it is over.
struct index_unused {
  std::uint64_t group = 0;
};

}  // namespace hearth::actors

HEARTH_MESSAGE(hearth::actors::namespace_alter)
HEARTH_MESSAGE(hearth::actors::namespace_tune)
HEARTH_MESSAGE(hearth::actors::namespace_tuned)
HEARTH_MESSAGE(hearth::actors::namespace_open)
HEARTH_MESSAGE(hearth::actors::namespace_opened)
HEARTH_MESSAGE(hearth::actors::namespace_close)
HEARTH_MESSAGE(hearth::actors::namespace_closing)
HEARTH_MESSAGE(hearth::actors::namespace_checkpoint)
HEARTH_MESSAGE(hearth::actors::namespace_compact)
HEARTH_MESSAGE(hearth::actors::namespace_compacted)
HEARTH_MESSAGE(hearth::actors::feed_wait)
HEARTH_MESSAGE(hearth::actors::feed_changed)
HEARTH_MESSAGE(hearth::actors::feed_due)
HEARTH_MESSAGE(hearth::actors::idle_check)
HEARTH_MESSAGE(hearth::actors::drain_check)
HEARTH_MESSAGE(hearth::actors::snapshots_pinned)
HEARTH_MESSAGE(hearth::actors::sweep_snapshots)
HEARTH_MESSAGE(hearth::actors::restart_shard)
HEARTH_MESSAGE(hearth::actors::index_ready)
HEARTH_MESSAGE(hearth::actors::index_unused)

namespace hearth::actors {

using namespace_actor = caf::typed_actor<
    caf::replies_to<namespace_open>::with<namespace_opened>, caf::reacts_to<namespace_alter>,
    caf::reacts_to<namespace_tune>, caf::reacts_to<namespace_tuned>,
    caf::replies_to<namespace_close>::with<namespace_closing>, caf::reacts_to<feed_wait>,
    caf::reacts_to<feed_changed>, caf::reacts_to<feed_due>, caf::reacts_to<idle_check>,
    caf::reacts_to<restart_shard>, caf::reacts_to<index_ready>, caf::reacts_to<index_unused>,
    caf::reacts_to<snapshots_pinned>, caf::reacts_to<sweep_snapshots>,
    caf::reacts_to<namespace_checkpoint>,
    caf::replies_to<namespace_compact>::with<namespace_compacted>, caf::reacts_to<drain_check>>;

/// A compaction may copy for this long: as long as the largest file could take.
inline constexpr std::chrono::hours longest_compaction{2};

struct namespace_options {
  std::string name;
  std::filesystem::path directory;
  runtime_options runtime;
  namespace_parts parts;
  /// Released when the environment has been closed, or was never opened.
  std::shared_ptr<const void> open_token;
  /// Called when the namespace has been quiet for runtime.idle_close; the store decides.
  std::function<void()> on_idle;
  bool detached = true;  ///< writer and indexers; false only in tests that own the scheduler
};

[[nodiscard]] namespace_actor spawn_namespace(caf::actor_system& system, namespace_options options);

}  // namespace hearth::actors
