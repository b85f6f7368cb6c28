#include "actors/shard_group.hpp"

#include <algorithm>

#include "actors/events.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds longest_restart_pause = 30s;
/// A shard that lived this long starts over with the first pause.
constexpr auto healthy_after = 60s;

}  // namespace

shard_group::shard_group(const surroundings& around, std::uint64_t id,
                         std::shared_ptr<index_set> set)
    : around_(around), id_(id), set_(std::move(set)), children_(set_->shards()) {}

void shard_group::start() {
  for (std::size_t index = 0; index < children_.size(); ++index)
    start(index);
}

void shard_group::start(std::size_t index) {
  auto& child = children_[index];
  auto* self = around_.self;
  child.epoch = set_->shard(index).take_over();
  child.actor = spawn_shard(self->system(), options_of(index, child.epoch));
  child.started = self->clock().now();
  self->monitor(child.actor);
  self->request(around_.port.writer, caf_duration(timeout()),
                connect_shard{set_, index, child.actor, child.epoch})
      .then(
          [self, actor = child.actor](const shard_connected&) { self->send(actor, shard_start{}); },
          [actor = child.actor](const caf::error&) {
            caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
          });
}

shard_options shard_group::options_of(std::size_t index, std::uint64_t epoch) const {
  const auto& runtime = around_.options.runtime;
  shard_options options;
  options.space = around_.port.space;
  options.set = set_;
  options.shard = index;
  options.epoch = epoch;
  options.parts = around_.options.parts;
  options.log = runtime.log;
  options.fresh_rows = runtime.fresh_rows;
  options.fresh_bytes = runtime.fresh_bytes;
  options.snapshot_after = runtime.snapshot_after;
  options.detach_indexer = around_.options.detached;
  options.on_room = [writer = around_.port.writer] { caf::anon_send(writer, tail_has_room{}); };
  options.on_ready =
      [self = caf::actor_cast<namespace_actor>(caf::strong_actor_ptr(around_.self->ctrl())),
       id = id_] { caf::anon_send(self, index_ready{id}); };
  return options;
}

bool shard_group::down(const caf::down_msg& message, bool closing) {
  const auto found = std::ranges::find_if(children_, [&](const shard_child& each) {
    return each.actor && message.source == each.actor;
  });
  if (found == children_.end())
    return false;
  auto* self = around_.self;
  const auto index = static_cast<std::size_t>(found - children_.begin());
  found->actor = nullptr;
  set_->shard(index).retire(found->epoch);
  if (closing)
    return true;
  set_->note_failure(describe(message.reason));
  if (self->clock().now() - found->started > healthy_after)
    found->pause = first_restart_pause;
  log().info(events::shard_restarted,
             core::format("{} shard {}: in {} ms", set_->title(around_.options.name), index,
                          found->pause.count()));
  self->delayed_send(self, found->pause, restart_shard{id_, index});
  found->pause = std::min(2 * found->pause, longest_restart_pause);
  return true;
}

std::size_t shard_group::stop(const std::function<void()>& each) {
  std::size_t stopping = 0;
  for (const auto& child : children_) {
    if (!child.actor)
      continue;
    ++stopping;
    around_.self->request(child.actor, caf_duration(timeout()), shard_stop{true})
        .then([each](const shard_stopped&) { each(); },
              [each, actor = child.actor](const caf::error&) {
                caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
                each();
              });
  }
  return stopping;
}

std::size_t shard_group::checkpoint(lsn_t lsn,
                                    const std::function<void(std::optional<error>)>& each) {
  const error failed{errc::unavailable,
                     core::format("an index of \"{}\" is being started anew", around_.options.name),
                     "try again", 1'000};
  for (const auto& child : children_) {
    if (!child.actor) {
      each(failed);
      continue;
    }
    around_.self->request(child.actor, caf_duration(timeout()), shard_checkpoint{lsn})
        .then([each](const shard_checkpointed& done) { each(done.failure); },
              [each, failed](const caf::error&) { each(failed); });
  }
  return children_.size();
}

void shard_group::discard() {
  for (auto& child : children_) {
    if (child.actor)
      caf::anon_send(std::exchange(child.actor, nullptr), shard_stop{false});
  }
  caf::anon_send(around_.port.writer, disconnect_shards{set_});
}

void shard_group::kill() {
  for (const auto& child : children_) {
    if (child.actor)
      caf::anon_send_exit(child.actor, caf::exit_reason::user_shutdown);
  }
}

}  // namespace hearth::actors
