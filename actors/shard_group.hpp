#pragma once
// The shard actors of one index_set, as the namespace actor that owns them sees them: it starts
// them, starts failed ones anew, and stops them.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "actors/index_set.hpp"
#include "actors/namespace_actor.hpp"

namespace hearth::actors {

/// A part of the namespace actor's state: used by its handlers alone.
class shard_group {
 public:
  /// What all groups of a namespace have in common. Outlives them.
  struct surroundings {
    namespace_actor::pointer self;
    const namespace_options& options;
    const namespace_port& port;
  };

  /// `id` names the group in messages.
  shard_group(const surroundings& around, std::uint64_t id, std::shared_ptr<index_set> set);

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] const std::shared_ptr<index_set>& set() const noexcept { return set_; }

  void start();
  /// Starts one shard. The writer learns of it before it looks at storage: what it does not find
  /// there, it is told.
  void start(std::size_t index);
  /// True if the actor that went down was one of these. Unless `closing`, it is to be started again
  /// after a pause: restart_shard.
  bool down(const caf::down_msg& message, bool closing);
  /// Stops every shard after it has saved what is worth it; `each` is called for every one that has
  /// stopped, or is gone. Answers how many that will be.
  std::size_t stop(const std::function<void()>& each);
  /// Has every shard save an index snapshot that covers `lsn`; `each` is called for every one, with
  /// what went wrong if something did. Answers how many that will be.
  std::size_t checkpoint(lsn_t lsn, const std::function<void(std::optional<error>)>& each);
  /// Lets the writer forget the group, and stops it. Nobody may search it any more.
  void discard();
  void kill();

 private:
  /// A shard that keeps failing is started again after ever longer pauses.
  static constexpr std::chrono::milliseconds first_restart_pause{10};

  struct shard_child {
    shard_actor actor;
    std::uint64_t epoch = 0;
    std::chrono::milliseconds pause = first_restart_pause;
    caf::actor_clock::time_point started;
  };

  [[nodiscard]] shard_options options_of(std::size_t index, std::uint64_t epoch) const;
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept {
    return around_.options.runtime.request_timeout;
  }
  [[nodiscard]] logger& log() const noexcept { return *around_.options.runtime.log; }

  const surroundings around_;
  const std::uint64_t id_;
  const std::shared_ptr<index_set> set_;
  std::vector<shard_child> children_;
};

}  // namespace hearth::actors
