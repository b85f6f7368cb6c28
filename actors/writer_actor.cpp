#include "actors/writer_actor.hpp"

#include <algorithm>
#include <deque>
#include <thread>

#include "actors/events.hpp"
#include "actors/write_group.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

/// Storage's upkeep runs this long after a commit, and again while there is more to do.
constexpr auto maintenance_pause = 250ms;
constexpr auto linger_step = 30us;

class writer_state {
 public:
  static inline const char* name = "writer";

  explicit writer_state(writer_actor::pointer self) : self_(self) {}

  void prepare(writer_options options) {
    options_ = std::move(options);
    group_ = std::make_unique<write_group>(space());
    if (options_.detached)
      schedule_maintenance();  // indexes of fields and texts may be half built
    self_->set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
      options_.log->error(events::writer_died,
                          core::format("{}: {}", space().name(), describe(thrown)));
      return actor_failure(describe(thrown));
    });
  }

  void write(std::shared_ptr<const write_job> job) {
    queue_.push_back(std::move(job));
    apply_queued();
  }

  void flush(std::shared_ptr<const flush_job> job);
  configured configure(const namespace_config& config);
  void index_fields(const std::vector<field_path>& fields);

  void connect(const connect_shard& message) {
    auto known = std::ranges::find(sets_, message.set, &connected_set::set);
    if (known == sets_.end())
      known = sets_.insert(known, {message.set, std::vector<connection>(space().shards())});
    known->shards[message.index] = {message.shard, message.epoch};
    apply_queued();  // the tail that writes waited for may have gone with the shard before
  }

  void disconnect(const std::shared_ptr<index_set>& set) {
    std::erase_if(sets_, [&](const connected_set& each) { return each.set == set; });
    apply_queued();
  }

  void apply_queued();
  void commit();
  void maintain();
  caf::result<writer_stopped> stop();

  void commit_message() {
    if (lingers()) {
      std::this_thread::sleep_for(linger_step);
      self_->send(self_, commit_due{});
      return;
    }
    commit_queued_ = false;
    commit();
  }
  void interval_message() {
    interval_armed_ = false;
    commit();
  }

 private:
  struct connection {
    shard_actor shard;
    std::uint64_t epoch = 0;
  };
  /// The shards of one index: there are two while one replaces the other.
  struct connected_set {
    std::shared_ptr<index_set> set;
    std::vector<connection> shards;
  };

  [[nodiscard]] open_namespace& space() const noexcept { return *options_.space; }
  [[nodiscard]] storage::namespace_store& store() const noexcept { return space().store(); }

  [[nodiscard]] bool must_wait();
  [[nodiscard]] const shard_slot* full_slot(std::size_t shard) const;
  [[nodiscard]] bool lingers() const;
  void apply(std::shared_ptr<const write_job> job);
  void schedule_commit();
  void schedule_maintenance();
  void announce();
  void announce(const std::shared_ptr<write_group>& group,
                const std::shared_ptr<const shard_changes>& changes, const connected_set& to,
                std::size_t index);
  void confirmed(write_group& group);
  void settle_confirmed();
  void drop_group(const error& reason);
  void finish_stop();

  writer_actor::pointer self_;
  writer_options options_;
  std::vector<connected_set> sets_;
  std::deque<std::shared_ptr<const write_job>> queue_;    // waiting for room in a tail
  std::unique_ptr<write_group> group_;                    // in the open transaction
  std::deque<std::shared_ptr<write_group>> unconfirmed_;  // on disk, in the order of commits
  std::size_t last_batches_ = 0;                          // of the group before
  std::chrono::steady_clock::duration last_commit_{};     // how long it took
  std::chrono::steady_clock::time_point group_started_;
  bool commit_queued_ = false;
  bool interval_armed_ = false;
  bool maintenance_armed_ = false;
  bool waiting_logged_ = false;
  bool settling_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  caf::typed_response_promise<writer_stopped> stopped_;
};

// A tail past its bound, or shards that fall behind, make writes wait in the queue, in order.
bool writer_state::must_wait() {
  if (stopping_)
    return false;  // what was accepted is committed
  if (unconfirmed_.size() >= options_.unconfirmed_groups)
    return true;
  for (std::size_t index = 0; index < space().shards(); ++index) {
    const auto* full = full_slot(index);
    if (full == nullptr)
      continue;
    if (!std::exchange(waiting_logged_, true))
      options_.log->info(
          events::writer_waits_for_index,
          core::format("{} shard {}: {} fresh rows", space().name(), index, full->fresh_rows()));
    return true;
  }
  waiting_logged_ = false;
  return false;
}

