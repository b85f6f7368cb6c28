// Upkeep: trimming history, sealing the tail, compacting chunks, building indexes of fields.
#include <algorithm>

#include "core/format.hpp"
#include "storage/attributes/attribute_builder.hpp"
#include "storage/consumer_table.hpp"
#include "storage/events.hpp"
#include "storage/namespace_store_impl.hpp"
#include "storage/text/text_index.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t trimmed_at_once = 4096;
// A chunk of which nothing is left costs no writing, but its pages are freed one by one.
constexpr std::size_t least_rewrite_cost = std::size_t{64} << 10;

}  // namespace

result<bool> lmdb_namespace_store::maintain(lsn_t keep_after) {
  HEARTH_CHECK(commit());  // so that upkeep has a transaction of its own
  HEARTH_TRY(const int stale, environment_->clear_stale_readers());
  if (stale > 0)
    options_.log->info(
        events::stale_readers_cleared,
        core::format("{}: {} left by processes that died", directory().string(), stale));
  HEARTH_CHECK(begin());
  const auto done = run_upkeep(keep_after);
  if (!done)
    return give_up(done.error());
  if (!done->wrote)
    transaction_.reset();  // nothing to sync
  HEARTH_CHECK(commit());
  return done->more;
}

result<lmdb_namespace_store::upkeep> lmdb_namespace_store::run_upkeep(lsn_t keep_after) {
  HEARTH_TRY(const auto history, trim_history(keep_after));
  HEARTH_TRY(const auto vectors, seal_and_compact());
  HEARTH_TRY(const auto attributes, work_on_attributes());
  HEARTH_TRY(const auto texts, work_on_texts());
  return upkeep{history.more || vectors.more || attributes.more || texts.more,
                history.wrote || vectors.wrote || attributes.wrote || texts.wrote};
}

result<lmdb_namespace_store::upkeep> lmdb_namespace_store::work_on_attributes() {
  HEARTH_TRY(const auto done, build_attributes(*transaction_, tables_.records, tables_.attributes,
                                               {hooks_.indexed_records, hooks_.maintenance_bytes}));
  return upkeep{done.more, done.wrote};
}

result<lmdb_namespace_store::upkeep> lmdb_namespace_store::work_on_texts() {
  HEARTH_TRY(const auto done, build_text_index(*transaction_, tables_, tokenize_,
                                               {hooks_.indexed_records, hooks_.maintenance_bytes}));
  return upkeep{done.more, done.wrote};
}

// The newest LSN whose changes nobody needs; 0: there is none.
result<lsn_t> lmdb_namespace_store::last_unneeded(lsn_t keep_after) const {
  // The newest batch stays in any case: where nothing is behind it, nothing was trimmed.
  const auto kept = std::max<std::uint64_t>(options_.history_batches, 1);
  const auto beyond = [this](std::uint64_t batches) {
    return state_.lsn - std::min(state_.lsn, batches);
  };
  auto last = std::min(keep_after, beyond(kept));
  if (last == 0)
    return last;
  HEARTH_TRY(const auto consumers, list_consumers(*transaction_, tables_));
  for (const auto& each : consumers)
    last = std::min(last, std::max(each.position.lsn, beyond(kept * consumer_history)));
  return last;
}

result<lmdb_namespace_store::upkeep> lmdb_namespace_store::trim_history(lsn_t keep_after) {
  upkeep done;
  HEARTH_TRY(const auto last, last_unneeded(keep_after));
  if (last == 0)
    return done;
  HEARTH_TRY(auto changes, transaction_->open_cursor(tables_.changes));
  HEARTH_TRY(bool found, changes.first());
  for (std::size_t trimmed = 0; found; ++trimmed) {
    const auto position = decode_change(changes.key());
    if (position && position->lsn > last)
      break;
    done.more = trimmed == trimmed_at_once;
    if (done.more)
      break;
    HEARTH_CHECK(changes.erase());
    done.wrote = true;
    HEARTH_TRY(found, changes.first());
  }
  return done;
}

result<lmdb_namespace_store::upkeep> lmdb_namespace_store::seal_and_compact() {
  upkeep all;
  std::size_t written = 0;
  for (std::size_t vector = 0; vector < shapes_->size(); ++vector) {
    if ((*shapes_)[vector].dimension == 0)
      continue;  // there is no such vector
    HEARTH_TRY(const auto done, seal_and_compact(vector, written));
    all = {all.more || done.more, all.wrote || done.wrote};
  }
  return all;
}

result<lmdb_namespace_store::upkeep> lmdb_namespace_store::seal_and_compact(std::size_t vector,
                                                                            std::size_t& written) {
  upkeep done;
  auto& candidates = candidates_[vector];
  auto& counts = state_.vectors[vector];
  const auto dimension = (*shapes_)[vector].dimension;
  vector_writer vectors(*transaction_,
                        {tables_.vectors[vector], tables_.records, counts, dimension, candidates});
  if (written < hooks_.maintenance_bytes) {
    HEARTH_TRY(const auto sealed, vectors.seal(hooks_.maintenance_bytes - written));
    written += sealed;
    done.wrote = sealed > 0;
  }
  while (!candidates.empty() && written < hooks_.maintenance_bytes) {
    // Planning takes the candidate off the list, whatever comes of it: so this ends.
    const auto plan = vectors.plan_compaction(*candidates.begin());
    if (!plan && plan.error().code == errc::corruption) {
      options_.log->error(events::chunk_damaged,
                          core::format("{}: {}", directory().string(), to_string(plan.error())));
      continue;
    }
    HEARTH_CHECK(plan);
    if (plan->empty())
      continue;
    HEARTH_TRY(const auto bytes, vectors.rewrite(*plan));
    written += std::max(bytes, least_rewrite_cost);
    done.wrote = true;
  }
  done.more = !candidates.empty() || counts.in_tail >= rows_per_chunk(dimension);
  return done;
}

}  // namespace hearth::storage
