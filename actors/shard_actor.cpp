#include "actors/shard_actor.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <unordered_set>

#include "actors/events.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

/// A busy shard is saved all the same after this many quiet times.
constexpr int busy_waits = 24;
/// An emptied tail that has been larger than this is replaced: scans walk over its dead slots.
constexpr std::size_t tail_worth_replacing = 1024;

/// A flat index takes rows as fast as they are copied: larger steps.
constexpr std::size_t flat_page_rows = 8192;

class shard_state {
 public:
  static inline const char* name = "shard";

  explicit shard_state(shard_actor::pointer self) : self_(self) {}

  void prepare(shard_options options) {
    options_ = std::move(options);
    dimension_ = options_.set->dimension();
    saves_ = options_.set->params().kind != index_kind::flat;
    renew_tail();
    self_->set_exception_handler(
        [this](std::exception_ptr& thrown) -> caf::error { return give_up(describe(thrown)); });
    self_->set_exit_handler([this](caf::exit_msg& message) {
      release();
      self_->quit(std::move(message.reason));
    });
    self_->set_down_handler([this](caf::down_msg& message) { indexer_down(message); });
  }

  // The indexer's life.

  void start() {
    indexer_options options;
    options.space = options_.space;
    options.set = options_.set;
    options.shard = options_.shard;
    options.parts = options_.parts;
    options.log = options_.log;
    options.detached = options_.detach_indexer;
    if (!saves_)
      options.page_rows = flat_page_rows;
    indexer_ = spawn_indexer(self_->system(),
                             caf::actor_cast<index_listener>(caf::strong_actor_ptr(self_->ctrl())),
                             std::move(options));
    self_->monitor(indexer_);
    self_->send(indexer_, load_index{});
  }

  void loaded(const index_loaded& event) {
    main_ = event.main;
    slot().show(options_.epoch, main_);
    if (event.loaded)
      publish({nullptr, main_, event.exact_after, reporter()}, index_state::building);
    dirty_ = !event.loaded;
  }

  void progressed(row_id exact_after) {
    dirty_ = true;
    publish({nullptr, main_, exact_after, reporter()}, index_state::building);
  }

  // From here on every new row goes into the tail, so that the indexer can finish.
  void collect() {
    collecting_ = true;
    self_->send(indexer_, rows_collected{});
  }

  void built() {
    ready_ = true;
    publish_ready();
    options_.log->info(events::index_ready, core::format("{} shard {}: {} rows", title(),
                                                         options_.shard, main_->size()));
    index_more();
    arm_snapshot();
    save_if_awaited();
    if (options_.on_ready)
      options_.on_ready();
  }

  void indexer_down(const caf::down_msg& message) {
    if (message.source != indexer_)
      return;
    indexer_ = nullptr;
    if (stopping_) {
      stopped_.deliver(shard_stopped{});
      release();
      self_->quit();
    } else {
      self_->quit(give_up(describe(message.reason)));
    }
  }

  void index_failed(const std::string& what) { self_->quit(give_up(what)); }

  // Changes.

  changes_applied apply(const std::shared_ptr<const shard_changes>& changes) {
    if (collecting_)
      add_to_tail(changes);
    if (!changes->removed.empty()) {
      tail_->erase(changes->removed);
      if (indexer_) {
        stale_ += changes->removed.size();
        // Only the numbers: the indexer may be behind by many commits with their vectors.
        self_->send(indexer_,
                    erase_rows{std::make_shared<const std::vector<row_id>>(changes->removed)});
      }
    }
    ++changes_seen_;
    dirty_ = true;
    count();
    index_more();
    if (ready_)
      arm_snapshot();
    return {};
  }

  void rows_moved() {
    tail_->erase(*moving_);
    moving_.reset();
    if (tail_->size() == 0 && most_in_tail_ > tail_worth_replacing) {
      renew_tail();
      publish_ready();
    }
    count();
    index_more();
    save_if_awaited();
  }

  void erased(std::size_t rows) {
    stale_ -= std::min(stale_, rows);
    count();
  }

  // Snapshots.

  void snapshot_timer() {
    timer_armed_ = false;
    if (!dirty_ || stopping_ || saving_ || options_.set->outdated)
      return;
    const bool quiet = changes_seen_ == changes_at_timer_ && !moving_ && waiting_.empty();
    if (!quiet && ++waits_ < busy_waits)
      return arm_snapshot();
    save();
  }

  void saved(const snapshot_done& event) {
    saving_ = false;
    if (event.written)
      slot().snapshot_lsn = event.lsn;
    answer_checkpoints(event.written ? event.lsn : all_checkpoints,
                       event.written ? std::nullopt : std::optional(unsaved()));
    save_if_awaited();
    if (dirty_ && !stopping_)
      arm_snapshot();
  }

