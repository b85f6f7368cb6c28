#include "engine/index/thread_team.hpp"

#include <system_error>
#include <utility>

#include <sched.h>

namespace hearth::engine::index {

std::size_t usable_cores() noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) > 0)
    return static_cast<std::size_t>(CPU_COUNT(&cores));
  return 1;
}

thread_team::thread_team(std::size_t threads) {
  try {
    while (helpers_.size() + 1 < threads)
      helpers_.emplace_back([this] { serve(); });
  } catch (const std::system_error&) {
    // Those that there are will do.
  }
}

thread_team::~thread_team() {
  ended_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (auto& helper : helpers_)
    helper.join();
}

void thread_team::run(std::size_t count, const std::function<void(std::size_t)>& work) {
  work_ = &work;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  const bool together = count > 1 && !helpers_.empty();
  if (together) {
    working_.store(static_cast<std::uint32_t>(helpers_.size()), std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  take_part();
  if (together)
    for (auto left = working_.load(std::memory_order_acquire); left != 0;
         left = working_.load(std::memory_order_acquire))
      working_.wait(left, std::memory_order_acquire);
  if (auto thrown = std::exchange(thrown_, nullptr))
    std::rethrow_exception(std::move(thrown));
}

void thread_team::serve() {
  std::uint32_t seen = 0;
  for (;;) {
    round_.wait(seen, std::memory_order_acquire);
    ++seen;  // a round begins only when every helper is done with the one before
    if (ended_.load(std::memory_order_relaxed))
      return;
    take_part();
    if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      working_.notify_one();
  }
}

void thread_team::take_part() {
  try {
    for (auto i = next_.fetch_add(1, std::memory_order_relaxed); i < count_;
         i = next_.fetch_add(1, std::memory_order_relaxed))
      (*work_)(i);
  } catch (...) {
    next_.store(count_, std::memory_order_relaxed);
    keep(std::current_exception());
  }
}

void thread_team::keep(std::exception_ptr thrown) {
  const std::lock_guard lock(guard_);
  if (!thrown_)
    thrown_ = std::move(thrown);
}

}  // namespace hearth::engine::index
