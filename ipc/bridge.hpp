#pragma once
// From a core completion, which arrives on a foreign thread, to a KJ promise.
#include <kj/async.h>

#include <memory>
#include <optional>
#include <utility>

#include "core/database.hpp"
#include "ipc/event_loop.hpp"

namespace hearth::ipc {

/// One outstanding call. The foreign thread fills the box and posts it into the loop's inbox; the
/// loop then fulfils the promise, if anybody still waits. The promise may be dropped first (client
/// gone) or the loop may end first (server stopped): the late answer is dropped.
template <class T>
class completion_box final : public loop_task,
                             public std::enable_shared_from_this<completion_box<T>> {
 public:
  explicit completion_box(std::shared_ptr<inbox> inbox) : inbox_(std::move(inbox)) {}
  ~completion_box() noexcept override = default;
  completion_box(const completion_box&) = delete;
  completion_box& operator=(const completion_box&) = delete;

  /// Loop thread; once, before the call starts.
  [[nodiscard]] kj::Promise<void> promise() {
    return kj::newAdaptedPromise<void, waiter>(this->shared_from_this());
  }
  /// For the callee, any thread. Settles the box exactly once: dropped unanswered, it answers
  /// errc::internal, so that a lost completion is an error and not a hang.
  [[nodiscard]] completion<T> completer() { return settler(this->shared_from_this()); }
  /// Loop thread, after the promise was fulfilled.
  [[nodiscard]] result<T> take() { return std::move(*value_); }

  void run() noexcept override {
    if (fulfiller_ != nullptr)
      fulfiller_->fulfill();
  }

 private:
  class waiter {
   public:
    waiter(kj::PromiseFulfiller<void>& fulfiller, std::shared_ptr<completion_box> box)
        : box_(std::move(box)) {
      box_->fulfiller_ = &fulfiller;
    }
    ~waiter() { box_->fulfiller_ = nullptr; }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

   private:
    std::shared_ptr<completion_box> box_;
  };

  class settler {
   public:
    explicit settler(std::shared_ptr<completion_box> box) noexcept : box_(std::move(box)) {}
    settler(settler&&) noexcept = default;
    settler& operator=(settler&&) noexcept = default;
    ~settler() {
      if (box_ != nullptr)
        settle(fail(errc::internal, "the call was dropped without an answer",
                    "this is a bug in Hearth; the log has the circumstances"));
    }
    void operator()(result<T> outcome) { settle(std::move(outcome)); }

   private:
    void settle(result<T> outcome) {
      const auto box = std::exchange(box_, nullptr);
      if (box == nullptr)
        return;
      box->value_.emplace(std::move(outcome));
      box->inbox_->post(box);
    }
    std::shared_ptr<completion_box> box_;
  };

  std::shared_ptr<inbox> inbox_;
  std::optional<result<T>> value_;                   // written by the callee, then posted
  kj::PromiseFulfiller<void>* fulfiller_ = nullptr;  // loop thread only
};

}  // namespace hearth::ipc
