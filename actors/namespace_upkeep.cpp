// What a namespace does besides opening, changing and closing: checkpoints, compaction, calls that
// wait for changes, snapshots and quiet times that end.
#include "actors/namespace_state.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

/// How long a compaction that has copied waits for calls that are under way, and how often it
/// looks.
constexpr auto drain_patience = 10s;
constexpr auto drain_pause = 2ms;
/// How often snapshots are looked at whose time is about to come.
constexpr auto sweep_pause = 100ms;

}  // namespace

void namespace_state::checkpoint(const std::shared_ptr<const checkpoint_job>& job) {
  if (closing_)
    return;  // the dropped job says so
  struct outcome {
    std::size_t left = 1;  // this call
    std::optional<error> failure;
  };
  const auto all = std::make_shared<outcome>();
  const auto each = [all, job](std::optional<error> failure) {
    if (failure)
      all->failure = std::move(failure);
    if (--all->left > 0)
      return;
    if (all->failure)
      job->answer.settle(std::unexpected(*all->failure));
    else
      job->answer.settle(job->lsn);
  };
  for (const auto& keeper : keepers_) {
    all->left += space().shards();  // before the first can answer
    (void)keeper->checkpoint(job->lsn, each);
  }
  each(std::nullopt);
}

caf::result<namespace_compacted> namespace_state::compact() {
  if (closing_ || !port_)
    return namespace_compacted{error{errc::unavailable, "the namespace is closing", "try again", 0},
                               {}};
  compacted_ = self_->make_response_promise<namespace_compacted>();
  self_->request(port_->writer, caf_duration(longest_compaction), copy_message{})
      .then(
          [this](const file_copied& copied) {
            if (copied.failure)
              return not_compacted(*copied.failure);
            space().calls().close();
            waiters_.expire(feed_waiters::time_point::max());  // they ask again, later
            drain_ends_ = self_->clock().now() + drain_patience;
            drain();
          },
          [this](const caf::error&) {
            not_compacted(
                {errc::unavailable, "the writer stopped while it copied", "try again", 0});
          });
  return compacted_;
}

void namespace_state::drain() {
  if (space().calls().idle()) {
    compacted_.deliver(namespace_compacted{
        std::nullopt, {space().store().usage().file_bytes, 0, space().store().durable_lsn()}});
    return;
  }
  if (!closing_ && self_->clock().now() < drain_ends_) {
    self_->delayed_send(self_, drain_pause, drain_check{});
    return;
  }
  if (!closing_) {
    space().calls().reopen();
    self_->send(port_->writer, copy_dropped{});
  }
  not_compacted({errc::busy, "reads that were under way did not end in time; nothing was changed",
                 "end what reads for long, then try again", 1'000});
}

void namespace_state::wait_for_change(const std::shared_ptr<feed_job>& job) {
  if (auto usable = space().check_usable(); !usable)
    return job->refuse(std::move(usable).error());
  if (space().calls().closed())
    return job->expire();  // a compaction waits for it
  waiters_.add(job, self_->clock().now());
  space().expect_change();
  if (space().visible_lsn() > job->seen())
    waiters_.resume_all();  // written since it looked
  arm_feed_timer();
}

void namespace_state::end_waiting() {
  feed_timer_.reset();
  waiters_.expire(self_->clock().now());
  arm_feed_timer();
}

void namespace_state::arm_feed_timer() {
  const auto next = waiters_.next_deadline();
  if (!next || (feed_timer_ && *feed_timer_ <= *next))
    return;
  feed_timer_ = next;
  self_->delayed_send(self_,
                      std::max(*next - self_->clock().now(), caf::actor_clock::duration_type(0)),
                      feed_due{});
}

void namespace_state::await_sweep() {
  self_->delayed_send(self_, std::chrono::milliseconds(limits::snapshot_ms), sweep_snapshots{});
}

void namespace_state::sweep() {
  if (!closing_ && port_ && space().snapshots().sweep(system_clock().steady_now()))
    self_->delayed_send(self_, sweep_pause, sweep_snapshots{});
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
  // Closing would throw away a build that is under way.
  const bool busy = calls != calls_seen_ || !space().calls().idle() ||
                    std::ranges::any_of(keepers_, &index_keeper::busy);
  calls_seen_ = calls;
  if (busy)
    last_call_ = now;
  else if (now - last_call_ >= options_.runtime.idle_close && options_.on_idle)
    options_.on_idle();
  arm_idle_check();
}

}  // namespace hearth::actors
