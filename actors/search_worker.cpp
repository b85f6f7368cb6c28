#include "actors/search_worker.hpp"

namespace hearth::actors {

namespace {

struct worker_state {
  static inline const char* name = "search_worker";
};

// `load` counts the parts that are waiting or running.
search_worker::behavior_type
search_worker_actor(search_worker::stateful_pointer<worker_state>,
                    const std::shared_ptr<std::atomic<std::size_t>>& load) {
  return {[load](const run_read& task) {
    task.job->run(task.part);
    load->fetch_sub(1, std::memory_order_relaxed);
  }};
}

}  // namespace

worker_pool::worker_pool(caf::actor_system& system, std::size_t workers) {
  workers_.reserve(workers);
  for (std::size_t index = 0; index < workers; ++index) {
    auto load = std::make_shared<std::atomic<std::size_t>>(0);
    workers_.push_back({system.spawn(search_worker_actor, load), load});
  }
}

worker_pool::~worker_pool() {
  for (const auto& each : workers_)
    caf::anon_send_exit(each.actor, caf::exit_reason::user_shutdown);
}

worker_pool::worker& worker_pool::least_loaded() noexcept {
  const auto start = next_.fetch_add(1, std::memory_order_relaxed);
  worker* best = nullptr;
  std::size_t least = 0;
  for (std::size_t step = 0; step < workers_.size(); ++step) {
    auto& candidate = workers_[(start + step) % workers_.size()];
    const auto load = candidate.load->load(std::memory_order_relaxed);
    if (load == 0)
      return candidate;
    if (best == nullptr || load < least) {
      best = &candidate;
      least = load;
    }
  }
  return *best;
}

std::size_t worker_pool::load() const noexcept {
  std::size_t all = 0;
  for (const auto& each : workers_)
    all += each.load->load(std::memory_order_relaxed);
  return all;
}

void worker_pool::post(const std::shared_ptr<read_job>& job, std::size_t parts) {
  for (std::size_t part = 0; part < parts; ++part) {
    auto& chosen = least_loaded();
    chosen.load->fetch_add(1, std::memory_order_relaxed);
    caf::anon_send(chosen.actor, run_read{job, part});
  }
}

}  // namespace hearth::actors
