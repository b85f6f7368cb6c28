#pragma once
// The embedded implementation of the handles of core/database.hpp. What can be refused at once
// (invalid arguments, a full queue) completes on the caller's thread.
#include <atomic>
#include <memory>
#include <string>

#include "actors/runtime_core.hpp"

namespace hearth::actors {

[[nodiscard]] std::shared_ptr<store_handle> make_store_handle(std::shared_ptr<store_core> core);

/// A namespace by name and identity. It survives idle closing: the next call opens it again. Once
/// it is dropped, calls answer not_found, also if another namespace takes the name.
class embedded_namespace final : public namespace_handle,
                                 public std::enable_shared_from_this<embedded_namespace> {
 public:
  embedded_namespace(std::shared_ptr<store_core> store, std::string name,
                     const opened_namespace& opened);

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] const namespace_config& config() const noexcept override { return config_; }

  void write(write_batch batch, completion<write_result> done) override;
  void search(search_query query, completion<search_result> done) override;
  void get(get_query query, completion<get_result> done) override;
  void scan(scan_query query, completion<scan_page> done) override;
  void count(std::optional<filter> where, completion<std::uint64_t> done) override;
  void facets(facet_query query, completion<facet_result> done) override;
  void get_keys(key_query query, completion<key_result> done) override;
  void scan_keys(key_scan query, completion<key_page> done) override;
  [[nodiscard]] result<key_result> get_keys(key_query query) override;
  [[nodiscard]] result<key_page> scan_keys(key_scan query) override;
  void get_queues(queue_query query, completion<queue_result> done) override;
  void scan_items(item_scan query, completion<item_page> done) override;
  void changes(change_query query, completion<change_page> done) override;
  void update_consumer(consumer_request request, completion<feed_position> done) override;
  void list_consumers(completion<std::vector<feed_consumer>> done) override;
  void info(completion<namespace_info> done) override;
  void begin(transaction_options options,
             completion<std::shared_ptr<transaction_handle>> done) override;
  void flush(lsn_t lsn, completion<lsn_t> done) override;
  void alter(namespace_request request, completion<namespace_config> done) override;
  void tune(tune_request request, completion<tune_result> done) override;
  void stats(completion<namespace_stats> done) override;
  void checkpoint(completion<lsn_t> done) override;
  void compact(completion<compact_result> done) override;
  void check(std::string cursor, completion<check_step> done) override;

  /// Calls post(port, lease, answer) with the open namespace: at once if it is open, otherwise when
  /// the store has opened it again. Defined in with_port.hpp.
  template <class T, class Post>
  void with_port(call<T> answer, Post post, access how = access::read, int attempts = 0);
  [[nodiscard]] runtime_core& runtime() const noexcept { return store_->runtime(); }

 private:
  [[nodiscard]] namespace_lease lease_if_open() const;
  /// A call whose time counts as one of `kind`.
  template <class T>
  [[nodiscard]] call<T> timed(call_kind kind, completion<T> done);
  [[nodiscard]] bool same(const storage::store_identity& other) const noexcept;

  const std::shared_ptr<store_core> store_;
  const std::string name_;
  const namespace_config config_;
  const storage::store_identity identity_;
  std::atomic<std::weak_ptr<namespace_port>> port_;
};

}  // namespace hearth::actors