  caf::result<shard_checkpointed> checkpoint(lsn_t lsn) {
    if (stopping_)
      return shard_checkpointed{closing()};
    if (!saves_ || slot().snapshot_lsn >= lsn)
      return shard_checkpointed{};
    auto promise = self_->make_response_promise<shard_checkpointed>();
    checkpoints_.emplace_back(lsn, promise);
    save_if_awaited();
    return promise;
  }

  caf::result<shard_stopped> stop(bool snapshot) {
    stopping_ = true;
    answer_checkpoints(all_checkpoints, closing());
    if (!indexer_) {
      release();
      self_->quit();
      return shard_stopped{};
    }
    if (snapshot && ready_ && (dirty_ || options_.set->unsaved) && saves_ &&
        !options_.set->outdated)
      save();
    self_->send(indexer_, stop_indexer{});
    stopped_ = self_->make_response_promise<shard_stopped>();
    return stopped_;
  }

 private:
  // Rows of one batch that are not all in the main index yet.
  struct waiting_rows {
    std::shared_ptr<const shard_changes> changes;
    const added_rows* batch = nullptr;  // in them
    std::size_t next = 0;
  };

  [[nodiscard]] open_namespace& space() const noexcept { return *options_.space; }
  [[nodiscard]] std::string title() const { return options_.set->title(space().name()); }
  [[nodiscard]] shard_slot& slot() const noexcept { return options_.set->shard(options_.shard); }

  [[nodiscard]] std::function<void(const std::string&)> reporter() {
    return [actor = caf::actor_cast<shard_actor>(caf::strong_actor_ptr(self_->ctrl()))](
               const std::string& what) { caf::anon_send(actor, index_threw{what}); };
  }

  void publish(shard_view view, index_state state) {
    slot().publish(options_.epoch, std::move(view), state);
  }
  void publish_ready() { publish({tail_, main_, all_indexed, reporter()}, index_state::ready); }

  void renew_tail() {
    tail_ = engine::index::make_plain_flat(dimension_, options_.set->distance());
    most_in_tail_ = 0;
  }

  void count() {
    const auto rows = tail_->size();
    const auto bytes = rows * dimension_ * sizeof(float);
    const bool over = rows >= options_.fresh_rows || bytes >= options_.fresh_bytes;
    most_in_tail_ = std::max(most_in_tail_, rows);
    slot().count(options_.epoch, rows, bytes, stale_);
    // Only after the counts are out: the writer looks at them when it is told.
    if (std::exchange(over_, over) && !over && options_.on_room)
      options_.on_room();
  }

  static constexpr lsn_t all_checkpoints = std::numeric_limits<lsn_t>::max();
  static error closing() {
    return {errc::unavailable, "the index is closing or being replaced", "try again", 0};
  }
  [[nodiscard]] error unsaved() const {
    return {
        errc::io_error,
        core::format("{} shard {}: the index snapshot was not written", title(), options_.shard),
        "the daemon's log says why", 0};
  }
  void answer_checkpoints(lsn_t up_to, const std::optional<error>& failure) {
    std::erase_if(checkpoints_, [&](auto& each) {
      if (each.first > up_to)
        return false;
      each.second.deliver(shard_checkpointed{failure});
      return true;
    });
  }
  // What is awaited may still be on its way into the index: rows_moved() comes by again.
  void save_if_awaited() {
    if (!ready_ || saving_ || stopping_ || checkpoints_.empty())
      return;
    if (std::ranges::any_of(checkpoints_,
                            [&](const auto& each) { return each.first <= indexed_lsn(); }))
      save();
  }

  void add_to_tail(const std::shared_ptr<const shard_changes>& changes);
  void index_more();
  void save();

  // Every row up to this LSN is in the main index, or will be when the indexer has done its orders.
  [[nodiscard]] lsn_t indexed_lsn() const {
    lsn_t covered = space().visible_lsn();
    if (moving_)
      covered = std::min(covered, moving_lsn_ - 1);
    else if (!waiting_.empty())
      covered = std::min(covered, waiting_.front().changes->first_lsn - 1);
    return covered;
  }

  void arm_snapshot() {
    if (timer_armed_ || !saves_ || !dirty_ || stopping_ || saving_)
      return;
    timer_armed_ = true;
    changes_at_timer_ = changes_seen_;
    self_->delayed_send(self_, options_.snapshot_after, snapshot_due{});
  }

  // Out of service: searches scan storage.
  caf::error give_up(const std::string& what) {
    slot().retire(options_.epoch);
    options_.log->error(events::shard_failed,
                        core::format("{} shard {}: {}", title(), options_.shard, what));
    if (stopping_)
      stopped_.deliver(shard_stopped{});
    answer_checkpoints(all_checkpoints, unsaved());
    release();
    if (options_.on_room)
      options_.on_room();
    return actor_failure(what);
  }

