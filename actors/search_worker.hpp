#pragma once
// Search workers: actors of the shared pool that answer reads. A read goes to one of them as one
// message and is answered from there.
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/caf_messages.hpp"

namespace hearth::actors {

/// Work on what a namespace has published; parts run on different workers at the same time.
class read_job {
 public:
  virtual ~read_job() = default;
  virtual void run(std::size_t part) noexcept = 0;
};

/// Runs one part of a job.
struct run_read {
  std::shared_ptr<read_job> job;
  std::size_t part = 0;
};

}  // namespace hearth::actors

HEARTH_MESSAGE(hearth::actors::run_read)

namespace hearth::actors {

using search_worker = caf::typed_actor<caf::reacts_to<run_read>>;

/// The workers of one runtime. post() is thread-safe.
class worker_pool {
 public:
  worker_pool(caf::actor_system& system, std::size_t workers);
  /// Workers stop at once; jobs still queued are dropped, which answers them `unavailable`.
  ~worker_pool();
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return workers_.size(); }
  /// Parts of jobs that wait or run.
  [[nodiscard]] std::size_t load() const noexcept;
  /// Gives each part of the job to an idle worker, or to the one with the least to do.
  void post(const std::shared_ptr<read_job>& job, std::size_t parts = 1);

 private:
  struct alignas(64) worker {
    search_worker actor;
    std::shared_ptr<std::atomic<std::size_t>> load;
  };

  [[nodiscard]] worker& least_loaded() noexcept;

  std::vector<worker> workers_;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace hearth::actors
