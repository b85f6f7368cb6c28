#pragma once
// A read that one worker answers in one part.
#include <functional>
#include <utility>

#include "actors/call.hpp"
#include "actors/guarded.hpp"
#include "actors/open_namespace.hpp"
#include "actors/search_worker.hpp"

namespace hearth::actors {

/// A read in one part.
template <class T>
class simple_job final : public read_job {
 public:
  using work = std::move_only_function<result<T>(open_namespace&)>;

  simple_job(namespace_lease space, call<T> answer, work what)
      : space_(std::move(space)), answer_(std::move(answer)), work_(std::move(what)) {}

  void run(std::size_t) noexcept override {
    if (!answer_.open())
      return;  // timed out while it was queued
    answer_.settle(guarded<T>(*space_, [this] { return work_(*space_); }));
  }

 private:
  namespace_lease space_;
  call<T> answer_;
  work work_;
};

}  // namespace hearth::actors
