#pragma once
// The one C++ interface of Hearth. `hearth::runtime` (embedded) and `hearth::client` (over the
// socket) both answer with these handles, so code written against one runs against the other.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "administration.hpp"
#include "change_feed.hpp"
#include "reader.hpp"
#include "transaction.hpp"
#include "write_batch.hpp"

namespace hearth::inline core {

/// One open namespace. Thread-safe; every call is finite.
class namespace_handle : public reader {
 public:
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  /// The configuration as of opening; info() has the current one.
  [[nodiscard]] virtual const namespace_config& config() const noexcept = 0;

  virtual void write(write_batch batch, completion<write_result> done) = 0;
  /// What was changed after a position, oldest first: only what is on disk. Waits for the first
  /// change if there is none and the query says so. cursor_too_old if history was trimmed behind
  /// the position: then start again from the records and keys themselves.
  virtual void changes(change_query query, completion<change_page> done) = 0;
  /// Answers the position of the consumer from now on, which is on disk (of erase: the last it
  /// had). not_found for one that there is not, unless it is opened.
  virtual void update_consumer(consumer_request request, completion<feed_position> done) = 0;
  /// By name.
  virtual void list_consumers(completion<std::vector<feed_consumer>> done) = 0;
  /// Begins a transaction on what is committed now. limit_exceeded for too long a time-out, busy
  /// when too many are open.
  virtual void begin(transaction_options options,
                     completion<std::shared_ptr<transaction_handle>> done) = 0;
  /// How many items queues have, by state.
  virtual void get_queues(queue_query query, completion<queue_result> done) = 0;
  /// A page of the items of a queue that are in one state, without leasing them.
  virtual void scan_items(item_scan query, completion<item_page> done) = 0;
  virtual void info(completion<namespace_info> done) = 0;
  /// Completes when everything up to `lsn` is on disk (0: everything acknowledged so far) and
  /// answers the durable LSN.
  virtual void flush(lsn_t lsn, completion<lsn_t> done) = 0;
  /// Changes the index, its parameters or the distance of the live namespace, and answers the
  /// configuration from now on, which is on disk. What has to be built is built in the background:
  /// until it is ready the index before answers, in its distance, and takes part in every write.
  /// info().rebuild tells how far that is. A change while another is being built replaces it.
  virtual void alter(namespace_request request, completion<namespace_config> done) = 0;
  /// Finds the least ef_search (nprobe of an ivf) that reaches a recall on a sample of the vectors,
  /// and makes it the namespace's. Nothing is rebuilt. Takes up to request.time_limit_ms;
  /// info().tuning tells how far it is. errc::busy while an index is built or another tuning runs.
  virtual void tune(tune_request request, completion<tune_result> done) = 0;
  /// Sizes, readers, LSNs, queues and latencies as of now. Cheap enough to be asked every second.
  virtual void stats(completion<namespace_stats> done) = 0;
  /// Commits what was accepted, has every index write its snapshot, and answers an LSN that the
  /// snapshots cover: opening the namespace anew replays nothing before it. While an index is built
  /// it waits for that.
  virtual void checkpoint(completion<lsn_t> done) = 0;
  /// Copies the namespace's file without its free pages and puts the copy in its place. Reads go on
  /// while it is copied and wait while it is exchanged; writes wait for both. busy if snapshots are
  /// read for so long that the file cannot be exchanged, no_space if the copy does not fit beside
  /// the file; nothing has changed then. Goes on if nobody waits any more.
  virtual void compact(completion<compact_result> done) = 0;
  /// One step of looking at everything that is stored, and at what is made of it: checksums, ids,
  /// keys, history, and that every index agrees with its records. `cursor` is empty at first, then
  /// what the step before answered. No step reads one snapshot for long, so it can be run on a live
  /// namespace. What is wrong is in the answer; errors are those of the call.
  virtual void check(std::string cursor, completion<check_step> done) = 0;

