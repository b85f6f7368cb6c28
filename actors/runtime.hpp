#pragma once
// The embedded API of Hearth: stores served by an actor system inside this process. No CAF, LMDB
// or Cap'n Proto type shows here. A runtime does not own its host: it installs no signal handler,
// no global logger, and never exits.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "../core/database.hpp"
#include "../core/log.hpp"

namespace hearth::actors {

struct runtime_options {
  std::size_t worker_threads = 0;  ///< 0: one per core, at least 2
  std::shared_ptr<logger> log = null_logger();
  /// The fresh tail of a shard: vectors scanned exactly until workers have moved them into the
  /// graph. Up to the bound ingest runs at the disk's speed and a search scans at most this much
  /// (256 MiB take about 20 ms); past it writers wait for the graph, and past `write_queue_bytes`
  /// they get errc::busy.
  std::size_t fresh_rows = 262'144;
  std::size_t fresh_bytes = std::size_t{256} << 20;
  std::size_t write_queue_bytes = std::size_t{256} << 20;
  /// Batches per namespace that the change feed reaches back over, at least; for consumers that
  /// have not got so far, ten times as many.
  std::uint64_t history_batches = 100'000;
  std::chrono::milliseconds interval{50};         ///< commit at least this often with `interval`
  std::chrono::milliseconds idle_close{300'000};  ///< a namespace without calls is closed
  std::chrono::milliseconds request_timeout{60'000};  ///< every call ends by then
  std::chrono::milliseconds snapshot_after{5'000};    ///< quiet time before an index snapshot
};

/// One actor system. Thread-safe. Destroying it closes its stores: queued writes are committed,
/// calls that cannot finish answer errc::unavailable, and every thread is joined; not to be done
/// inside a completion. Handles may outlive it.
class runtime {
 public:
  [[nodiscard]] static result<std::unique_ptr<runtime>> start(runtime_options options = {});
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Opens or creates the store in `directory` and takes its lock; errc::busy with the pid of the
  /// holder if another process serves it. Several stores per runtime; opening one twice answers
  /// the same store.
  [[nodiscard]] result<std::shared_ptr<store_handle>> open(const std::filesystem::path& directory);

 private:
  friend struct runtime_access;
  class impl;
  explicit runtime(std::unique_ptr<impl> state) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace hearth::actors

namespace hearth {
using actors::runtime;
using actors::runtime_options;
}  // namespace hearth
