#pragma once
// Answers in flight. A completion that enters the runtime is wrapped in a call<T>: it is settled
// exactly once, whatever happens to the actors that carry it. Who drops the last copy answers
// `unavailable`; what nobody answers in time is answered `timeout` by the call_table, which has a
// thread of its own so that it works even when every actor is stuck.
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/database.hpp"

namespace hearth::actors {

/// True while this thread runs a completion. Whoever would wait for the runtime must not do so
/// there: it would wait for the thread it stands on.
[[nodiscard]] bool inside_completion() noexcept;

namespace detail {

/// Marks the thread as running a completion.
class completion_scope {
 public:
  completion_scope() noexcept;
  ~completion_scope();
  completion_scope(const completion_scope&) = delete;
  completion_scope& operator=(const completion_scope&) = delete;
};

}  // namespace detail

/// Completes on this thread with an error, if there is anybody to tell.
template <class T>
void refuse(completion<T> done, error reason) {
  if (!done)
    return;
  const detail::completion_scope scope;
  done(std::unexpected(std::move(reason)));
}

/// What the call_table knows of a call: when it is due, and how to end it with an error.
class pending_call : public std::enable_shared_from_this<pending_call> {
 public:
  pending_call() = default;
  virtual ~pending_call() = default;
  pending_call(const pending_call&) = delete;
  pending_call& operator=(const pending_call&) = delete;

  virtual void end(error reason) noexcept = 0;

 private:
  friend class call_table;
  std::chrono::steady_clock::time_point due_;
  std::list<pending_call*>::iterator place_;
  std::size_t stripe_ = 0;
  bool listed_ = false;  // guarded by the stripe's mutex
};

/// Every call of one runtime that has not been settled. Thread-safe. Locks are striped by thread
/// and never held while a completion runs.
class call_table {
 public:
  explicit call_table(std::chrono::milliseconds timeout);
  ~call_table();  ///< stop()
  call_table(const call_table&) = delete;
  call_table& operator=(const call_table&) = delete;

  void add(pending_call& call);
  void remove(pending_call& call) noexcept;
  /// Ends every call that is due at `now` with errc::timeout; answers how many.
  std::size_t sweep(std::chrono::steady_clock::time_point now);
  /// Stops the thread and ends what is left with errc::unavailable.
  void stop();
  [[nodiscard]] std::chrono::milliseconds timeout() const noexcept { return timeout_; }

 private:
  struct alignas(64) stripe {
    std::mutex guard;
    std::list<pending_call*> calls;  // all calls have the same time-out: the oldest is due first
  };

  void run();
  [[nodiscard]] std::vector<std::shared_ptr<pending_call>>
  take(std::optional<std::chrono::steady_clock::time_point> due_by);

  const std::chrono::milliseconds timeout_;
  std::array<stripe, 16> stripes_;
  std::mutex guard_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

/// A copyable handle on one completion. An empty one ignores its result.
template <class T>
class call {
 public:
  call() = default;
  call(call_table& table, completion<T> done) : state_(std::make_shared<state>(table)) {
    state_->done = std::move(done);
    table.add(*state_);
  }

  /// Delivers the result, unless somebody was first. Thread-safe; runs the completion on this
  /// thread.
  void settle(result<T> outcome) const noexcept {
    if (state_)
      state_->settle(std::move(outcome));
  }
  [[nodiscard]] bool open() const noexcept {
    return state_ && !state_->settled.load(std::memory_order_relaxed);
  }

 private:
  struct state final : pending_call {
    explicit state(call_table& owner) noexcept : table(&owner) {}
    ~state() override {
      settle(fail(errc::unavailable, "the call was given up before it was answered",
                  "the store or namespace is closing; try again"));
    }

    void end(error reason) noexcept override { settle(std::unexpected(std::move(reason))); }

    void settle(result<T> outcome) noexcept {
      if (settled.exchange(true))
        return;
      table->remove(*this);
      auto receiver = std::exchange(done, nullptr);
      if (!receiver)
        return;
      const detail::completion_scope scope;
      try {
        receiver(std::move(outcome));
      } catch (...) {  // NOLINT(bugprone-empty-catch): a completion must not throw
        // One that does has had its answer all the same; the thread it ran on serves others.
      }
    }

    call_table* table;
    completion<T> done;
    std::atomic<bool> settled = false;
  };

  std::shared_ptr<state> state_;
};

}  // namespace hearth::actors