// A slot of the shard whose tail is past its bound.
const shard_slot* writer_state::full_slot(std::size_t shard) const {
  for (const auto& each : sets_) {
    const auto& slot = each.set->shard(shard);
    if (slot.fresh_rows() >= options_.fresh_rows || slot.fresh_bytes() >= options_.fresh_bytes)
      return &slot;
  }
  return nullptr;
}

void writer_state::apply_queued() {
  while (!queue_.empty() && !must_wait()) {
    auto job = std::move(queue_.front());
    queue_.pop_front();
    apply(std::move(job));
  }
}

void writer_state::apply(std::shared_ptr<const write_job> job) {
  if (!job->answer.open())
    return;  // its caller was told that it timed out
  auto applied = store().apply(job->batch);
  if (!applied) {
    // A failure of storage itself takes the whole transaction with it.
    if (const auto broken = store().read_only_reason(); broken && !group_->empty())
      drop_group(*broken);
    job->answer.settle(std::unexpected(std::move(applied).error()));
    return;
  }
  space().accepted_lsn = applied->result.lsn;
  group_->add(job, *applied);
  if (job->batch.ack == durability::interval) {
    applied->result.durable_lsn = store().durable_lsn();
    job->answer.settle(std::move(applied->result));
  }
  if (group_->batches() >= options_.group_batches || group_->bytes() >= options_.group_bytes)
    commit();
  else
    schedule_commit();
}

void writer_state::schedule_commit() {
  if (group_->awaited()) {
    if (std::exchange(commit_queued_, true))
      return;
    group_started_ = std::chrono::steady_clock::now();
    self_->send(self_, commit_due{});
  } else if (!std::exchange(interval_armed_, true)) {
    self_->delayed_send(self_, options_.interval, interval_due{});
  }
}

// Sleeping is what this thread may do: nobody else runs on it.
bool writer_state::lingers() const {
  if (!options_.detached || stopping_ || group_->batches() >= last_batches_)
    return false;
  const auto patience =
      std::min<std::chrono::steady_clock::duration>(options_.linger, last_commit_ / 2);
  return std::chrono::steady_clock::now() - group_started_ < patience;
}

void writer_state::commit() {
  if (group_->empty())
    return;
  const auto started = std::chrono::steady_clock::now();
  if (auto done = store().commit(); !done) {
    drop_group(done.error());
    return;
  }
  last_batches_ = group_->batches();
  last_commit_ = std::chrono::steady_clock::now() - started;
  announce();
  schedule_maintenance();
}

// Hands the committed rows to the shards; the last one to confirm lets the group be acknowledged.
void writer_state::announce() {
  const std::shared_ptr<write_group> group =
      std::exchange(group_, std::make_unique<write_group>(space()));
  unconfirmed_.push_back(group);
  for (std::size_t vector = 0; vector < space().vector_count(); ++vector) {
    for (std::size_t index = 0; index < space().shards(); ++index) {
      if (const auto changes = group->take_changes(vector, index)) {
        for (const auto& each : sets_)
          if (each.set->vector() == vector)
            announce(group, changes, each, index);
      }
    }
  }
  settle_confirmed();
}

void writer_state::announce(const std::shared_ptr<write_group>& group,
                            const std::shared_ptr<const shard_changes>& changes,
                            const connected_set& to, std::size_t index) {
  const auto& [shard, epoch] = to.shards[index];
  if (!shard)
    return;  // it is being started: it reads this commit from storage
  ++group->unconfirmed;
  self_->request(shard, caf_duration(options_.request_timeout), apply_changes{changes})
      .then([this, group](const changes_applied&) { confirmed(*group); },
            [this, group, set = to.set, index, shard = shard, epoch = epoch](const caf::error&) {
              // The shard is gone, or stuck: searches scan storage until there is another one.
              set->shard(index).retire(epoch);
              caf::anon_send_exit(shard, caf::exit_reason::user_shutdown);
              confirmed(*group);
            });
}

void writer_state::confirmed(write_group& group) {
  --group.unconfirmed;
  settle_confirmed();
}

// Acknowledges in the order of commits.
void writer_state::settle_confirmed() {
  if (std::exchange(settling_, true))
    return;  // apply_queued() below committed a group that nobody has to confirm
  while (!unconfirmed_.empty() && unconfirmed_.front()->unconfirmed == 0) {
    const auto group = std::move(unconfirmed_.front());
    unconfirmed_.pop_front();
    space().set_visible(group->last_lsn());
    group->succeed(store().durable_lsn());
    apply_queued();
  }
  settling_ = false;
  finish_stop();
}

