// Statistics, compactions and checks, wire to core and core to wire.
#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

namespace {

/// Of an entry of any of the lists: its numbers, its pointers, and what leads to it.
constexpr std::size_t entry_words = 12;
/// More of a kind than any daemon has.
constexpr std::size_t most_entries = 65'536;
constexpr std::size_t most_message_bytes = 4'096;

template <class List>
result<void> check_count(const List& list, std::string_view field) {
  if (list.size() > most_entries)
    return over_limit(field, list.size(), most_entries, "entries");
  return {};
}

result<std::string> read_message(capnp::Text::Reader from, std::string_view field) {
  return read_text(from, field, most_message_bytes);
}

result<void> read_lists(schema::NamespaceStats::Reader from, namespace_stats& to) {
  HEARTH_CHECK(check_count(from.getTables(), "tables"));
  for (const auto each : from.getTables()) {
    auto& table = to.tables.emplace_back();
    HEARTH_TRY(table.name, read_message(each.getName(), "tables"));
    table.entries = each.getEntries();
    table.pages = each.getPages();
  }
  HEARTH_CHECK(check_count(from.getShards(), "shards"));
  for (const auto each : from.getShards()) {
    auto& load = to.shards.emplace_back();
    HEARTH_TRY(load.vector_name, read_message(each.getVectorName(), "shards"));
    load.shard = each.getShard();
    load.fresh_rows = each.getFreshRows();
    load.fresh_bytes = each.getFreshBytes();
    load.stale_rows = each.getStaleRows();
    load.snapshot_lsn = each.getSnapshotLsn();
  }
  HEARTH_CHECK(check_count(from.getLatencies(), "latencies"));
  for (const auto each : from.getLatencies()) {
    const auto kind = read_enum(each.getKind(), "kind", call_kind::flush);
    if (!kind)
      continue;  // of a newer daemon
    to.latencies.push_back({*kind, each.getCount(), each.getP50Us(), each.getP90Us(),
                            each.getP99Us(), each.getMaxUs()});
  }
  return {};
}

}  // namespace

result<namespace_stats> read(schema::NamespaceStats::Reader from) {
  namespace_stats to;
  HEARTH_TRY(to.name, read_message(from.getName(), "name"));
  to.records = from.getRecords();
  to.keys = from.getKeys();
  to.file_bytes = from.getFileBytes();
  to.page_bytes = from.getPageBytes();
  to.live_pages = from.getLivePages();
  to.free_pages = from.getFreePages();
  to.readers = from.getReaders();
  to.oldest_reader_lag = from.getOldestReaderLag();
  to.accepted_lsn = from.getAcceptedLsn();
  to.durable_lsn = from.getDurableLsn();
  to.visible_lsn = from.getVisibleLsn();
  to.oldest_lsn = from.getOldestLsn();
  to.open_transactions = from.getOpenTransactions();
  to.transaction_bytes = from.getTransactionBytes();
  to.queued_writes = from.getQueuedWrites();
  to.queued_bytes = from.getQueuedBytes();
  to.queued_bytes_limit = from.getQueuedBytesLimit();
  to.queued_reads = from.getQueuedReads();
  if (const auto tuning = from.getTuning(); tuning.isQueries())
    to.tuning = tune_progress{tuning.getQueries().getDone(), tuning.getQueries().getMost()};
  if (const auto copying = from.getCompaction(); copying.isCopying())
    to.compaction = compaction_progress{copying.getCopying().getBytesDone(),
                                        copying.getCopying().getBytesTotal()};
  to.open_ms = from.getOpenMs();
  HEARTH_CHECK(read_lists(from, to));
  return to;
}

result<compact_result> read(schema::Compaction::Reader from) {
  return compact_result{from.getBytesBefore(), from.getBytesAfter(), from.getLsn()};
}

result<check_step> read(schema::CheckStep::Reader from) {
  check_step to;
  HEARTH_TRY(to.next, read_bytes(from.getNext(), "next", limits::check_cursor_bytes));
  HEARTH_TRY(to.stage, read_message(from.getStage(), "stage"));
  to.done = from.getDone();
  to.total = from.getTotal();
  HEARTH_CHECK(check_count(from.getChecked(), "checked"));
  for (const auto each : from.getChecked()) {
    HEARTH_TRY(auto what, read_message(each.getWhat(), "checked"));
    to.checked.push_back({std::move(what), each.getCount()});
  }
  if (from.getProblems().size() > limits::check_problems)
    return over_limit("problems", from.getProblems().size(), limits::check_problems, "entries");
  for (const auto each : from.getProblems()) {
    auto& problem = to.problems.emplace_back();
    HEARTH_TRY(problem.where, read_message(each.getWhere(), "problems"));
    HEARTH_TRY(problem.what, read_message(each.getWhat(), "problems"));
    HEARTH_TRY(problem.hint, read_message(each.getHint(), "problems"));
  }
  to.problem_count = from.getProblemCount();
  return to;
}

