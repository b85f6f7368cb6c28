#include "actors/namespace_actor.hpp"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "actors/events.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

/// A shard that keeps failing is started again after ever longer pauses.
constexpr std::chrono::milliseconds first_restart_pause = 10ms;
constexpr std::chrono::milliseconds longest_restart_pause = 30s;
/// A shard that lived this long starts over with the first pause.
constexpr auto healthy_after = 60s;

class namespace_state {
 public:
  static inline const char* name = "namespace";

  explicit namespace_state(namespace_actor::pointer self) : self_(self) {}

  void prepare(namespace_options options) {
    options_ = std::move(options);
    self_->set_down_handler([this](caf::down_msg& message) { child_down(message); });
    self_->set_exit_handler([this](caf::exit_msg& message) {
      stop_children();
      self_->quit(std::move(message.reason));
    });
    self_->set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
      log().error(events::namespace_died, core::format("{}: {}", options_.name, describe(thrown)));
      stop_children();
      return actor_failure(describe(thrown));
    });
  }

  caf::result<namespace_opened> open(const namespace_request& request);
  namespace_closing close(const namespace_close& message);
  void check_idle();
  void start_shard(std::size_t index);

 private:
  struct shard_child {
    shard_actor actor;
    std::uint64_t epoch = 0;
    std::chrono::milliseconds pause = first_restart_pause;
    caf::actor_clock::time_point started;
  };

  [[nodiscard]] logger& log() const noexcept { return *options_.runtime.log; }
  [[nodiscard]] open_namespace& space() const noexcept { return *port_->space; }
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept {
    return options_.runtime.request_timeout;
  }

  [[nodiscard]] result<void> open_store();
  void serve_waiting();
  [[nodiscard]] result<void> serve(const namespace_request& request,
                                   caf::typed_response_promise<namespace_opened> answer);
  void reconfigure(namespace_config config, caf::typed_response_promise<namespace_opened> answer);
  void take_over(const namespace_config& config);
  void replace_shards();
  void arm_idle_check();
  void child_down(const caf::down_msg& message);
  void stop_shards();
  void shard_stopped_or_gone();
  void stop_children();

  namespace_actor::pointer self_;
  namespace_options options_;
  std::shared_ptr<namespace_port> port_;
  std::deque<std::pair<namespace_request, caf::typed_response_promise<namespace_opened>>> waiting_;
  bool reconfiguring_ = false;
  std::vector<shard_child> shards_;
  std::size_t shards_stopping_ = 0;
  std::uint64_t calls_seen_ = 0;
  caf::actor_clock::time_point last_call_;
  bool closing_ = false;
};

caf::result<namespace_opened> namespace_state::open(const namespace_request& request) {
  auto answer = self_->make_response_promise<namespace_opened>();
  waiting_.push_back({request, answer});
  serve_waiting();
  return answer;
}

// One request at a time: two that change different parameters must not undo each other.
void namespace_state::serve_waiting() {
  while (!waiting_.empty() && !reconfiguring_) {
    auto [request, answer] = std::move(waiting_.front());
    waiting_.pop_front();
    if (auto done = serve(request, answer); !done)
      answer.deliver(namespace_opened{nullptr, std::move(done).error()});
  }
}

result<void> namespace_state::serve(const namespace_request& request,
                                    caf::typed_response_promise<namespace_opened> answer) {
  if (closing_)
    return fail(errc::unavailable, "the namespace is closing", "try again");
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
  HEARTH_TRY(auto wanted, reconcile(*config, request));
  if (wanted == *config)
    answer.deliver(namespace_opened{port_, std::nullopt});
  else
    reconfigure(std::move(wanted), std::move(answer));
  return {};
}

result<void> namespace_state::open_store() {
  storage::namespace_store_options how;
  how.log = options_.runtime.log;
  how.before_commit = options_.parts.before_commit;
  HEARTH_TRY(auto store, options_.parts.open_store(options_.directory, how));
  auto space = std::make_shared<open_namespace>(options_.name, std::move(store),
                                                options_.runtime.write_queue_bytes,
                                                std::exchange(options_.open_token, nullptr));
  writer_options writing;
  writing.space = space;
  writing.log = options_.runtime.log;
  writing.interval = options_.runtime.interval;
  writing.request_timeout = timeout();
  writing.fresh_rows = options_.runtime.fresh_rows;
  writing.fresh_bytes = options_.runtime.fresh_bytes;
  auto writer = spawn_writer(self_->system(), std::move(writing));
  self_->monitor(writer);
  port_ = std::make_shared<namespace_port>(namespace_port{std::move(space), std::move(writer)});
  log().info(events::namespace_opened,
             core::format("{}: {}", options_.name, options_.directory.string()));
  shards_.resize(port_->space->shards());
  for (std::size_t index = 0; index < shards_.size(); ++index)
    start_shard(index);
  last_call_ = self_->clock().now();
  arm_idle_check();
  return {};
}