// The open transaction is lost.
void writer_state::drop_group(const error& reason) {
  options_.log->error(events::commit_failed,
                      core::format("{}: {}", space().name(), to_string(reason)));
  if (group_->acknowledged() > 0)
    options_.log->error(
        events::acknowledged_writes_lost,
        core::format("{}: {} batches acknowledged with durability interval, lsn {} to {}",
                     space().name(), group_->acknowledged(), group_->first_lsn(),
                     group_->last_lsn()));
  const auto lost = std::exchange(group_, std::make_unique<write_group>(space()));
  lost->fail(reason);
}

void writer_state::flush(std::shared_ptr<const flush_job> job) {
  const auto accepted = space().accepted_lsn.load();
  if (job->lsn > accepted) {
    job->answer.settle(fail(errc::invalid_argument,
                            core::format("lsn is {}, but the newest write of \"{}\" is {}",
                                         job->lsn, space().name(), accepted),
                            "flush an lsn that a write answered, or 0 for everything"));
    return;
  }
  const auto target = job->lsn == 0 ? accepted : job->lsn;
  if (store().durable_lsn() < target) {
    if (!group_->empty()) {
      group_->add(job);
      commit();
    }
    if (store().durable_lsn() < target)
      job->answer.settle(std::unexpected(store().read_only_reason().value_or(
          error{errc::internal, "the commit did not reach the lsn", {}, 0})));
  } else if (!unconfirmed_.empty()) {
    unconfirmed_.back()->add(std::move(job));
  } else {
    job->answer.settle(store().durable_lsn());
  }
}

configured writer_state::configure(const namespace_config& config) {
  commit();
  if (auto done = store().set_config(config); !done)
    return {std::move(done).error()};
  schedule_maintenance();  // which builds the indexes that it may want
  return {};
}

// What filters would have liked to have; they do without meanwhile.
void writer_state::index_fields(const std::vector<field_path>& fields) {
  if (stopping_ || store().read_only_reason())
    return;
  commit();
  if (auto done = store().index_fields(fields); !done)
    options_.log->warning(events::maintenance_failed,
                          core::format("{}: {}", space().name(), to_string(done.error())));
  schedule_maintenance();
}

void writer_state::schedule_maintenance() {
  if (!std::exchange(maintenance_armed_, true))
    self_->delayed_send(self_, maintenance_pause, maintain_due{});
}

// One bounded step; what is queued behind it gets its turn before the next.
void writer_state::maintain() {
  maintenance_armed_ = false;
  if (stopping_ || store().read_only_reason())
    return;
  commit();
  // Shards that have no snapshot start from storage and need no history; searches look at what
  // was committed after visible_lsn.
  auto keep_after = space().visible_lsn();
  for (const auto& each : sets_) {
    for (std::size_t index = 0; index < space().shards(); ++index) {
      if (const auto saved = each.set->shard(index).snapshot_lsn.load(); saved > 0)
        keep_after = std::min(keep_after, saved);
    }
  }
  const auto more = store().maintain(keep_after);
  if (!more)
    options_.log->warning(events::maintenance_failed,
                          core::format("{}: {}", space().name(), to_string(more.error())));
  else if (*more && !std::exchange(maintenance_armed_, true))
    self_->send(self_, maintain_due{});
}

caf::result<writer_stopped> writer_state::stop() {
  stopping_ = true;
  stopped_ = self_->make_response_promise<writer_stopped>();
  apply_queued();
  commit();
  finish_stop();
  return stopped_;
}

void writer_state::finish_stop() {
  if (!stopping_ || finished_ || !unconfirmed_.empty() || !group_->empty() || !queue_.empty())
    return;
  finished_ = true;
  stopped_.deliver(writer_stopped{});
  self_->quit();
}

writer_actor::behavior_type writer(writer_actor::stateful_pointer<writer_state> self,
                                   const writer_options& options) {
  self->state.prepare(options);
  return {
      [self](const write_message& message) { self->state.write(message.job); },
      [self](const flush_message& message) { self->state.flush(message.job); },
      [self](const configure_message& message) { return self->state.configure(message.config); },
      [self](const index_fields_message& message) { self->state.index_fields(message.fields); },
      [self](const connect_shard& message) {
        self->state.connect(message);
        return shard_connected{};
      },
      [self](const disconnect_shards& message) { self->state.disconnect(message.set); },
      [self](const tail_has_room&) { self->state.apply_queued(); },
      [self](const writer_stop&) { return self->state.stop(); },
      [self](const commit_due&) { self->state.commit_message(); },
      [self](const interval_due&) { self->state.interval_message(); },
      [self](const maintain_due&) { self->state.maintain(); },
  };
}

}  // namespace

writer_actor spawn_writer(caf::actor_system& system, writer_options options) {
  return options.detached ? system.spawn<caf::detached>(writer, std::move(options))
                          : system.spawn(writer, std::move(options));
}

}  // namespace hearth::actors