void write(schema::NamespaceStats::Builder to, const namespace_stats& from) {
  to.setName(to_text(from.name));
  to.setRecords(from.records);
  to.setKeys(from.keys);
  to.setFileBytes(from.file_bytes);
  to.setPageBytes(from.page_bytes);
  to.setLivePages(from.live_pages);
  to.setFreePages(from.free_pages);
  auto tables = to.initTables(static_cast<kj::uint>(from.tables.size()));
  for (kj::uint i = 0; i < tables.size(); ++i) {
    tables[i].setName(to_text(from.tables[i].name));
    tables[i].setEntries(from.tables[i].entries);
    tables[i].setPages(from.tables[i].pages);
  }
  to.setReaders(from.readers);
  to.setOldestReaderLag(from.oldest_reader_lag);
  to.setAcceptedLsn(from.accepted_lsn);
  to.setDurableLsn(from.durable_lsn);
  to.setVisibleLsn(from.visible_lsn);
  to.setOldestLsn(from.oldest_lsn);
  to.setOpenTransactions(from.open_transactions);
  to.setTransactionBytes(from.transaction_bytes);
  to.setQueuedWrites(from.queued_writes);
  to.setQueuedBytes(from.queued_bytes);
  to.setQueuedBytesLimit(from.queued_bytes_limit);
  to.setQueuedReads(from.queued_reads);
  auto shards = to.initShards(static_cast<kj::uint>(from.shards.size()));
  for (kj::uint i = 0; i < shards.size(); ++i) {
    const auto& load = from.shards[i];
    shards[i].setVectorName(to_text(load.vector_name));
    shards[i].setShard(load.shard);
    shards[i].setFreshRows(load.fresh_rows);
    shards[i].setFreshBytes(load.fresh_bytes);
    shards[i].setStaleRows(load.stale_rows);
    shards[i].setSnapshotLsn(load.snapshot_lsn);
  }
  if (from.tuning) {
    auto queries = to.getTuning().initQueries();
    queries.setDone(from.tuning->done);
    queries.setMost(from.tuning->most);
  }
  if (from.compaction) {
    auto copying = to.getCompaction().initCopying();
    copying.setBytesDone(from.compaction->bytes_done);
    copying.setBytesTotal(from.compaction->bytes_total);
  }
  to.setOpenMs(from.open_ms);
  auto latencies = to.initLatencies(static_cast<kj::uint>(from.latencies.size()));
  for (kj::uint i = 0; i < latencies.size(); ++i) {
    const auto& times = from.latencies[i];
    latencies[i].setKind(static_cast<schema::CallKind>(times.kind));
    latencies[i].setCount(times.count);
    latencies[i].setP50Us(times.p50_us);
    latencies[i].setP90Us(times.p90_us);
    latencies[i].setP99Us(times.p99_us);
    latencies[i].setMaxUs(times.max_us);
  }
}

void write(schema::Compaction::Builder to, const compact_result& from) {
  to.setBytesBefore(from.bytes_before);
  to.setBytesAfter(from.bytes_after);
  to.setLsn(from.lsn);
}

void write(schema::CheckStep::Builder to, const check_step& from) {
  to.setNext(to_data(from.next.data(), from.next.size()));
  to.setStage(to_text(from.stage));
  to.setDone(from.done);
  to.setTotal(from.total);
  auto checked = to.initChecked(static_cast<kj::uint>(from.checked.size()));
  for (kj::uint i = 0; i < checked.size(); ++i) {
    checked[i].setWhat(to_text(from.checked[i].what));
    checked[i].setCount(from.checked[i].count);
  }
  auto problems = to.initProblems(static_cast<kj::uint>(from.problems.size()));
  for (kj::uint i = 0; i < problems.size(); ++i) {
    problems[i].setWhere(to_text(from.problems[i].where));
    problems[i].setWhat(to_text(from.problems[i].what));
    problems[i].setHint(to_text(from.problems[i].hint));
  }
  to.setProblemCount(from.problem_count);
}

std::size_t words(const namespace_stats& value) {
  std::size_t total = fixed_words + text_words(value.name);
  for (const auto& each : value.tables)
    total += entry_words + text_words(each.name);
  for (const auto& each : value.shards)
    total += entry_words + text_words(each.vector_name);
  return total + entry_words * value.latencies.size();
}

std::size_t words(const compact_result&) {
  return fixed_words;
}

std::size_t words(const check_step& value) {
  std::size_t total = fixed_words + data_words(value.next.size()) + text_words(value.stage);
  for (const auto& each : value.checked)
    total += entry_words + text_words(each.what);
  for (const auto& each : value.problems)
    total += entry_words + text_words(each.where) + text_words(each.what) + text_words(each.hint);
  return total;
}

}  // namespace hearth::ipc::wire
