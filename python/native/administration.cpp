#include "python/native/administration.hpp"

#include <string>

#include "python/native/errors.hpp"

namespace hearth::python {

py::object stats_dict(const namespace_stats& stats) {
  py::dict dict;
  dict["name"] = text_of(stats.name);
  dict["records"] = stats.records;
  dict["keys"] = stats.keys;
  dict["file_bytes"] = stats.file_bytes;
  dict["page_bytes"] = stats.page_bytes;
  dict["live_pages"] = stats.live_pages;
  dict["free_pages"] = stats.free_pages;
  py::dict tables;
  for (const auto& each : stats.tables)
    tables[text_of(each.name)] = py::make_tuple(each.entries, each.pages);
  dict["tables"] = tables;
  dict["readers"] = stats.readers;
  dict["oldest_reader_lag"] = stats.oldest_reader_lag;
  dict["accepted_lsn"] = stats.accepted_lsn;
  dict["durable_lsn"] = stats.durable_lsn;
  dict["visible_lsn"] = stats.visible_lsn;
  dict["oldest_lsn"] = stats.oldest_lsn;
  dict["open_transactions"] = stats.open_transactions;
  dict["transaction_bytes"] = stats.transaction_bytes;
  dict["queued_writes"] = stats.queued_writes;
  dict["queued_bytes"] = stats.queued_bytes;
  dict["queued_bytes_limit"] = stats.queued_bytes_limit;
  dict["queued_reads"] = stats.queued_reads;
  py::list shards;
  for (const auto& each : stats.shards)
    shards.append(py::make_tuple(text_of(each.vector_name), each.shard, each.fresh_rows,
                                 each.fresh_bytes, each.stale_rows, each.snapshot_lsn));
  dict["shards"] = shards;
  dict["tuning"] = py::none();
  if (stats.tuning)
    dict["tuning"] = py::make_tuple(stats.tuning->done, stats.tuning->most);
  dict["compaction"] = py::none();
  if (stats.compaction)
    dict["compaction"] =
        py::make_tuple(stats.compaction->bytes_done, stats.compaction->bytes_total);
  dict["open_seconds"] = static_cast<double>(stats.open_ms) / 1e3;
  py::dict latencies;
  for (const auto& each : stats.latencies)
    latencies[py::str(std::string(to_string(each.kind)))] = py::make_tuple(
        each.count, each.p50_us / 1e6, each.p90_us / 1e6, each.p99_us / 1e6, each.max_us / 1e6);
  dict["latencies"] = latencies;
  return dict;
}

py::object check_tuple(const check_step& step) {
  py::list checked;
  for (const auto& each : step.checked)
    checked.append(py::make_tuple(text_of(each.what), each.count));
  py::list problems;
  for (const auto& each : step.problems)
    problems.append(py::make_tuple(text_of(each.where), text_of(each.what), text_of(each.hint)));
  return py::make_tuple(py::bytes(step.next), text_of(step.stage), step.done, step.total, checked,
                        problems, step.problem_count);
}

}  // namespace hearth::python
