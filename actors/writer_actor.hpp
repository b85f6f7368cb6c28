#pragma once
// The writer of a namespace: all its disk writes happen here, on one thread (LMDB binds write
// transactions to threads, and syncing blocks). It commits in groups: a write is applied to the
// open transaction at once, and the commit is a message to itself that queues behind everything
// that has already arrived. Who is answered tends to come back: a group waits a moment until it has
// as many writes as were under way when the last commit ended, so that all share the next one.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "actors/caf_messages.hpp"
#include "actors/call.hpp"
#include "actors/open_namespace.hpp"
#include "actors/shard_actor.hpp"

namespace hearth::actors {

/// One write on its way. Its bytes stay reserved in the queue until it is answered and gone.
struct write_job {
  write_job(namespace_lease target, write_batch what, std::size_t size, call<write_result> reply,
            std::unique_ptr<const storage::transaction_batch> committed = nullptr)
      : space(std::move(target)), batch(std::move(what)), transaction(std::move(committed)),
        bytes(size), answer(std::move(reply)) {}
  ~write_job() { space->release(bytes); }
  write_job(const write_job&) = delete;
  write_job& operator=(const write_job&) = delete;

  namespace_lease space;
  write_batch batch;  ///< validated; of a transaction, only `ack` counts
  std::unique_ptr<const storage::transaction_batch> transaction;  ///< null: `batch` is meant
  std::size_t bytes;  ///< reserved by open_namespace::reserve()
  call<write_result> answer;
};

struct flush_job {
  namespace_lease space;
  lsn_t lsn = 0;
  call<lsn_t> answer;
};

struct consumer_job {
  namespace_lease space;
  consumer_request request;  ///< validated
  call<feed_position> answer;
};

struct write_message {
  std::shared_ptr<const write_job> job;
};
struct flush_message {
  std::shared_ptr<const flush_job> job;
};
/// Answered when it is on disk, like a write.
struct consumer_message {
  std::shared_ptr<const consumer_job> job;
};
/// Gives fields an attribute index, because filters looked at every record for want of one.
struct index_fields_message {
  std::vector<field_path> fields;
};
/// Another distance or index parameters, to be stored durably.
struct configure_message {
  namespace_config config;
};
struct configured {
  std::optional<error> failure;
};
/// Finishes upkeep, lets no more writes in (open_namespace::writes) and copies the file. From a
/// copy on nothing is written; without one, writes go on.
struct copy_message {};
struct file_copied {
  std::optional<error> failure;
};
/// The copy was given up: writes go on.
struct copy_dropped {};
/// Who takes the changes of a shard of `set` from now on. `epoch` as in shard_slot.
struct connect_shard {
  std::shared_ptr<index_set> set;
  std::size_t index = 0;
  shard_actor shard;
  std::uint64_t epoch = 0;
};
struct shard_connected {};
/// The shards of this set take no more changes: nobody searches it.
struct disconnect_shards {
  std::shared_ptr<index_set> set;
};
/// A tail that was past its bound has room again.
struct tail_has_room {};
/// Commits what was accepted, acknowledges it, and quits.
struct writer_stop {};
struct writer_stopped {};

// To itself.
struct commit_due {};
struct interval_due {};
struct maintain_due {};
struct copy_due {};

}  // namespace hearth::actors

HEARTH_MESSAGE(hearth::actors::write_message)
HEARTH_MESSAGE(hearth::actors::flush_message)
HEARTH_MESSAGE(hearth::actors::consumer_message)
HEARTH_MESSAGE(hearth::actors::index_fields_message)
HEARTH_MESSAGE(hearth::actors::configure_message)
HEARTH_MESSAGE(hearth::actors::configured)
HEARTH_MESSAGE(hearth::actors::connect_shard)
HEARTH_MESSAGE(hearth::actors::shard_connected)
HEARTH_MESSAGE(hearth::actors::disconnect_shards)
HEARTH_MESSAGE(hearth::actors::tail_has_room)
HEARTH_MESSAGE(hearth::actors::writer_stop)
HEARTH_MESSAGE(hearth::actors::writer_stopped)
HEARTH_MESSAGE(hearth::actors::commit_due)
HEARTH_MESSAGE(hearth::actors::interval_due)
HEARTH_MESSAGE(hearth::actors::maintain_due)
HEARTH_MESSAGE(hearth::actors::copy_message)
HEARTH_MESSAGE(hearth::actors::file_copied)
HEARTH_MESSAGE(hearth::actors::copy_dropped)
HEARTH_MESSAGE(hearth::actors::copy_due)

namespace hearth::actors {

using writer_actor = caf::typed_actor<
    caf::reacts_to<write_message>, caf::reacts_to<flush_message>, caf::reacts_to<consumer_message>,
    caf::reacts_to<index_fields_message>, caf::replies_to<configure_message>::with<configured>,
    caf::replies_to<connect_shard>::with<shard_connected>, caf::reacts_to<disconnect_shards>,
    caf::reacts_to<tail_has_room>, caf::replies_to<writer_stop>::with<writer_stopped>,
    caf::reacts_to<commit_due>, caf::reacts_to<interval_due>, caf::reacts_to<maintain_due>,
    caf::replies_to<copy_message>::with<file_copied>, caf::reacts_to<copy_dropped>,
    caf::reacts_to<copy_due>>;

struct writer_options {
  std::shared_ptr<open_namespace> space;
  std::shared_ptr<logger> log = null_logger();
  std::chrono::milliseconds interval{50};
  std::chrono::milliseconds request_timeout{60'000};
  std::size_t fresh_rows = 262'144;
  std::size_t fresh_bytes = std::size_t{256} << 20;
  /// A group is committed when it reaches one of these.
  std::size_t group_batches = 4'096;
  std::size_t group_bytes = std::size_t{32} << 20;
  /// Groups on disk that shards have not confirmed yet; more wait.
  std::size_t unconfirmed_groups = 2;
  /// The longest such wait; it is never more than half of what the last commit took.
  std::chrono::microseconds linger{2'000};
  /// A compaction does what upkeep is left for this long, and waits this long for writes that are
  /// under way.
  std::chrono::milliseconds copy_patience{10'000};
  bool detached = true;  ///< false only in tests that own the scheduler
};

[[nodiscard]] writer_actor spawn_writer(caf::actor_system& system, writer_options options);

}  // namespace hearth::actors