// The writer learns of the shard before the shard looks at storage: what the shard does not find
// there, it is told.
void namespace_state::start_shard(std::size_t index) {
  if (closing_)
    return;
  auto& child = shards_[index];
  child.epoch = space().shard(index).take_over();
  shard_options options;
  options.space = port_->space;
  options.shard = index;
  options.epoch = child.epoch;
  options.parts = options_.parts;
  options.log = options_.runtime.log;
  options.fresh_rows = options_.runtime.fresh_rows;
  options.fresh_bytes = options_.runtime.fresh_bytes;
  options.snapshot_after = options_.runtime.snapshot_after;
  options.on_room = [writer = port_->writer] { caf::anon_send(writer, tail_has_room{}); };
  child.actor = spawn_shard(self_->system(), std::move(options));
  child.started = self_->clock().now();
  self_->monitor(child.actor);
  self_
      ->request(port_->writer, caf_duration(timeout()),
                connect_shard{index, child.actor, child.epoch})
      .then([this,
             actor = child.actor](const shard_connected&) { self_->send(actor, shard_start{}); },
            [actor = child.actor](const caf::error&) {
              caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
            });
}

void namespace_state::reconfigure(namespace_config config,
                                  caf::typed_response_promise<namespace_opened> answer) {
  reconfiguring_ = true;
  self_->request(port_->writer, caf_duration(timeout()), configure_message{config})
      .then(
          [this, answer, config](const configured& done) mutable {
            reconfiguring_ = false;
            if (!done.failure)
              take_over(config);
            answer.deliver(namespace_opened{done.failure ? nullptr : port_, done.failure});
            serve_waiting();
          },
          [this, answer](const caf::error&) mutable {
            reconfiguring_ = false;
            answer.deliver(namespace_opened{
                nullptr, error{errc::unavailable, "the writer did not answer", "try again", 0}});
            serve_waiting();
          });
}

void namespace_state::take_over(const namespace_config& config) {
  const bool rebuild = structure_of(config.index) != structure_of(space().config()->index);
  space().set_config(config);
  log().info(
      events::namespace_reconfigured,
      core::format("{}: index parameters changed{}", options_.name, rebuild ? ", rebuilding" : ""));
  if (rebuild)
    replace_shards();
}

// Searches scan storage from here until the new indexes are built. The old shards stop, and their
// down messages start the new ones.
void namespace_state::replace_shards() {
  for (std::size_t index = 0; index < shards_.size(); ++index) {
    auto& child = shards_[index];
    space().shard(index).retire(child.epoch);
    child.pause = first_restart_pause;
    if (child.actor)
      caf::anon_send(child.actor, shard_stop{false});
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
  for (std::size_t index = 0; index < shards_.size(); ++index) {
    auto& child = shards_[index];
    if (message.source != child.actor)
      continue;
    child.actor = nullptr;
    space().shard(index).retire(child.epoch);
    if (closing_)
      return;
    if (self_->clock().now() - child.started > healthy_after)
      child.pause = first_restart_pause;
    log().info(events::shard_restarted,
               core::format("{} shard {}: in {} ms", options_.name, index, child.pause.count()));
    self_->delayed_send(self_, child.pause, restart_shard{index});
    child.pause = std::min(2 * child.pause, longest_restart_pause);
    return;
  }
}

void namespace_state::arm_idle_check() {
  const auto pause = std::max<std::chrono::milliseconds>(options_.runtime.idle_close / 4, 5ms);
  self_->delayed_send(self_, pause, idle_check{});
}

void namespace_state::check_idle() {
  if (closing_)
    return;
  const auto now = self_->clock().now();
  const auto calls = space().calls().entered();
  bool busy = calls != calls_seen_ || !space().calls().idle();
  // Closing would throw away a build that is under way.
  for (std::size_t index = 0; index < space().shards(); ++index) {
    const auto& slot = space().shard(index);
    busy = busy || slot.state() != index_state::ready || slot.fresh_rows() > 0;
  }
  calls_seen_ = calls;
  if (busy)
    last_call_ = now;
  else if (now - last_call_ >= options_.runtime.idle_close && options_.on_idle)
    options_.on_idle();
  arm_idle_check();
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
  for (auto& child : shards_) {
    if (!child.actor)
      continue;
    ++shards_stopping_;
    self_->request(child.actor, caf_duration(timeout()), shard_stop{true})
        .then([this](const shard_stopped&) { shard_stopped_or_gone(); },
              [this, actor = child.actor](const caf::error&) {
                caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
                shard_stopped_or_gone();
              });
  }
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
  for (const auto& child : shards_) {
    if (child.actor)
      caf::anon_send_exit(child.actor, caf::exit_reason::user_shutdown);
  }
}

namespace_actor::behavior_type
namespace_behavior(namespace_actor::stateful_pointer<namespace_state> self,
                   const namespace_options& options) {
  self->state.prepare(options);
  return {
      [self](const namespace_open& message) { return self->state.open(message.request); },
      [self](const namespace_close& message) { return self->state.close(message); },
      [self](const idle_check&) { self->state.check_idle(); },
      [self](const restart_shard& message) { self->state.start_shard(message.index); },
  };
}

}  // namespace

namespace_actor spawn_namespace(caf::actor_system& system, namespace_options options) {
  return system.spawn(namespace_behavior, std::move(options));
}

}  // namespace hearth::actors
