#include "actors/open_namespace.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "storage/compaction.hpp"

namespace hearth::actors {

namespace {

/// About how long a queue of this kind takes to drain noticeably.
constexpr std::uint32_t busy_retry_ms = 50;

std::uint64_t memory_of(const index_set& set) {
  std::uint64_t bytes = 0;
  for (std::size_t shard = 0; shard < set.shards(); ++shard) {
    if (const auto tail = set.shard(shard).view()->tail)
      bytes += tail->memory_bytes();
    if (const auto main = set.shard(shard).main())
      bytes += main->memory_bytes();
  }
  return bytes;
}

std::uint64_t fresh_of(const index_set& set) {
  std::uint64_t rows = 0;
  for (std::size_t shard = 0; shard < set.shards(); ++shard)
    rows += set.shard(shard).fresh_rows();
  return rows;
}

std::uint64_t rows_of(const index_set& set) {
  std::uint64_t rows = 0;
  for (std::size_t shard = 0; shard < set.shards(); ++shard) {
    if (const auto main = set.shard(shard).main())
      rows += main->size();
  }
  return rows;
}

}  // namespace

open_namespace::open_namespace(std::string name, std::unique_ptr<storage::namespace_store> store,
                               std::size_t write_queue_bytes,
                               std::shared_ptr<const void> open_token)
    : open_token_(std::move(open_token)), name_(std::move(name)), store_(std::move(store)),
      shards_(store_->config().shards), indexes_(store_->config().vector_count()),
      visible_lsn_(store_->durable_lsn()), write_queue_bytes_(write_queue_bytes) {
  accepted_lsn = store_->durable_lsn();
  const auto config = store_->config();
  set_config(config);
  for (std::size_t vector = 0; vector < indexes_.size(); ++vector)
    indexes_[vector].serving = std::make_shared<index_set>(config, vector);
}

open_namespace::~open_namespace() = default;

// What searches hold is a pointer of its own, whose end tells that nobody searches the set any
// more.
void open_namespace::serve(std::shared_ptr<index_set> set, std::function<void()> unused) {
  auto* served = set.get();
  indexes_[served->vector()].serving.store(
      {served,
       [set = std::move(set), unused = std::move(unused)](index_set*) mutable {
         set.reset();
         unused();
       }},
      std::memory_order_release);
}

result<void> open_namespace::check_usable() const {
  const auto reason = abandoned_.load(std::memory_order_relaxed);
  if (reason == errc{})
    return {};
  if (reason == errc::not_found)
    return fail(errc::not_found, core::format("namespace \"{}\" was dropped", name_));
  return fail(errc::unavailable, "the store is closing", "open the store again");
}

result<filter_answer> open_namespace::filtered(storage::read_view& view,
                                               const std::optional<filter>& where) const {
  if (!where)
    return filter_answer{};
  HEARTH_TRY(auto answer, filters_.choose(view, *where));
  // Who finds it remembered need not wish again: whoever read the records did.
  if (!answer.remembered && !answer.found->unindexed.empty() && wish_for_index)
    wish_for_index(answer.found->unindexed);
  return answer;
}

result<void> open_namespace::check_values(const write_batch& batch) const {
  HEARTH_CHECK(check_values(batch.vectors.view(), {}));
  for (const auto& column : batch.named)
    HEARTH_CHECK(check_values(column.vectors.view(), column.name));
  return {};
}

result<void> open_namespace::reserve(std::size_t bytes) {
  queued_writes_.fetch_add(1);
  const auto before = queued_bytes_.fetch_add(bytes);
  if (before == 0 || before + bytes <= write_queue_bytes_)
    return {};
  release(bytes);
  return std::unexpected(
      error{errc::busy,
            core::format("the write queue of \"{}\" holds {} of at most {} bytes", name_, before,
                         write_queue_bytes_),
            "wait and repeat the write, or send smaller batches", busy_retry_ms});
}

vector_info open_namespace::info_of(std::size_t vector, std::uint64_t live) const {
  const auto coming = this->coming(vector);  // first: a switch in between makes the two the same
  const auto serving = index(vector);
  vector_info answer;
  answer.name = serving->name();
  answer.vectors = live;
  answer.index = serving->state();
  answer.indexed = rows_of(*serving);
  answer.fresh = fresh_of(*serving);
  answer.index_bytes = memory_of(*serving);
  if (coming && coming.get() != serving.get()) {
    answer.index_bytes += memory_of(*coming);
    const auto done = std::min(rows_of(*coming), live);
    answer.rebuild =
        index_rebuild{serving->distance(), serving->params(), done, live, coming->failure()};
  }
  return answer;
}

result<namespace_info> open_namespace::info() const {
  HEARTH_TRY(const auto view, store_->read());
  namespace_info answer;
  answer.name = name_;
  answer.config = *config();
  answer.count = view->record_count();
  answer.lsn = std::max(view->lsn(), accepted_lsn.load());
  answer.durable_lsn = store_->durable_lsn();
  const auto own = info_of(0, view->vector_count(0));
  answer.vectors = own.vectors;
  answer.index = own.index;
  answer.indexed = own.indexed;
  answer.fresh = own.fresh;
  answer.index_bytes = own.index_bytes;
  answer.rebuild = own.rebuild;
  for (std::size_t vector = 1; vector < vector_count(); ++vector)
    answer.named.push_back(info_of(vector, view->vector_count(vector)));
  {
    const std::lock_guard lock(tuning_guard_);
    answer.tuning = tuning_;
  }
  answer.file_bytes = store_->usage().used_bytes;
  if (const auto reason = store_->read_only_reason()) {
    answer.read_only = true;
    answer.read_only_reason = reason->message;
  }
  return answer;
}

result<namespace_stats> open_namespace::stats() const {
  HEARTH_TRY(auto answer, store_->stats());
  answer.name = name_;
  answer.accepted_lsn = accepted_lsn.load();
  answer.durable_lsn = store_->durable_lsn();
  answer.visible_lsn = visible_lsn();
  answer.open_transactions = transactions_->open.load();
  answer.transaction_bytes = transactions_->bytes.load();
  answer.queued_writes = queued_writes_.load();
  answer.queued_bytes = queued_bytes_.load();
  answer.queued_bytes_limit = write_queue_bytes_;
  for (std::size_t vector = 0; vector < vector_count(); ++vector) {
    const auto set = index(vector);
    for (std::size_t shard = 0; shard < set->shards(); ++shard) {
      const auto& slot = set->shard(shard);
      answer.shards.push_back({set->name(), static_cast<std::uint32_t>(shard), slot.fresh_rows(),
                               slot.fresh_bytes(), slot.stale_rows(), slot.snapshot_lsn.load()});
    }
  }
  {
    const std::lock_guard lock(tuning_guard_);
    answer.tuning = tuning_;
  }
  if (const auto total = compacting_bytes.load(); total > 0)
    answer.compaction = compaction_progress{storage::compacted_bytes(store_->directory()), total};
  answer.open_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                  std::chrono::steady_clock::now() - opened_)
                                                  .count());
  answer.latencies = latencies_.summaries();
  return answer;
}

}  // namespace hearth::actors
