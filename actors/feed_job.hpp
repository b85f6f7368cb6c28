#pragma once
// A call for a page of the change feed, which may wait for something to deliver. No thread waits
// with it: between two readings it lies with the namespace's actor.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/call.hpp"
#include "actors/open_namespace.hpp"
#include "actors/search_worker.hpp"

namespace hearth::actors {

/// One call on its way. Its lease keeps the namespace from being closed as idle.
class feed_job final : public read_job, public std::enable_shared_from_this<feed_job> {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  /// Takes a job over that found nothing and has time left. Called on a worker.
  using start_waiting = std::function<void(std::shared_ptr<feed_job>)>;

  /// Waits `patience`, not query.wait_ms.
  feed_job(namespace_lease space, change_query query, std::chrono::milliseconds patience,
           call<change_page> answer, worker_pool& workers, start_waiting wait)
      : space_(std::move(space)), query_(std::move(query)), patience_(patience),
        answer_(std::move(answer)), workers_(workers), wait_(std::move(wait)) {}

  void run(std::size_t) noexcept override;

  /// Reads again, on a worker: something was written.
  void resume() { workers_.post(shared_from_this()); }
  /// The time is over: answers an empty page, which says how far it looked.
  void expire() const noexcept;
  void refuse(error reason) const noexcept { answer_.settle(std::unexpected(std::move(reason))); }

  [[nodiscard]] bool open() const noexcept { return answer_.open(); }
  /// LSN of the snapshot that held nothing for it.
  [[nodiscard]] lsn_t seen() const noexcept { return seen_; }
  /// When its time is over, which begins to count with the first call.
  [[nodiscard]] time_point deadline(time_point now) {
    if (!deadline_)
      deadline_ = now + patience_;
    return *deadline_;
  }

 private:
  namespace_lease space_;
  change_query query_;  // `after` moves on with what was looked at
  const std::chrono::milliseconds patience_;
  call<change_page> answer_;
  worker_pool& workers_;
  start_waiting wait_;
  lsn_t seen_ = 0;
  std::optional<time_point> deadline_;
};

/// The calls of one namespace that wait. Thread rule: one thread (the actor's).
class feed_waiters {
 public:
  using time_point = feed_job::time_point;

  /// One more is busy.
  static constexpr std::size_t most = 16'384;

  /// Keeps the job until its time is over, or refuses it.
  void add(const std::shared_ptr<feed_job>& job, time_point now);
  /// Everybody reads again.
  void resume_all();
  /// Ends those whose time is over.
  void expire(time_point now);
  void refuse_all(const error& reason);

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  /// When the next one is over; nothing if nobody waits.
  [[nodiscard]] std::optional<time_point> next_deadline() const;

 private:
  struct waiter {
    std::shared_ptr<feed_job> job;
    time_point deadline;
  };
  std::vector<waiter> waiting_;  // by deadline
};

}  // namespace hearth::actors
