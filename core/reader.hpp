#pragma once
// Asynchronous calls, and the reads that a namespace and a transaction have in common.
#include <functional>
#include <future>
#include <optional>

#include "key_value.hpp"
#include "query.hpp"

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

/// What can be read, as one namespace holds it. Arguments are taken over as immutable data: nothing
/// is copied on the embedded path.
class reader {
 public:
  virtual ~reader() = default;
  reader() = default;
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

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

  // The same calls, blocking.
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
};

}  // namespace hearth::inline core
