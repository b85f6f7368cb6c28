#include "tools/stats_view.hpp"

#include "core/format.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {

using side = table::align;

json to_json(const namespace_stats& stats) {
  json tables = json::object();
  for (const auto& each : stats.tables)
    tables[each.name] = {{"entries", each.entries}, {"pages", each.pages}};
  json shards = json::array();
  for (const auto& each : stats.shards)
    shards.push_back({{"vector_name", each.vector_name},
                      {"shard", each.shard},
                      {"fresh_rows", each.fresh_rows},
                      {"fresh_bytes", each.fresh_bytes},
                      {"stale_rows", each.stale_rows},
                      {"snapshot_lsn", each.snapshot_lsn}});
  json latencies = json::object();
  for (const auto& each : stats.latencies)
    latencies[std::string(core::to_string(each.kind))] = {{"count", each.count},
                                                          {"p50_us", each.p50_us},
                                                          {"p90_us", each.p90_us},
                                                          {"p99_us", each.p99_us},
                                                          {"max_us", each.max_us}};
  json tuning;
  if (stats.tuning)
    tuning = {{"done", stats.tuning->done}, {"most", stats.tuning->most}};
  json compaction;
  if (stats.compaction)
    compaction = {{"bytes_done", stats.compaction->bytes_done},
                  {"bytes_total", stats.compaction->bytes_total}};
  return {{"namespace", stats.name},
          {"records", stats.records},
          {"keys", stats.keys},
          {"file_bytes", stats.file_bytes},
          {"page_bytes", stats.page_bytes},
          {"live_pages", stats.live_pages},
          {"free_pages", stats.free_pages},
          {"tables", std::move(tables)},
          {"readers", stats.readers},
          {"oldest_reader_lag", stats.oldest_reader_lag},
          {"accepted_lsn", stats.accepted_lsn},
          {"durable_lsn", stats.durable_lsn},
          {"visible_lsn", stats.visible_lsn},
          {"oldest_lsn", stats.oldest_lsn},
          {"open_transactions", stats.open_transactions},
          {"transaction_bytes", stats.transaction_bytes},
          {"queued_writes", stats.queued_writes},
          {"queued_bytes", stats.queued_bytes},
          {"queued_bytes_limit", stats.queued_bytes_limit},
          {"queued_reads", stats.queued_reads},
          {"shards", std::move(shards)},
          {"tuning", std::move(tuning)},
          {"compaction", std::move(compaction)},
          {"open_ms", stats.open_ms},
          {"latencies", std::move(latencies)}};
}

namespace {

void print_queues(std::ostream& out, const namespace_stats& stats) {
  std::uint64_t fresh = 0;
  for (const auto& each : stats.shards)
    fresh += each.fresh_rows;
  const auto line = [&out](const char* name, const std::string& text) {
    out << core::format("{:<13}{}\n", name, text);
  };
  line("writes", core::format("{} queued, {} of {}", group_digits(stats.queued_writes),
                              core::format_bytes(stats.queued_bytes),
                              core::format_bytes(stats.queued_bytes_limit)));
  line("reads", core::format("{} queued or running", group_digits(stats.queued_reads)));
  line("indexes",
       core::format("{} fresh rows in {} shards", group_digits(fresh), stats.shards.size()));
  if (stats.tuning)
    line("tuning",
         core::format("{} of at most {} queries", stats.tuning->done, stats.tuning->most));
  if (stats.compaction)
    line("compaction",
         core::format("{} of {} copied", core::format_bytes(stats.compaction->bytes_done),
                      core::format_bytes(stats.compaction->bytes_total)));
}

}  // namespace

void print_stats(std::ostream& out, const namespace_stats& stats) {
  const auto line = [&out](const char* name, const std::string& text) {
    out << core::format("{:<13}{}\n", name, text);
  };
  const auto bytes = [&stats](std::uint64_t pages) {
    return core::format_bytes(pages * stats.page_bytes);
  };
  line("namespace", stats.name);
  line("records", group_digits(stats.records));
  line("keys", group_digits(stats.keys));
  line("file", core::format("{}: {} live, {} free", core::format_bytes(stats.file_bytes),
                            bytes(stats.live_pages), bytes(stats.free_pages)));
  line("lsn",
       core::format("{} accepted, {} durable, {} visible; history from {}", stats.accepted_lsn,
                    stats.durable_lsn, stats.visible_lsn, stats.oldest_lsn));
  line("readers", stats.readers == 0
                      ? std::string("none")
                      : core::format("{}, the oldest {} transactions behind", stats.readers,
                                     group_digits(stats.oldest_reader_lag)));
  line("transactions", core::format("{} open, {} written", group_digits(stats.open_transactions),
                                    format_bytes(stats.transaction_bytes)));
  print_queues(out, stats);
  out << '\n';
  table tables({{"table"}, {"entries", side::right}, {"size", side::right}});
  for (const auto& each : stats.tables)
    if (each.pages > 0)
      tables.add({each.name, group_digits(each.entries), bytes(each.pages)});
  tables.print(out);
  if (stats.latencies.empty())
    return;
  out << '\n';
  table calls({{"call"},
               {"count", side::right},
               {"p50 us", side::right},
               {"p90 us", side::right},
               {"p99 us", side::right},
               {"max us", side::right}});
  for (const auto& each : stats.latencies)
    calls.add({std::string(core::to_string(each.kind)), group_digits(each.count),
               format_fixed(each.p50_us, 1), format_fixed(each.p90_us, 1),
               format_fixed(each.p99_us, 1), format_fixed(each.max_us, 1)});
  calls.print(out);
}

}  // namespace hearth::tools
