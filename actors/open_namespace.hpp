#pragma once
// One open namespace as its actors, the search workers and the handles share it.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/call_latencies.hpp"
#include "actors/filter_cache.hpp"
#include "actors/gate.hpp"
#include "actors/index_set.hpp"
#include "actors/snapshot_pins.hpp"
#include "actors/text_search.hpp"
#include "core/disk.hpp"
#include "core/log.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::actors {

/// The parts that a namespace is built from and that tests replace.
struct namespace_parts {
  std::function<std::unique_ptr<engine::index::vector_index>(
      std::uint32_t, distance_kind, const index_params&, const engine::index::fetch_vectors&)>
      make_index = engine::index::make_index;
  std::function<result<std::unique_ptr<storage::namespace_store>>(
      const std::filesystem::path&, const storage::namespace_store_options&)>
      open_store = storage::namespace_store::open;
  disk* files = &system_disk();
  std::function<result<void>()> before_commit;  ///< see storage::namespace_store_options
};

/// What the open transactions of a namespace take together. They keep it beyond the namespace.
struct transaction_counts {
  std::atomic<std::size_t> open = 0;
  std::atomic<std::size_t> bytes = 0;  ///< written and not committed
};

/// Thread-safe. `open_token` is released when the environment has been closed. Everybody who works
/// on the namespace holds a reference; the environment closes with the last one, and only then may
/// the namespace be opened again or removed.
class open_namespace {
 public:
  open_namespace(std::string name, std::unique_ptr<storage::namespace_store> store,
                 std::size_t write_queue_bytes, std::shared_ptr<const void> open_token);
  ~open_namespace();
  open_namespace(const open_namespace&) = delete;
  open_namespace& operator=(const open_namespace&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] storage::namespace_store& store() const noexcept { return *store_; }
  [[nodiscard]] std::shared_ptr<const namespace_config> config() const noexcept {
    return config_.load(std::memory_order_acquire);
  }
  void set_config(namespace_config config) {
    config_.store(std::make_shared<const namespace_config>(std::move(config)),
                  std::memory_order_release);
  }

  [[nodiscard]] std::size_t shards() const noexcept { return shards_; }

  /// Vectors of a record; they are numbered as in namespace_config::vector.
  [[nodiscard]] std::size_t vector_count() const noexcept { return indexes_.size(); }
  /// The number of the vector of this name, which was validated.
  [[nodiscard]] std::size_t number_of(const std::string& vector_name) const {
    return config()->vector_number(vector_name).value_or(0);
  }
  /// The index of a vector that searches read. Each takes it once and keeps it; it takes part in
  /// every write for as long as anybody does.
  [[nodiscard]] std::shared_ptr<index_set> index(std::size_t vector) const noexcept {
    return indexes_[vector].serving.load(std::memory_order_acquire);
  }
  /// The index that is being built to replace it; null if none is. Not to be searched.
  [[nodiscard]] std::shared_ptr<index_set> coming(std::size_t vector) const noexcept {
    return indexes_[vector].coming.load(std::memory_order_acquire);
  }
  void set_coming(std::size_t vector, std::shared_ptr<index_set> set) noexcept {
    indexes_[vector].coming.store(std::move(set), std::memory_order_release);
  }
  /// Searches that begin from now on read `set`, in all shards. `unused` is called, on any thread,
  /// when another one has taken its place and the last search that began with it is over.
  void serve(std::shared_ptr<index_set> set, std::function<void()> unused);

  /// Every row committed up to this LSN is in its shard's view, in each index. Rises only.
  [[nodiscard]] lsn_t visible_lsn() const noexcept { return visible_lsn_.load(); }
  /// Calls on_change if anybody was announced by expect_change() since.
  void set_visible(lsn_t lsn) {
    visible_lsn_.store(lsn);
    if (change_expected_.exchange(false))
      on_change();
  }
  /// From now on somebody waits for a change. Whoever finds that visible_lsn() has moved on after
  /// this missed nothing, and who does not will be called.
  void expect_change() noexcept { change_expected_.store(true); }

  /// The LSN of the newest write that was acknowledged or is about to be.
  std::atomic<lsn_t> accepted_lsn = 0;

  /// Called with fields whose index would have spared reading many records. Thread-safe; set before
  /// the first search.
  std::function<void(std::vector<field_path>)> wish_for_index;

  /// See set_visible(). Thread-safe; set before the first write.
  std::function<void()> on_change = [] {};

  /// What a read that has `view` selects by `where`. Wishes for the indexes that were missing. The
  /// errors of filter_cache::choose.
  [[nodiscard]] result<filter_answer> filtered(storage::read_view& view,
                                               const std::optional<filter>& where) const;
  [[nodiscard]] analyzer_cache& analyzers() const noexcept { return analyzers_; }

  /// Refuses what the index that answers has no distance for. While another one replaces it, that
  /// still is this one, whatever the configuration says. The other way round nothing is missed,
  /// since no other distance becomes hamming.
  [[nodiscard]] result<void> check_values(matrix_view vectors, const std::string& name) const {
    return validate_values(vectors, index(number_of(name))->distance());
  }
  [[nodiscard]] result<void> check_values(const write_batch& batch) const;