  void release() {
    if (auto indexer = std::exchange(indexer_, nullptr))
      caf::anon_send_exit(indexer, caf::exit_reason::user_shutdown);
  }

  shard_actor::pointer self_;
  shard_options options_;
  std::uint32_t dimension_ = 0;
  bool saves_ = true;  // flat indexes are rebuilt as fast as they would be loaded
  indexer_actor indexer_;
  caf::typed_response_promise<shard_stopped> stopped_;

  std::shared_ptr<engine::index::vector_index> tail_;
  std::shared_ptr<const engine::index::vector_index> main_;
  std::deque<waiting_rows> waiting_;  // in the order of commits
  std::vector<std::pair<lsn_t, caf::typed_response_promise<shard_checkpointed>>> checkpoints_;
  std::shared_ptr<const std::vector<row_id>> moving_;  // on their way into the main index
  lsn_t moving_lsn_ = 0;
  std::size_t stale_ = 0;
  std::size_t most_in_tail_ = 0;

  bool collecting_ = false;
  bool ready_ = false;
  bool stopping_ = false;
  bool over_ = false;
  bool dirty_ = false;  // the snapshot on disk does not say all
  bool saving_ = false;
  bool timer_armed_ = false;
  int waits_ = 0;
  std::uint64_t changes_seen_ = 0;
  std::uint64_t changes_at_timer_ = 0;
};

void shard_state::add_to_tail(const std::shared_ptr<const shard_changes>& changes) {
  // Rows that the same commit removed again are left out by index_more(), and erased from the tail
  // right after this.
  for (const auto& batch : changes->added) {
    if (auto done = tail_->insert(batch.rows, batch.vectors.view()); !done)
      throw std::runtime_error("the fresh tail refused rows: " + to_string(done.error()));
    waiting_.push_back({changes, &batch, 0});
  }
}

// Orders the next rows into the main index, one order at a time. Erased rows are skipped: they are
// no longer in the tail.
void shard_state::index_more() {
  if (!ready_ || stopping_ || moving_ || !indexer_)
    return;
  auto rows = std::make_shared<std::vector<row_id>>();
  std::vector<float> values;
  values.reserve(std::min(tail_->size(), options_.index_rows) * dimension_);
  lsn_t first_lsn = 0;
  while (!waiting_.empty() && rows->size() < options_.index_rows) {
    auto& [changes, batch, next] = waiting_.front();
    if (first_lsn == 0)
      first_lsn = changes->first_lsn;
    for (; next < batch->rows.size() && rows->size() < options_.index_rows; ++next) {
      if (!tail_->contains(batch->rows[next]))
        continue;
      rows->push_back(batch->rows[next]);
      const auto vector = batch->vectors.view().row(next);
      values.insert(values.end(), vector.begin(), vector.end());
    }
    if (next == batch->rows.size())
      waiting_.pop_front();
  }
  if (rows->empty())
    return;
  moving_ = rows;
  moving_lsn_ = first_lsn;
  self_->send(indexer_, insert_rows{rows, matrix(std::move(values), rows->size(), dimension_)});
}

void shard_state::save() {
  // A shard that was retired may be behind what is visible. In this order: retiring comes first.
  const auto covered = indexed_lsn();
  if (!slot().owned_by(options_.epoch))
    return;
  saving_ = true;
  dirty_ = moving_ || !waiting_.empty();
  waits_ = 0;
  self_->send(indexer_, write_snapshot{covered});
}

shard_actor::behavior_type shard(shard_actor::stateful_pointer<shard_state> self,
                                 const shard_options& options) {
  self->state.prepare(options);
  return {
      [self](const index_loaded& event) { self->state.loaded(event); },
      [self](const index_progress& event) { self->state.progressed(event.exact_after); },
      [self](const index_nearly_built&) { self->state.collect(); },
      [self](const index_built&) { self->state.built(); },
      [self](const rows_inserted&) { self->state.rows_moved(); },
      [self](const rows_erased& event) { self->state.erased(event.count); },
      [self](const snapshot_done& event) { self->state.saved(event); },
      [self](const shard_start&) { self->state.start(); },
      [self](const apply_changes& message) { return self->state.apply(message.changes); },
      [self](const index_threw& message) { self->state.index_failed(message.what); },
      [self](const shard_stop& message) { return self->state.stop(message.snapshot); },
      [self](const shard_checkpoint& message) { return self->state.checkpoint(message.lsn); },
      [self](const snapshot_due&) { self->state.snapshot_timer(); },
  };
}

}  // namespace

shard_actor spawn_shard(caf::actor_system& system, shard_options options) {
  return system.spawn(shard, std::move(options));
}

}  // namespace hearth::actors
