#include "actors/feed_job.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "actors/feed_page.hpp"
#include "actors/guarded.hpp"
#include "core/format.hpp"

namespace hearth::actors {

void feed_job::run(std::size_t) noexcept {
  if (!answer_.open())
    return;
  auto found = guarded<feed_page>(*space_, [this] { return read_feed_page(*space_, query_); });
  if (!found)
    return answer_.settle(std::unexpected(std::move(found).error()));
  if (!found->page.events.empty() || !found->at_end || patience_.count() == 0)
    return answer_.settle(std::move(found->page));
  query_.after = found->page.next;
  seen_ = found->page.newest;
  wait_(shared_from_this());
}

void feed_job::expire() const noexcept {
  change_page nothing;
  nothing.next = query_.after.value_or(feed_position{});
  nothing.newest = seen_;
  answer_.settle(std::move(nothing));
}

void feed_waiters::add(const std::shared_ptr<feed_job>& job, time_point now) {
  if (waiting_.size() >= most)
    return job->refuse(
        {errc::busy, core::format("{} calls wait for changes of this namespace, the limit", most),
         "let fewer readers wait at once", 1'000});
  // In the order of deadlines: nearly always behind the others.
  const auto deadline = job->deadline(now);
  waiting_.insert(std::ranges::upper_bound(waiting_, deadline, {}, &waiter::deadline),
                  {job, deadline});
}

void feed_waiters::resume_all() {
  for (const auto& each : std::exchange(waiting_, {}))
    each.job->resume();
}

void feed_waiters::expire(time_point now) {
  const auto over = std::ranges::upper_bound(waiting_, now, {}, &waiter::deadline);
  for (const auto& each : std::span(waiting_.begin(), over))
    each.job->expire();
  waiting_.erase(waiting_.begin(), over);
}

void feed_waiters::refuse_all(const error& reason) {
  for (const auto& each : std::exchange(waiting_, {}))
    each.job->refuse(reason);
}

std::optional<feed_waiters::time_point> feed_waiters::next_deadline() const {
  return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().deadline);
}

}  // namespace hearth::actors