  [[nodiscard]] snapshot_pins& snapshots() noexcept { return snapshots_; }
  [[nodiscard]] const std::shared_ptr<transaction_counts>& transactions() const noexcept {
    return transactions_;
  }

  /// Calls pass through here; a closing namespace lets nobody in.
  [[nodiscard]] gate& calls() noexcept { return calls_; }
  /// What changes the file passes through here as well; closed while the file is copied.
  [[nodiscard]] gate& writes() noexcept { return writes_; }
  /// Lets nobody in any more; reads that are still queued are answered with `reason` (not_found:
  /// the namespace is being dropped; unavailable: the store closes).
  void abandon(errc reason) noexcept {
    abandoned_.store(reason, std::memory_order_relaxed);
    calls_.close();
    snapshots_.clear();
  }
  /// Why queued reads are not to be run, if they are not.
  [[nodiscard]] result<void> check_usable() const;

  /// Counts a write into the bounded queue; busy if it does not fit. A write larger than the whole
  /// queue passes when the queue is empty.
  [[nodiscard]] result<void> reserve(std::size_t bytes);
  void release(std::size_t bytes) noexcept {
    queued_bytes_.fetch_sub(bytes);
    queued_writes_.fetch_sub(1);
  }

  /// How many writes have been taken in and not answered.
  [[nodiscard]] std::size_t queued_writes() const noexcept { return queued_writes_.load(); }

  [[nodiscard]] call_latencies& latencies() const noexcept { return latencies_; }
  /// The bytes that a compaction is to copy; 0 while there is none.
  std::atomic<std::uint64_t> compacting_bytes = 0;

  /// How far a tuning is; nothing when none is under way.
  void note_tuning(std::optional<tune_progress> progress) {
    const std::lock_guard lock(tuning_guard_);
    tuning_ = progress;
  }

  [[nodiscard]] result<namespace_info> info() const;
  /// Everything but `queued_reads`, which are not the namespace's alone.
  [[nodiscard]] result<namespace_stats> stats() const;

 private:
  [[nodiscard]] vector_info info_of(std::size_t vector, std::uint64_t live) const;

  const std::shared_ptr<const void> open_token_;  // goes last: then the environment is closed
  const std::string name_;
  std::unique_ptr<storage::namespace_store> store_;
  snapshot_pins snapshots_;  // before the store goes
  const std::shared_ptr<transaction_counts> transactions_ = std::make_shared<transaction_counts>();
  std::atomic<std::shared_ptr<const namespace_config>> config_;
  const std::size_t shards_;
  struct vector_indexes {
    std::atomic<std::shared_ptr<index_set>> serving;
    std::atomic<std::shared_ptr<index_set>> coming;
  };
  std::vector<vector_indexes> indexes_;  // by number of the vector
  std::atomic<lsn_t> visible_lsn_ = 0;
  std::atomic<bool> change_expected_ = false;
  gate calls_;
  gate writes_;
  const std::size_t write_queue_bytes_;
  std::atomic<std::size_t> queued_bytes_ = 0;
  std::atomic<std::size_t> queued_writes_ = 0;
  mutable call_latencies latencies_;
  const std::chrono::steady_clock::time_point opened_ = std::chrono::steady_clock::now();
  std::atomic<errc> abandoned_{};
  mutable filter_cache filters_;
  mutable analyzer_cache analyzers_;
  mutable std::mutex tuning_guard_;
  std::optional<tune_progress> tuning_;
};

enum class access { read, write };

/// A call's hold on an open namespace: it cannot close as idle while this lives, and with
/// access::write its file is not copied meanwhile. Move-only; empty if the namespace was closing.
class namespace_lease {
 public:
  namespace_lease() = default;
  explicit namespace_lease(std::shared_ptr<open_namespace> space, access how = access::read)
      : space_(std::move(space)), pass_(space_->calls()) {
    if (pass_ && how == access::write)
      write_pass_ = gate_pass(space_->writes());
    if (!pass_ || (how == access::write && !write_pass_)) {
      pass_ = {};
      space_.reset();
    }
  }
  namespace_lease(namespace_lease&&) noexcept = default;
  namespace_lease& operator=(namespace_lease&& other) noexcept {
    std::swap(space_, other.space_);
    pass_ = std::move(other.pass_);  // swaps as well
    write_pass_ = std::move(other.write_pass_);
    return *this;
  }

  explicit operator bool() const noexcept { return space_ != nullptr; }
  [[nodiscard]] open_namespace* operator->() const noexcept { return space_.get(); }
  [[nodiscard]] open_namespace& operator*() const noexcept { return *space_; }

 private:
  std::shared_ptr<open_namespace> space_;
  gate_pass pass_;  // leaves before the reference goes
  gate_pass write_pass_;
};

}  // namespace hearth::actors
