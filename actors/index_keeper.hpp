#pragma once
// The indexes of one vector of a namespace over its life: the one that serves, the one that is
// built to replace it, and those that a search still reads.
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/shard_group.hpp"

namespace hearth::actors {

/// A part of the namespace actor's state: used by its handlers alone.
class index_keeper {
 public:
  /// `vector` is its number (namespace_config::vector). `last_group` numbers the groups of all
  /// keepers of the namespace. Serves what the namespace was opened with.
  index_keeper(const shard_group::surroundings& around, std::size_t vector,
               std::uint64_t& last_group);

  /// Takes over a configuration that is on disk: builds another index, or drops the one that is
  /// being built. True if another one is wanted.
  bool follow(const namespace_config& config);
  /// A group's index has every row: searches begin with it if it is the one that was awaited.
  void ready(std::uint64_t group);
  /// No search reads this group's index any more.
  void unused(std::uint64_t group);

  /// Of the index that the configuration wants; see shard_group::checkpoint.
  std::size_t checkpoint(lsn_t lsn, const std::function<void(std::optional<error>)>& each) {
    return (coming_ ? coming_ : serving_)->checkpoint(lsn, each);
  }

  /// An index is being built, or the one that serves is behind.
  [[nodiscard]] bool busy() const;
  /// All of them, in the order in which they came.
  [[nodiscard]] std::vector<shard_group*> groups() const;

 private:
  using group_ptr = std::unique_ptr<shard_group>;

  [[nodiscard]] open_namespace& space() const noexcept { return *around_.port.space; }
  [[nodiscard]] logger& log() const noexcept { return *around_.options.runtime.log; }
  [[nodiscard]] group_ptr make_group(std::shared_ptr<index_set> set);
  void build(const namespace_config& config);
  void drop_build();
  void switch_index();
  void publish(const shard_group& group);

  const shard_group::surroundings around_;
  const std::size_t vector_;
  std::uint64_t& last_group_;
  group_ptr serving_;               // what searches read
  group_ptr coming_;                // what is built to replace it; null if nothing is
  std::vector<group_ptr> leaving_;  // replaced; some search still reads it
};

}  // namespace hearth::actors
