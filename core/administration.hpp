#pragma once
// What the people who run a namespace ask: how it is doing in numbers, and upkeep on request.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "histogram.hpp"
#include "record.hpp"
#include "tuning.hpp"

namespace hearth::inline core {

/// What latencies are told apart by. `commit` is LMDB's, of a group of writes; the others are calls
/// as a handle of the embedded runtime sees them, from being made to being answered.
enum class call_kind : std::uint8_t {
  write = 1,
  commit = 2,
  search = 3,
  get = 4,
  scan = 5,
  count = 6,
  facets = 7,
  get_keys = 8,
  scan_keys = 9,
  flush = 10,
};
inline constexpr std::size_t call_kinds = 10;

[[nodiscard]] std::string_view to_string(call_kind kind) noexcept;

/// How long calls of a kind took. Percentiles are at most 3.2 % too high; see core/histogram.hpp.
struct latency_summary {
  call_kind kind = call_kind::write;
  std::uint64_t count = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double max_us = 0;

  friend bool operator==(const latency_summary&, const latency_summary&) = default;
};

[[nodiscard]] latency_summary summarize(call_kind kind, const histogram& times);

/// What one table of a namespace's file holds.
struct table_usage {
  std::string name{};
  std::uint64_t entries = 0;
  std::uint64_t pages = 0;

  friend bool operator==(const table_usage&, const table_usage&) = default;
};

/// What one shard of an index is working on.
struct shard_load {
  std::string vector_name{};  ///< empty: the one without a name
  std::uint32_t shard = 0;
  std::uint64_t fresh_rows = 0;   ///< scanned exactly until they are in the index
  std::uint64_t fresh_bytes = 0;  ///< likewise
  std::uint64_t stale_rows = 0;   ///< erased, and perhaps still in the index
  lsn_t snapshot_lsn = 0;         ///< what the index snapshot on disk covers; 0: there is none

  friend bool operator==(const shard_load&, const shard_load&) = default;
};

/// How far a compaction is with its copy.
struct compaction_progress {
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;

  friend bool operator==(const compaction_progress&, const compaction_progress&) = default;
};

/// A namespace in numbers, as of one moment.
struct namespace_stats {
  std::string name{};
  std::uint64_t records = 0;
  std::uint64_t keys = 0;

  // The LMDB file. file_bytes = (live_pages + free_pages) * page_bytes, about.
  std::uint64_t file_bytes = 0;
  std::uint32_t page_bytes = 0;
  std::uint64_t live_pages = 0;  ///< that the newest state is made of
  /// To be used again, or pinned by readers; compact() gives them back.
  std::uint64_t free_pages = 0;
  std::vector<table_usage> tables{};

  // Snapshots that are read.
  std::uint32_t readers = 0;
  std::uint64_t oldest_reader_lag = 0;  ///< transactions that were committed since the oldest began

  lsn_t accepted_lsn = 0;  ///< the newest write that was taken in
  lsn_t durable_lsn = 0;   ///< the newest on disk
  lsn_t visible_lsn = 0;   ///< the newest that the indexes have
  lsn_t oldest_lsn = 0;    ///< the first change in history; 0: there is none

  // Since it was opened anew, those that have been used.
  std::uint64_t open_transactions = 0;  ///< neither committed nor given up
  std::uint64_t transaction_bytes = 0;  ///< that they have written

  // Queues.
  std::uint64_t queued_writes = 0;  ///< batches that wait for the writer
  std::uint64_t queued_bytes = 0;   ///< of them; past queued_bytes_limit writes are refused (busy)
  std::uint64_t queued_bytes_limit = 0;
  std::uint64_t queued_reads = 0;  ///< that wait or run, of all namespaces of the process
  std::vector<shard_load> shards{};
  std::optional<tune_progress> tuning{};
  std::optional<compaction_progress> compaction{};

  std::uint64_t open_ms = 0;  ///< since it was opened, which is what latencies are about
  std::vector<latency_summary> latencies{};  ///< of the kinds that there were

  friend bool operator==(const namespace_stats&, const namespace_stats&) = default;
};

/// What a compaction came to.
struct compact_result {
  std::uint64_t bytes_before = 0;  ///< of the file
  std::uint64_t bytes_after = 0;
  lsn_t lsn = 0;  ///< the newest write in the copy

  friend bool operator==(const compact_result&, const compact_result&) = default;
};

/// Something that is not as it should be.
struct check_problem {
  std::string where{};  ///< the table, the index
  std::string what{};
  std::string hint{};  ///< what to do about it

  friend bool operator==(const check_problem&, const check_problem&) = default;
};

/// Things of a kind that were looked at.
struct check_count {
  std::string what{};  ///< "records", "keys", ...
  std::uint64_t count = 0;

  friend bool operator==(const check_count&, const check_count&) = default;
};

/// A part of a check: as much as takes a fraction of a second.
struct check_step {
  std::string next{};      ///< the cursor of the next step; empty: this was the last one
  std::string stage{};     ///< what was looked at, for people
  std::uint64_t done = 0;  ///< of `total`, over all steps so far; rough
  std::uint64_t total = 0;
  std::vector<check_count> checked{};
  std::vector<check_problem> problems{};  ///< limits::check_problems at most
  std::uint64_t problem_count = 0;        ///< all of them

  friend bool operator==(const check_step&, const check_step&) = default;
};

/// What all steps of a check found.
struct check_report {
  std::vector<check_count> checked{};
  std::vector<check_problem> problems{};  ///< the first ones: limits::check_problems at most
  std::uint64_t problem_count = 0;

  [[nodiscard]] bool ok() const noexcept { return problem_count == 0; }
  /// Adds what a step found.
  void add(const check_step& step);

  friend bool operator==(const check_report&, const check_report&) = default;
};

}  // namespace hearth::inline core
