#include "actors/namespace_actor.hpp"

#include "actors/namespace_state.hpp"

namespace hearth::actors {

caf::result<namespace_opened> namespace_state::open(const namespace_request& request) {
  auto answer = self_->make_response_promise<namespace_opened>();
  waiting_.push_back(
      {[request](const auto& existing) { return reconcile(existing, request); },
       [this, answer](std::optional<error> failure) mutable {
         answer.deliver(namespace_opened{failure ? nullptr : port_, std::move(failure)});
       }});
  serve_waiting();
  return answer;
}

void namespace_state::alter(const std::shared_ptr<const alter_job>& job) {
  waiting_.push_back({[job](const auto& existing) { return core::alter(existing, job->request); },
                      [this, job](std::optional<error> failure) {
                        if (failure)
                          job->answer.settle(std::unexpected(*std::move(failure)));
                        else
                          job->answer.settle(*space().config());
                      }});
  serve_waiting();
}

void namespace_state::tune(const std::shared_ptr<const tune_job>& job) {
  if (closing_)
    return;  // the dropped job says so
  if (std::exchange(tuning_, true))
    return job->answer.settle(std::unexpected(
        error{errc::busy, core::format("\"{}\" is being tuned already", options_.name),
              "wait until that is done", 1'000}));
  // Its answer has to come before the call times out.
  spawn_tuner(self_->system(), {job, self(), timeout() * 3 / 4, options_.detached});
}

void namespace_state::tuned(const namespace_tuned& message) {
  tuning_ = false;
  const auto& [job, found] = message;
  if (!found)
    return;  // answered by the tuner
  if (found->effort == 0)
    return job->answer.settle(found);
  const auto remember = [kind = found->kind, effort = found->effort,
                         name = job->request.vector_name](
                            const namespace_config& existing) -> result<namespace_config> {
    HEARTH_TRY(const auto number, existing.vector_number(name));
    auto config = existing;
    auto& index = number == 0 ? config.index : config.named[number - 1].index;
    if (index.kind != kind)
      return fail(errc::conflict, "the index was replaced while it was tuned", "tune it again");
    (searches_lists(kind) ? index.nprobe : index.ef_search) = effort;
    return config;
  };
  waiting_.push_back({remember, [job = job, found = found](std::optional<error> failure) {
                        if (failure)
                          job->answer.settle(std::unexpected(*std::move(failure)));
                        else
                          job->answer.settle(found);
                      }});
  serve_waiting();
}

// One at a time: two that change different parameters must not undo each other.
void namespace_state::serve_waiting() {
  while (!waiting_.empty() && !configuring_) {
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    if (auto done = serve(next); !done)
      next.answer(std::move(done).error());
  }
}

result<void> namespace_state::serve(const wish& which) {
  if (closing_) {
    if (port_)
      HEARTH_CHECK(space().check_usable());  // says so if it is being dropped
    return fail(errc::unavailable, "the namespace is closing", "try again");
  }
  if (!port_) {
    if (auto done = open_store(); !done) {
      log().error(events::namespace_open_failed,
                  core::format("{}: {}", options_.name, to_string(done.error())));
      closing_ = true;
      self_->quit();
      return done;
    }
  }
  const auto config = space().config();
  HEARTH_TRY(auto wanted, which.wanted(*config));
  if (wanted == *config)
    which.answer(std::nullopt);
  else
    configure(std::move(wanted), which);
  return {};
}

result<void> namespace_state::open_store() {
  storage::namespace_store_options how;
  how.make_tokenizer = make_tokenizer;
  how.tokenizer_version = engine::text::analyzer_version();
  how.log = options_.runtime.log;
  how.history_batches = options_.runtime.history_batches;
  how.before_commit = options_.parts.before_commit;
  HEARTH_TRY(auto store, options_.parts.open_store(options_.directory, how));
  spawn_children(std::make_shared<open_namespace>(options_.name, std::move(store),
                                                  options_.runtime.write_queue_bytes,
                                                  std::exchange(options_.open_token, nullptr)));
  log().info(events::namespace_opened,
             core::format("{}: {}", options_.name, options_.directory.string()));
  last_call_ = self_->clock().now();
  arm_idle_check();
  return {};
}

void namespace_state::spawn_children(std::shared_ptr<open_namespace> space) {
  writer_options writing;
  writing.space = space;
  writing.log = options_.runtime.log;
  writing.interval = options_.runtime.interval;
  writing.request_timeout = timeout();
  writing.fresh_rows = options_.runtime.fresh_rows;
  writing.fresh_bytes = options_.runtime.fresh_bytes;
  writing.detached = options_.detached;
  auto writer = spawn_writer(self_->system(), std::move(writing));
  self_->monitor(writer);
  space->on_change = [self = caf::weak_actor_ptr(self_->ctrl())] {
    if (const auto to = caf::actor_cast<namespace_actor>(self.lock()))
      caf::anon_send(to, feed_changed{});
  };
  // Weakly, since the writer holds the namespace.
  space->wish_for_index =
      [weak = caf::actor_cast<caf::weak_actor_ptr>(writer)](std::vector<field_path> fields) {
        if (const auto to = caf::actor_cast<writer_actor>(weak.lock()))
          caf::anon_send(to, index_fields_message{std::move(fields)});
      };
  space->snapshots().on_first = [weak = caf::weak_actor_ptr(self_->ctrl())] {
    if (const auto to = caf::actor_cast<namespace_actor>(weak.lock()))
      caf::anon_send(to, snapshots_pinned{});
  };
  port_ = std::make_shared<namespace_port>(
      namespace_port{std::move(space), std::move(writer), caf::weak_actor_ptr(self_->ctrl())});
  const auto config = port_->space->config();
  for (std::size_t vector = 0; vector < config->vector_count(); ++vector) {
    if (!config->has_vector(vector))
      continue;
    keepers_.push_back(std::make_unique<index_keeper>(
        shard_group::surroundings{self_, options_, *port_}, vector, last_group_));
  }
}

void namespace_state::configure(namespace_config config, const wish& which) {
  configuring_ = true;
  self_->request(port_->writer, caf_duration(timeout()), configure_message{config})
      .then(
          [this, answer = which.answer, config](const configured& done) {
            configuring_ = false;
            if (!done.failure)
              take_over(config);
            answer(done.failure);
            serve_waiting();
          },
          [this, answer = which.answer](const caf::error&) {
            configuring_ = false;
            answer(error{errc::unavailable, "the writer did not answer", "try again", 0});
            serve_waiting();
          });
}

void namespace_state::take_over(const namespace_config& config) {
  space().set_config(config);
  bool wanted = false;
  if (!closing_)
    for (const auto& keeper : keepers_)
      wanted = keeper->follow(config) || wanted;
  log().info(events::namespace_reconfigured,
             core::format("{}: configuration changed{}", options_.name,
                          wanted ? ", another index is wanted" : ""));
}

void namespace_state::ready(std::uint64_t group) {
  if (closing_)
    return;
  for (const auto& keeper : keepers_)
    keeper->ready(group);
}

void namespace_state::unused(std::uint64_t group) {
  if (closing_)
    return;
  for (const auto& keeper : keepers_)
    keeper->unused(group);
}

// Reads go on while the writer copies. Then nobody may hold the environment for it to be exchanged.
std::vector<shard_group*> namespace_state::groups() const {
  std::vector<shard_group*> all;
  for (const auto& keeper : keepers_)
    for (auto* const each : keeper->groups())
      all.push_back(each);
  return all;
}

void namespace_state::restart(const restart_shard& message) {
  if (closing_)
    return;
  for (auto* group : groups()) {
    if (group->id() == message.group)
      group->start(message.index);
  }
}

void namespace_state::child_down(const caf::down_msg& message) {
  if (!port_)
    return;
  if (message.source == port_->writer) {
    if (!closing_) {
      log().error(events::namespace_died,
                  core::format("{}: its writer died; reopening", options_.name));
      space().abandon(errc::unavailable);
      stop_children();
      self_->quit(actor_failure("the writer died"));
    }
    return;
  }
  for (auto* group : groups())
    if (group->down(message, closing_))
      return;
}

namespace_closing namespace_state::close(const namespace_close& message) {
  if (closing_)
    return {};
  if (!port_) {
    closing_ = true;
    self_->quit();
    return {};
  }
  if (message.only_if_idle) {
    if (!space().calls().close_if_idle())
      return {false};
  } else {
    space().abandon(message.reason);
    if (auto usable = space().check_usable(); !usable)
      waiters_.refuse_all(usable.error());
  }
  closing_ = true;
  self_->request(port_->writer, caf_duration(timeout()), writer_stop{})
      .then([this](const writer_stopped&) { stop_shards(); },
            [this](const caf::error&) {
              caf::anon_send_exit(port_->writer, caf::exit_reason::user_shutdown);
              stop_shards();
            });
  return {};
}

void namespace_state::stop_shards() {
  shards_stopping_ = 1;  // this call
  for (auto* group : groups())
    shards_stopping_ += group->stop([this] { shard_stopped_or_gone(); });
  shard_stopped_or_gone();
}

void namespace_state::shard_stopped_or_gone() {
  if (--shards_stopping_ > 0)
    return;
  log().info(events::namespace_closed, options_.name);
  self_->quit();
}

void namespace_state::stop_children() {
  if (!port_)
    return;
  caf::anon_send_exit(port_->writer, caf::exit_reason::user_shutdown);
  for (auto* group : groups())
    group->kill();
}

namespace_actor::behavior_type
namespace_behavior(namespace_actor::stateful_pointer<namespace_state> self,
                   const namespace_options& options) {
  self->state.prepare(options);
  return {
      [self](const namespace_open& message) { return self->state.open(message.request); },
      [self](const namespace_alter& message) { self->state.alter(message.job); },
      [self](const namespace_tune& message) { self->state.tune(message.job); },
      [self](const namespace_tuned& message) { self->state.tuned(message); },
      [self](const namespace_checkpoint& message) { self->state.checkpoint(message.job); },
      [self](const namespace_compact&) { return self->state.compact(); },
      [self](const drain_check&) { self->state.drain(); },
      [self](const namespace_close& message) { return self->state.close(message); },
      [self](const feed_wait& message) { self->state.wait_for_change(message.job); },
      [self](const feed_changed&) { self->state.changed(); },
      [self](const feed_due&) { self->state.end_waiting(); },
      [self](const idle_check&) { self->state.check_idle(); },
      [self](const snapshots_pinned&) { self->state.await_sweep(); },
      [self](const sweep_snapshots&) { self->state.sweep(); },
      [self](const restart_shard& message) { self->state.restart(message); },
      [self](const index_ready& message) { self->state.ready(message.group); },
      [self](const index_unused& message) { self->state.unused(message.group); },
  };
}

namespace_actor spawn_namespace(caf::actor_system& system, namespace_options options) {
  return system.spawn(namespace_behavior, std::move(options));
}

}  // namespace hearth::actors
