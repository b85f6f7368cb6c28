#pragma once
// The batches of one transaction: who waits for it, and what it does to each shard.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/open_namespace.hpp"
#include "actors/shard_changes.hpp"
#include "actors/writer_actor.hpp"

namespace hearth::actors {

/// Thread rule: one thread (the writer's).
class write_group {
 public:
  explicit write_group(const open_namespace& space);

  /// Takes in a batch that storage has applied. With durability::interval nobody waits for it.
  void add(std::shared_ptr<const write_job> job, const storage::applied_batch& applied);
  void add(std::shared_ptr<const flush_job> job) { flushes_.push_back(std::move(job)); }
  /// A consumer that storage has moved to `position`.
  void add(std::shared_ptr<const consumer_job> job, feed_position position) {
    consumers_.emplace_back(std::move(job), position);
  }

  [[nodiscard]] bool empty() const noexcept { return batches_ == 0 && consumers_.empty(); }
  [[nodiscard]] std::size_t batches() const noexcept { return batches_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] lsn_t first_lsn() const noexcept { return first_lsn_; }
  [[nodiscard]] lsn_t last_lsn() const noexcept { return last_lsn_; }
  /// Batches that were acknowledged before the commit.
  [[nodiscard]] std::size_t acknowledged() const noexcept { return acknowledged_; }
  [[nodiscard]] bool awaited() const noexcept {
    return !waiting_.empty() || !flushes_.empty() || !consumers_.empty();
  }

  /// The changes of a shard of a vector's index; null if there are none.
  [[nodiscard]] std::shared_ptr<const shard_changes> take_changes(std::size_t vector,
                                                                  std::size_t shard);
  /// Answers everybody who waits: the group is on disk and can be searched.
  void succeed(lsn_t durable_lsn);
  void fail(const error& reason);

  std::size_t unconfirmed = 0;  ///< shards that have yet to take its changes

 private:
  struct waiting_write {
    std::shared_ptr<const write_job> job;
    write_result result;
  };

  using shard_parts = std::vector<shard_changes>;

  static void add_rows(const storage::added_vectors& added, shard_parts& parts);
  static void split_rows(const storage::added_vectors& added, shard_parts& parts);

  std::vector<shard_parts> parts_;  // by number of the vector
  std::vector<waiting_write> waiting_;
  std::vector<std::shared_ptr<const flush_job>> flushes_;
  std::vector<std::pair<std::shared_ptr<const consumer_job>, feed_position>> consumers_;
  std::size_t batches_ = 0;
  std::size_t bytes_ = 0;
  std::size_t acknowledged_ = 0;
  lsn_t first_lsn_ = 0;
  lsn_t last_lsn_ = 0;
};

}  // namespace hearth::actors
