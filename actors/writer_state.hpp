#pragma once
// What a writer knows and does; its actor is in writer_actor.hpp.
#include <algorithm>
#include <deque>
#include <thread>

#include "actors/events.hpp"
#include "actors/write_group.hpp"
#include "actors/writer_actor.hpp"
#include "core/format.hpp"

namespace hearth::actors {

class writer_state {
 public:
  static inline const char* name = "writer";

  static constexpr std::chrono::microseconds linger_step{30};

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
  void update_consumer(std::shared_ptr<const consumer_job> job);
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
  caf::result<file_copied> copy();
  void copy_step();
  void drop_copy();
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
  [[nodiscard]] result<bool> upkeep();
  void finish_copy(std::optional<error> failure);
  void finish_stop();

  writer_actor::pointer self_;
  writer_options options_;
  std::vector<connected_set> sets_;
  std::deque<std::shared_ptr<const write_job>> queue_;    // waiting for room in a tail
  std::unique_ptr<write_group> group_;                    // in the open transaction
  std::deque<std::shared_ptr<write_group>> unconfirmed_;  // on disk, in the order of commits
  std::size_t clients_ = 0;                               // whose writes were under way
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

  // A compaction: first upkeep, then waiting until no write is under way, then the copy.
  enum class copy_stage { none, upkeep, draining, copied };
  copy_stage copying_ = copy_stage::none;
  std::chrono::steady_clock::time_point copy_patience_ends_;
  caf::typed_response_promise<file_copied> copied_;
};

}  // namespace hearth::actors
