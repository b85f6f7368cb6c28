#pragma once
// What an open namespace knows and does; its actor is in namespace_actor.hpp.
#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "actors/events.hpp"
#include "actors/index_keeper.hpp"
#include "actors/namespace_actor.hpp"
#include "actors/tuner_actor.hpp"
#include "core/format.hpp"

namespace hearth::actors {

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
  void alter(const std::shared_ptr<const alter_job>& job);
  void tune(const std::shared_ptr<const tune_job>& job);
  void tuned(const namespace_tuned& message);
  void checkpoint(const std::shared_ptr<const checkpoint_job>& job);
  caf::result<namespace_compacted> compact();
  void drain();
  void not_compacted(error reason) {
    compacted_.deliver(namespace_compacted{std::move(reason), {}});
  }
  namespace_closing close(const namespace_close& message);
  void wait_for_change(const std::shared_ptr<feed_job>& job);
  void changed() { waiters_.resume_all(); }
  void end_waiting();
  void check_idle();
  void await_sweep();
  void sweep();
  void restart(const restart_shard& message);
  void ready(std::uint64_t group);
  void unused(std::uint64_t group);

 private:
  /// What an opening or an alteration wants the configuration to be, and who waits for it.
  struct wish {
    std::function<result<namespace_config>(const namespace_config&)> wanted;
    std::function<void(std::optional<error>)> answer;
  };

  [[nodiscard]] logger& log() const noexcept { return *options_.runtime.log; }
  [[nodiscard]] open_namespace& space() const noexcept { return *port_->space; }
  [[nodiscard]] namespace_actor self() const {
    return caf::actor_cast<namespace_actor>(caf::strong_actor_ptr(self_->ctrl()));
  }
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept {
    return options_.runtime.request_timeout;
  }

  [[nodiscard]] result<void> open_store();
  void spawn_children(std::shared_ptr<open_namespace> space);
  void serve_waiting();
  [[nodiscard]] result<void> serve(const wish& which);
  void configure(namespace_config config, const wish& which);
  void take_over(const namespace_config& config);
  [[nodiscard]] std::vector<shard_group*> groups() const;
  void arm_feed_timer();
  void arm_idle_check();
  void child_down(const caf::down_msg& message);
  void stop_shards();
  void shard_stopped_or_gone();
  void stop_children();

  namespace_actor::pointer self_;
  namespace_options options_;
  std::shared_ptr<namespace_port> port_;
  std::deque<wish> waiting_;
  bool configuring_ = false;
  bool tuning_ = false;
  std::uint64_t last_group_ = 0;
  std::vector<std::unique_ptr<index_keeper>> keepers_;  // by number of the vector
  feed_waiters waiters_;
  std::optional<feed_waiters::time_point> feed_timer_;  // the earliest feed_due on its way
  std::size_t shards_stopping_ = 0;
  std::uint64_t calls_seen_ = 0;
  caf::actor_clock::time_point last_call_;
  bool closing_ = false;
  caf::actor_clock::time_point drain_ends_;
  caf::typed_response_promise<namespace_compacted> compacted_;
};

}  // namespace hearth::actors
