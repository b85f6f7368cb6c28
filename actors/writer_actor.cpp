#include "actors/writer_actor.hpp"

#include "actors/writer_state.hpp"

namespace hearth::actors {

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
  auto applied = job->transaction ? store().apply(*job->transaction) : store().apply(job->batch);
  if (!applied) {
    // A failure of storage itself takes the whole transaction with it.
    if (const auto broken = store().read_only_reason(); broken && !group_->empty())
      drop_group(*broken);
    job->answer.settle(std::unexpected(std::move(applied).error()));
    return;
  }
  if (applied->idle) {  // a worker that looks for work, again and again, costs no commit
    applied->result.durable_lsn = store().durable_lsn();
    job->answer.settle(std::move(applied->result));
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
  if (!options_.detached || stopping_ || group_->batches() >= clients_)
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
  clients_ = space().queued_writes();  // those of this group, and those that came meanwhile
  last_commit_ = std::chrono::steady_clock::now() - started;
  space().latencies().record(call_kind::commit, last_commit_);
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
    if (group->batches() > 0)
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

void writer_state::update_consumer(std::shared_ptr<const consumer_job> job) {
  if (!job->answer.open())
    return;
  auto position = store().update_consumer(job->request);
  if (!position) {
    if (const auto broken = store().read_only_reason(); broken && !group_->empty())
      drop_group(*broken);
    job->answer.settle(std::unexpected(std::move(position).error()));
    return;
  }
  group_->add(std::move(job), *position);
  schedule_commit();
}

caf::result<writer_stopped> writer_state::stop() {
  stopping_ = true;
  if (copying_ == copy_stage::upkeep || copying_ == copy_stage::draining)
    finish_copy(error{errc::unavailable, "the namespace is closing", "try again", 0});
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
      [self](const consumer_message& message) { self->state.update_consumer(message.job); },
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
      [self](const copy_message&) { return self->state.copy(); },
      [self](const copy_dropped&) { self->state.drop_copy(); },
      [self](const copy_due&) { self->state.copy_step(); },
  };
}

writer_actor spawn_writer(caf::actor_system& system, writer_options options) {
  return options.detached ? system.spawn<caf::detached>(writer, std::move(options))
                          : system.spawn(writer, std::move(options));
}

}  // namespace hearth::actors
