#pragma once
// The indexer of a shard: the only one that changes its main index, on a thread of its own, so that
// graph work never keeps a message of anybody waiting. It loads the index from a snapshot or builds
// it from storage, follows the shard's orders, and writes snapshots.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "actors/caf_messages.hpp"
#include "actors/open_namespace.hpp"

namespace hearth::actors {

// To the indexer, from its shard.

struct load_index {};      ///< first message: snapshot, or build
struct rows_collected {};  ///< from now on the shard keeps every new row: finish the build
struct insert_rows {
  std::shared_ptr<const std::vector<row_id>> rows;  ///< rising
  matrix vectors;
};
struct erase_rows {
  std::shared_ptr<const std::vector<row_id>> rows;
};
struct write_snapshot {
  lsn_t lsn = 0;  ///< what the index covers once everything queued before is done
};
struct stop_indexer {};
struct build_step {};  ///< to itself: the next page of rows

// From the indexer, to its shard.

/// The index is there. `loaded`: it holds the rows up to `exact_after` and may be searched;
/// otherwise it is empty and being built.
struct index_loaded {
  std::shared_ptr<const engine::index::vector_index> main;
  bool loaded = false;
  row_id exact_after = 0;
};
/// A loaded index has caught up to this row.
struct index_progress {
  row_id exact_after = 0;
};
/// Every row of storage as of now is in. Answer with rows_collected.
struct index_nearly_built {};
/// Every row committed before rows_collected is in.
struct index_built {};
struct rows_inserted {};
struct rows_erased {
  std::size_t count = 0;
};
struct snapshot_done {
  lsn_t lsn = 0;
  bool written = false;
};

}  // namespace hearth::actors

HEARTH_MESSAGE(hearth::actors::load_index)
HEARTH_MESSAGE(hearth::actors::rows_collected)
HEARTH_MESSAGE(hearth::actors::insert_rows)
HEARTH_MESSAGE(hearth::actors::erase_rows)
HEARTH_MESSAGE(hearth::actors::write_snapshot)
HEARTH_MESSAGE(hearth::actors::stop_indexer)
HEARTH_MESSAGE(hearth::actors::build_step)
HEARTH_MESSAGE(hearth::actors::index_loaded)
HEARTH_MESSAGE(hearth::actors::index_progress)
HEARTH_MESSAGE(hearth::actors::index_nearly_built)
HEARTH_MESSAGE(hearth::actors::index_built)
HEARTH_MESSAGE(hearth::actors::rows_inserted)
HEARTH_MESSAGE(hearth::actors::rows_erased)
HEARTH_MESSAGE(hearth::actors::snapshot_done)

namespace hearth::actors {

using indexer_actor = caf::typed_actor<caf::reacts_to<load_index>, caf::reacts_to<rows_collected>,
                                       caf::reacts_to<insert_rows>, caf::reacts_to<erase_rows>,
                                       caf::reacts_to<write_snapshot>, caf::reacts_to<stop_indexer>,
                                       caf::reacts_to<build_step>>;

/// Who is told how the indexer gets on.
using index_listener =
    caf::typed_actor<caf::reacts_to<index_loaded>, caf::reacts_to<index_progress>,
                     caf::reacts_to<index_nearly_built>, caf::reacts_to<index_built>,
                     caf::reacts_to<rows_inserted>, caf::reacts_to<rows_erased>,
                     caf::reacts_to<snapshot_done>>;

struct indexer_options {
  std::shared_ptr<open_namespace> space;
  std::shared_ptr<index_set> set;  ///< that the shard is of
  std::size_t shard = 0;
  namespace_parts parts;
  std::shared_ptr<logger> log = null_logger();
  bool detached = true;         ///< on a thread of its own; not in tests that own the scheduler
  std::size_t page_rows = 256;  ///< rows per build step; orders wait for one step at most
};

/// The snapshot file of a shard.
[[nodiscard]] std::filesystem::path snapshot_file(const std::filesystem::path& directory,
                                                  const index_set& set, std::size_t shard);

/// Starts an indexer. It quits with an error if its index throws or refuses rows; whoever monitors
/// it then starts over from storage.
[[nodiscard]] indexer_actor spawn_indexer(caf::actor_system& system, index_listener listener,
                                          indexer_options options);

}  // namespace hearth::actors
