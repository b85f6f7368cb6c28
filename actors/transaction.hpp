#pragma once
// The embedded transaction. It is no actor and holds nothing of the namespace: it knows the LSN of
// its snapshot, what it has read and what it has written. Its reads run on the search workers, its
// commit is one message to the writer.
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "actors/handles.hpp"
#include "actors/read_source.hpp"
#include "storage/transaction/transaction_batch.hpp"

namespace hearth::actors {

/// On a worker. busy when too many are open.
[[nodiscard]] result<std::shared_ptr<transaction_handle>>
begin_transaction(std::shared_ptr<embedded_namespace> in, open_namespace& space,
                  const transaction_options& options);

class embedded_transaction final : public transaction_handle,
                                   public std::enable_shared_from_this<embedded_transaction> {
 public:
  embedded_transaction(std::shared_ptr<embedded_namespace> in, const transaction_options& options,
                       lsn_t snapshot, std::shared_ptr<transaction_counts> counts);
  ~embedded_transaction() override;

  [[nodiscard]] lsn_t snapshot() const noexcept override { return began_at_; }

  void search(search_query query, completion<search_result> done) override;
  void get(get_query query, completion<get_result> done) override;
  void scan(scan_query query, completion<scan_page> done) override;
  void count(std::optional<filter> where, completion<std::uint64_t> done) override;
  void facets(facet_query query, completion<facet_result> done) override;
  void get_keys(key_query query, completion<key_result> done) override;
  void scan_keys(key_scan query, completion<key_page> done) override;
  void write(write_batch batch, completion<write_result> done) override;
  void savepoint(completion<std::uint32_t> done) override;
  void rollback_to(std::uint32_t savepoint, completion<std::monostate> done) override;
  void commit(durability ack, completion<write_result> done) override;
  void abort(completion<std::monostate> done) override;

 private:
  /// A call's turn; the next one begins when it ends.
  class turn {
   public:
    explicit turn(std::shared_ptr<embedded_transaction> of) noexcept : of_(std::move(of)) {}
    turn(turn&&) noexcept = default;
    turn& operator=(turn&&) = delete;
    ~turn() {
      if (of_ != nullptr)
        of_->begin_next();
    }

   private:
    std::shared_ptr<embedded_transaction> of_;
  };
  using start_call = std::move_only_function<void(turn)>;
  class commit_job;

  void enqueue(start_call start);
  void begin_next();
  template <class T, class Work>
  void run(completion<T> done, Work work);
  template <class T, class Note, class Read>
  void read(completion<T> done, Note note, Read how);

  // Of the call whose turn it is, on a worker.
  void count_in(const open_namespace& space);
  [[nodiscard]] result<void> check_open();
  std::unexpected<error> end_with(error reason);
  [[nodiscard]] result<std::shared_ptr<pinned_snapshot>> pin(open_namespace& space);
  [[nodiscard]] result<void> move_to(storage::read_view& newer);
  [[nodiscard]] const storage::own_rows& own();
  [[nodiscard]] result<write_result> apply(open_namespace& space, const write_batch& batch);
  [[nodiscard]] result<write_batch> with_ids(const storage::overlay_view& view, write_batch batch);
  [[nodiscard]] result<void> count_bytes(std::size_t before);
  [[nodiscard]] result<std::optional<write_result>> hand_over(namespace_lease& space,
                                                              const writer_actor& writer,
                                                              durability ack,
                                                              const call<write_result>& answer);
  void forget();

  const std::shared_ptr<embedded_namespace> space_;
  const transaction_options options_;
  const lsn_t began_at_;
  const std::chrono::steady_clock::time_point deadline_;

  std::mutex guard_;  // of the two below
  std::deque<start_call> waiting_;
  bool busy_ = false;

  // Of the call whose turn it is.
  lsn_t lsn_;
  storage::read_set reads_;
  storage::write_set writes_;
  std::optional<storage::own_rows> own_;  // of writes_ as they are
  std::vector<storage::write_set> savepoints_;
  std::shared_ptr<transaction_counts> counts_;
  std::size_t counted_bytes_ = 0;
  std::optional<error> ended_;
};

}  // namespace hearth::actors
