#include "actors/indexer_actor.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "actors/events.hpp"
#include "core/format.hpp"
#include "engine/index/index_snapshot.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

/// Read views are replaced when they get this old.
constexpr auto view_age = 400ms;
/// A snapshot larger than this per row, and this in all, is none of ours.
constexpr std::size_t snapshot_row_bytes = 16 * 1024;
constexpr std::size_t snapshot_base_bytes = std::size_t{64} << 20;
constexpr std::size_t replay_batches = 1024;
/// Acknowledgements and searches come before graph work. Linux keeps a nice value per thread.
constexpr int graph_work_nice = 10;

class indexer_state {
 public:
  static inline const char* name = "indexer";

  explicit indexer_state(indexer_actor::pointer self) : self_(self) {}

  void start(index_listener listener, indexer_options options) {
    listener_ = std::move(listener);
    options_ = std::move(options);
    dimension_ = set().dimension();
    self_->set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
      return fail(error{errc::internal, describe(thrown), {}, 0});
    });
  }

  void load() {
    if (options_.detached)
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), graph_work_nice);
    if (auto loaded = load_snapshot(); loaded) {
      cursor_ = *loaded;
      loaded_ = true;
    } else {
      if (loaded.error().code != errc::not_found)
        options_.log->warning(events::snapshot_refused,
                              core::format("{} shard {}: {}; building from storage", title(),
                                           options_.shard, to_string(loaded.error())));
      main_ =
          options_.parts.make_index(dimension_, set().distance(), set().params(), stored_vectors());
      cursor_ = 0;
      options_.log->info(events::index_building,
                         core::format("{} shard {}", title(), options_.shard));
    }
    self_->send(listener_, index_loaded{main_, loaded_, cursor_});
    self_->send(self_, build_step{});
  }

  /// Takes one page of rows from storage. Between pages, orders from the shard get their turn.
  void build() {
    bool ended = false;
    if (auto taken = take_page(ended); !taken) {
      stop(std::move(taken).error());
      return;
    }
    if (!ended) {
      if (loaded_)
        self_->send(listener_, index_progress{cursor_});
      self_->send(self_, build_step{});
    } else if (!collected_) {
      self_->send(listener_, index_nearly_built{});
    } else {
      self_->send(listener_, index_built{});
    }
  }

  void finish_build() {
    collected_ = true;
    self_->send(self_, build_step{});
  }

  void insert(const insert_rows& order) {
    if (auto done = insert_new(*order.rows, order.vectors.view()); !done)
      return stop(std::move(done).error());
    self_->send(listener_, rows_inserted{});
  }

  void erase(const erase_rows& order) {
    if (main_)
      main_->erase(*order.rows);
    self_->send(listener_, rows_erased{order.rows->size()});
  }

  void snapshot(lsn_t lsn) {
    const auto header = make_header(lsn);
    const auto file = snapshot_file(space().store().directory(), set(), options_.shard);
    const auto written = [&]() -> result<std::uint64_t> {
      HEARTH_TRY(const auto writer, options_.parts.files->create(file));
      HEARTH_TRY(const auto bytes, engine::index::write_snapshot(
                                       header, *main_, [&](std::span<const std::byte> part) {
                                         return writer->append(part);
                                       }));
      HEARTH_CHECK(writer->commit());
      return bytes;
    }();
    if (written)
      options_.log->info(events::snapshot_written,
                         core::format("{} shard {}: {} rows, {} bytes, lsn {}", title(),
                                      options_.shard, main_->size(), *written, lsn));
    else
      options_.log->warning(
          events::snapshot_failed,
          core::format("{} shard {}: {}", title(), options_.shard, to_string(written.error())));
    self_->send(listener_, snapshot_done{lsn, written.has_value()});
  }

 private:
  [[nodiscard]] open_namespace& space() const noexcept { return *options_.space; }
  [[nodiscard]] std::string title() const { return set().title(space().name()); }
  [[nodiscard]] index_set& set() const noexcept { return *options_.set; }

  caf::error fail(const error& reason) {
    options_.log->error(events::shard_failed, core::format("{} shard {}: {}", title(),
                                                           options_.shard, to_string(reason)));
    return actor_failure(to_string(reason));
  }

  void stop(const error& reason) { self_->quit(fail(reason)); }

  [[nodiscard]] bool own(row_id row) const noexcept {
    return set().shard_of(row) == options_.shard;
  }

  [[nodiscard]] engine::index::snapshot_header make_header(lsn_t lsn) const {
    const auto identity = space().store().identity();
    engine::index::snapshot_header header;
    header.dimension = dimension_;
    header.distance = set().distance();
    header.params = set().params();
    header.lsn = lsn;
    std::ranges::copy(identity.uuid, header.store_uuid);
    header.shard = static_cast<std::uint32_t>(options_.shard);
    header.shards = static_cast<std::uint32_t>(set().shards());
    return header;
  }

  // For indexes that leave vectors to storage. The namespace outlives whoever searches its indexes.
  [[nodiscard]] engine::index::fetch_vectors stored_vectors() const {
    return [store = &space().store(), vector = set().vector()](
               std::span<const row_id> rows, float* out) -> result<std::vector<bool>> {
      HEARTH_TRY(const auto view, store->read(vector));
      return view->vectors(rows, out);
    };
  }

  // Loads the index and answers up to which row it is complete. not_found: there is no snapshot.
  result<row_id> load_snapshot() {
    if (set().params().kind == index_kind::flat)
      return hearth::fail(errc::not_found, "flat indexes have no snapshots");
    HEARTH_TRY(auto view, space().store().read(set().vector()));
    const auto most = snapshot_base_bytes + snapshot_row_bytes * view->vector_count(set().vector());
    HEARTH_TRY(const auto mapped,
               options_.parts.files->map(
                   snapshot_file(space().store().directory(), set(), options_.shard), most));
    auto opened = std::chrono::steady_clock::now();
    const auto fetch = [&](std::span<const row_id> rows, float* out) -> result<std::vector<bool>> {
      if (std::chrono::steady_clock::now() - opened > view_age) {
        view.reset();
        HEARTH_TRY(view, space().store().read(set().vector()));
        opened = std::chrono::steady_clock::now();
      }
      return view->vectors(rows, out);
    };
    HEARTH_TRY(auto loaded, engine::index::decode_snapshot(mapped->bytes(), make_header(0), fetch,
                                                           stored_vectors()));
    HEARTH_TRY(const auto complete, replay(*view, loaded.lsn, loaded.last_row, *loaded.index));
    main_ = std::move(loaded.index);
    set().shard(options_.shard).snapshot_lsn = loaded.lsn;
    options_.log->info(events::snapshot_loaded,
                       core::format("{} shard {}: {} rows, lsn {}", title(), options_.shard,
                                    main_->size(), loaded.lsn));
    return complete;
  }

  // Erases what the change table says was removed after `lsn`, and answers up to which row the
  // index is complete. The table tells the first row that came after `lsn`; rows only rise, so
  // everything below is in the structure. Without any, the structure's own last row is the bound.
  result<row_id> replay(storage::read_view& view, lsn_t lsn, row_id last,
                        engine::index::vector_index& index) {
    bool added = false;
    if (lsn > view.lsn())
      return hearth::fail(errc::corruption, core::format("the snapshot's lsn {} is ahead of the "
                                                         "namespace's {}",
                                                         lsn, view.lsn()));
    for (lsn_t after = lsn; after < view.lsn(); after += replay_batches) {
      auto changes = view.changes(after, replay_batches);
      if (!changes) {
        if (changes.error().code == errc::not_found)
          changes.error().code = errc::corruption;  // there is a snapshot, it is just too old
        return std::unexpected(std::move(changes).error());
      }
      for (const auto& change : *changes) {
        index.erase(change.removed);
        if (!change.added.empty() && !std::exchange(added, true))
          last = change.added.front() - 1;
      }
    }
    return last;
  }

  result<void> take_page(bool& ended) {
    std::vector<row_id> rows;
    std::vector<float> vectors;
    ended = true;
    {
      HEARTH_TRY(const auto view, space().store().read(set().vector()));
      const auto opened = std::chrono::steady_clock::now();
      const auto visit = [&](std::span<const row_id> block, matrix_view block_vectors) {
        for (std::size_t index = 0; index < block.size(); ++index) {
          cursor_ = block[index];
          if (!own(cursor_))
            continue;
          rows.push_back(cursor_);
          const auto vector = block_vectors.row(index);
          vectors.insert(vectors.end(), vector.begin(), vector.end());
          if (rows.size() >= options_.page_rows)
            return ended = false;
        }
        ended = std::chrono::steady_clock::now() - opened < view_age;
        return ended;
      };
      HEARTH_CHECK(view->for_each_vector(cursor_, visit));
    }
    return insert_new(rows, matrix_view(vectors.data(), rows.size(), dimension_));
  }

  // Rows may be there already: a build and the tail overlap where they meet.
  result<void> insert_new(std::span<const row_id> rows, matrix_view vectors) {
    if (rows.empty())
      return {};
    if (std::ranges::none_of(rows, [&](row_id row) { return main_->contains(row); }))
      return main_->insert(rows, vectors);
    std::vector<row_id> fresh;
    std::vector<float> values;
    for (std::size_t index = 0; index < rows.size(); ++index) {
      if (main_->contains(rows[index]))
        continue;
      fresh.push_back(rows[index]);
      const auto vector = vectors.row(index);
      values.insert(values.end(), vector.begin(), vector.end());
    }
    if (fresh.empty())
      return {};
    return main_->insert(fresh, matrix_view(values.data(), fresh.size(), vectors.dimension()));
  }

  indexer_actor::pointer self_;
  index_listener listener_;
  indexer_options options_;
  std::uint32_t dimension_ = 0;
  std::shared_ptr<engine::index::vector_index> main_;
  row_id cursor_ = 0;       // every own row up to here has been taken
  bool loaded_ = false;     // from a snapshot: searched while it catches up
  bool collected_ = false;  // the shard keeps what commits from now on
};

indexer_actor::behavior_type indexer(indexer_actor::stateful_pointer<indexer_state> self,
                                     const index_listener& listener,
                                     const indexer_options& options) {
  self->state.start(listener, options);
  return {
      [self](const load_index&) { self->state.load(); },
      [self](const rows_collected&) { self->state.finish_build(); },
      [self](const insert_rows& order) { self->state.insert(order); },
      [self](const erase_rows& order) { self->state.erase(order); },
      [self](const write_snapshot& order) { self->state.snapshot(order.lsn); },
      [self](const stop_indexer&) { self->quit(); },
      [self](const build_step&) { self->state.build(); },
  };
}

}  // namespace

std::filesystem::path snapshot_file(const std::filesystem::path& directory, const index_set& set,
                                    std::size_t shard) {
  return directory / (set.name().empty() ? core::format("index-{}.snap", shard)
                                         : core::format("index-{}-{}.snap", set.name(), shard));
}

indexer_actor spawn_indexer(caf::actor_system& system, index_listener listener,
                            indexer_options options) {
  return options.detached
             ? system.spawn<caf::detached>(indexer, std::move(listener), std::move(options))
             : system.spawn(indexer, std::move(listener), std::move(options));
}

}  // namespace hearth::actors