  // The same calls, blocking.
  [[nodiscard]] result<write_result> write(write_batch batch) {
    return wait_for<write_result>([&](auto done) { write(std::move(batch), std::move(done)); });
  }
  [[nodiscard]] result<std::shared_ptr<transaction_handle>>
  begin(transaction_options options = {}) {
    return wait_for<std::shared_ptr<transaction_handle>>(
        [&](auto done) { begin(options, std::move(done)); });
  }
  [[nodiscard]] result<queue_result> get_queues(queue_query query = {}) {
    return wait_for<queue_result>(
        [&](auto done) { get_queues(std::move(query), std::move(done)); });
  }
  [[nodiscard]] result<item_page> scan_items(item_scan query) {
    return wait_for<item_page>([&](auto done) { scan_items(std::move(query), std::move(done)); });
  }
  [[nodiscard]] result<change_page> changes(change_query query) {
    return wait_for<change_page>([&](auto done) { changes(std::move(query), std::move(done)); });
  }
  [[nodiscard]] result<feed_position> update_consumer(consumer_request request) {
    return wait_for<feed_position>(
        [&](auto done) { update_consumer(std::move(request), std::move(done)); });
  }
  [[nodiscard]] result<std::vector<feed_consumer>> list_consumers() {
    return wait_for<std::vector<feed_consumer>>(
        [&](auto done) { list_consumers(std::move(done)); });
  }
  [[nodiscard]] result<namespace_info> info() {
    return wait_for<namespace_info>([&](auto done) { info(std::move(done)); });
  }
  [[nodiscard]] result<lsn_t> flush(lsn_t lsn = 0) {
    return wait_for<lsn_t>([&](auto done) { flush(lsn, std::move(done)); });
  }
  [[nodiscard]] result<namespace_config> alter(namespace_request request) {
    return wait_for<namespace_config>(
        [&](auto done) { alter(std::move(request), std::move(done)); });
  }
  [[nodiscard]] result<tune_result> tune(tune_request request = {}) {
    return wait_for<tune_result>([&](auto done) { tune(request, std::move(done)); });
  }
  [[nodiscard]] result<namespace_stats> stats() {
    return wait_for<namespace_stats>([&](auto done) { stats(std::move(done)); });
  }
  [[nodiscard]] result<lsn_t> checkpoint() {
    return wait_for<lsn_t>([&](auto done) { checkpoint(std::move(done)); });
  }
  [[nodiscard]] result<compact_result> compact() {
    return wait_for<compact_result>([&](auto done) { compact(std::move(done)); });
  }
  /// All steps of a check; `progress` is told of each.
  [[nodiscard]] result<check_report>
  check(const std::function<void(const check_step&)>& progress = {}) {
    check_report report;
    std::string cursor;
    do {
      auto step =
          wait_for<check_step>([&](auto done) { check(std::move(cursor), std::move(done)); });
      if (!step)
        return std::unexpected(std::move(step).error());
      report.add(*step);
      if (progress)
        progress(*step);
      cursor = std::move(step->next);
    } while (!cursor.empty());
    return report;
  }
};

struct store_info {
  std::string path;     ///< absolute
  std::string version;  ///< of the serving Hearth
  std::uint32_t pid = 0;
  std::uint64_t uptime_ms = 0;
  std::uint32_t namespaces = 0;
  std::uint32_t open_namespaces = 0;
  std::uint32_t sessions = 0;  ///< connections, this one included; 0 embedded without a server
};

/// One open store. Thread-safe. Dropping the last reference closes an embedded store, after every
/// acknowledged write is on disk.
class store_handle {
 public:
  virtual ~store_handle() = default;
  store_handle() = default;
  store_handle(const store_handle&) = delete;
  store_handle& operator=(const store_handle&) = delete;

  virtual void open_namespace(std::string name, open_mode mode, namespace_request request,
                              completion<std::shared_ptr<namespace_handle>> done) = 0;
  /// Names in order; does not open closed namespaces.
  virtual void list_namespaces(completion<std::vector<std::string>> done) = 0;
  /// Removes the namespace and its files; handles to it answer not_found from now on.
  virtual void drop_namespace(std::string name, completion<std::monostate> done) = 0;
  virtual void info(completion<store_info> done) = 0;

  [[nodiscard]] result<std::shared_ptr<namespace_handle>>
  open_namespace(std::string name, open_mode mode = open_mode::open,
                 namespace_request request = {}) {
    return wait_for<std::shared_ptr<namespace_handle>>([&](auto done) {
      open_namespace(std::move(name), mode, std::move(request), std::move(done));
    });
  }
  [[nodiscard]] result<std::vector<std::string>> list_namespaces() {
    return wait_for<std::vector<std::string>>([&](auto done) { list_namespaces(std::move(done)); });
  }
  [[nodiscard]] result<void> drop_namespace(std::string name) {
    auto dropped = wait_for<std::monostate>(
        [&](auto done) { drop_namespace(std::move(name), std::move(done)); });
    if (!dropped)
      return std::unexpected(std::move(dropped).error());
    return {};
  }
  [[nodiscard]] result<store_info> info() {
    return wait_for<store_info>([&](auto done) { info(std::move(done)); });
  }
};

}  // namespace hearth::inline core
