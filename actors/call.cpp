#include "actors/call.hpp"

#include <algorithm>

#include "core/format.hpp"

namespace hearth::actors {

namespace {

thread_local unsigned completion_depth = 0;

std::size_t own_stripe(std::size_t stripes) noexcept {
  static std::atomic<std::size_t> next = 0;
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine % stripes;
}

}  // namespace

bool inside_completion() noexcept {
  return completion_depth > 0;
}

namespace detail {

completion_scope::completion_scope() noexcept {
  ++completion_depth;
}

completion_scope::~completion_scope() {
  --completion_depth;
}

}  // namespace detail

call_table::call_table(std::chrono::milliseconds timeout)
    : timeout_(timeout), thread_([this] { run(); }) {}

call_table::~call_table() {
  stop();
}

void call_table::add(pending_call& call) {
  call.due_ = std::chrono::steady_clock::now() + timeout_;
  call.stripe_ = own_stripe(stripes_.size());
  auto& own = stripes_[call.stripe_];
  const std::lock_guard lock(own.guard);
  call.place_ = own.calls.insert(own.calls.end(), &call);
  call.listed_ = true;
}

void call_table::remove(pending_call& call) noexcept {
  auto& own = stripes_[call.stripe_];
  const std::lock_guard lock(own.guard);
  if (!call.listed_)
    return;
  own.calls.erase(call.place_);
  call.listed_ = false;
}

std::vector<std::shared_ptr<pending_call>>
call_table::take(std::optional<std::chrono::steady_clock::time_point> due_by) {
  std::vector<std::shared_ptr<pending_call>> taken;
  for (auto& part : stripes_) {
    const std::lock_guard lock(part.guard);
    while (!part.calls.empty() && (!due_by || part.calls.front()->due_ <= *due_by)) {
      auto* oldest = part.calls.front();
      part.calls.pop_front();
      oldest->listed_ = false;
      // A call whose last copy is being dropped right now waits for this lock to leave the list;
      // it settles itself.
      if (auto alive = oldest->weak_from_this().lock())
        taken.push_back(std::move(alive));
    }
  }
  return taken;
}

std::size_t call_table::sweep(std::chrono::steady_clock::time_point now) {
  const auto due = take(now);
  for (const auto& call : due)
    call->end(error{errc::timeout,
                    core::format("no answer within request_timeout ({} ms)", timeout_.count()),
                    "a write may still commit: read before you repeat it", 0});
  return due.size();
}

void call_table::run() {
  using namespace std::chrono_literals;
  const auto pause =
      std::clamp<std::chrono::milliseconds>(timeout_ / 8, 5ms, std::chrono::milliseconds(1s));
  std::unique_lock lock(guard_);
  while (!stopping_) {
    wake_.wait_for(lock, pause, [this] { return stopping_; });
    if (stopping_)
      return;
    lock.unlock();
    sweep(std::chrono::steady_clock::now());
    lock.lock();
  }
}

void call_table::stop() {
  {
    const std::lock_guard lock(guard_);
    if (std::exchange(stopping_, true) && !thread_.joinable())
      return;
  }
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
  for (const auto& call : take(std::nullopt))
    call->end(error{errc::unavailable, "the runtime is shutting down", "open the store again", 0});
}

}  // namespace hearth::actors
