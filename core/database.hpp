#pragma once
// The one C++ interface of Hearth. `hearth::runtime` (embedded) and `hearth::client` (over the
// socket) both answer with these handles, so code written against one runs against the other.
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "query.hpp"
#include "write_batch.hpp"

namespace hearth::inline core {

/// Receives a result exactly once, on a thread of the implementation. It must not block and must
/// not throw; post to your own thread if there is real work.
template <class T>
using completion = std::move_only_function<void(result<T>)>;

/// Runs an asynchronous call and waits for it. Not from inside a completion: that would wait for
/// the thread it stands on.
template <class T, class Start>
[[nodiscard]] result<T> wait_for(Start&& start) {
  std::promise<result<T>> promise;
  auto future = promise.get_future();
  std::forward<Start>(start)(
      [&promise](result<T> outcome) { promise.set_value(std::move(outcome)); });
  return future.get();
}

/// One open namespace. Thread-safe; every call is finite. Arguments are taken over as immutable
/// data: nothing is copied on the embedded path.
class namespace_handle {
 public:
  virtual ~namespace_handle() = default;
  namespace_handle() = default;
  namespace_handle(const namespace_handle&) = delete;
  namespace_handle& operator=(const namespace_handle&) = delete;

  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  /// The configuration as of opening; info() has the current one.
  [[nodiscard]] virtual const namespace_config& config() const noexcept = 0;

  virtual void write(write_batch batch, completion<write_result> done) = 0;
  virtual void search(search_query query, completion<search_result> done) = 0;
  virtual void get(get_query query, completion<get_result> done) = 0;
  virtual void scan(scan_query query, completion<scan_page> done) = 0;
  /// How many records match; all of them without a filter.
  virtual void count(std::optional<filter> where, completion<std::uint64_t> done) = 0;
  virtual void facets(facet_query query, completion<facet_result> done) = 0;
  /// What is stored under some keys.
  virtual void get_keys(key_query query, completion<key_result> done) = 0;
  /// A page of keys in the order of their bytes.
  virtual void scan_keys(key_scan query, completion<key_page> done) = 0;
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

  // The same calls, blocking.
  [[nodiscard]] result<write_result> write(write_batch batch) {
    return wait_for<write_result>([&](auto done) { write(std::move(batch), std::move(done)); });
  }
  [[nodiscard]] result<search_result> search(search_query query) {
    return wait_for<search_result>([&](auto done) { search(std::move(query), std::move(done)); });
  }
  [[nodiscard]] result<get_result> get(get_query query) {
    return wait_for<get_result>([&](auto done) { get(std::move(query), std::move(done)); });
  }
  [[nodiscard]] result<scan_page> scan(scan_query query) {
    return wait_for<scan_page>([&](auto done) { scan(std::move(query), std::move(done)); });
  }
  [[nodiscard]] result<std::uint64_t> count(std::optional<filter> where = {}) {
    return wait_for<std::uint64_t>([&](auto done) { count(std::move(where), std::move(done)); });
  }
  [[nodiscard]] result<facet_result> facets(facet_query query) {
    return wait_for<facet_result>([&](auto done) { facets(std::move(query), std::move(done)); });
  }
  // Reads of keys are short enough for an embedded store to answer them on the caller's thread.
  [[nodiscard]] virtual result<key_result> get_keys(key_query query) {
    return wait_for<key_result>([&](auto done) { get_keys(std::move(query), std::move(done)); });
  }
  [[nodiscard]] virtual result<key_page> scan_keys(key_scan query) {
    return wait_for<key_page>([&](auto done) { scan_keys(std::move(query), std::move(done)); });
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
