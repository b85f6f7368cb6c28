#pragma once
// An actor system whose scheduler and clock belong to the test: nothing runs unless the test says
// so.
#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>
#include <random>

namespace hearth::test {

class scheduled_system {
 public:
  scheduled_system() {
    config_.set("scheduler.policy", caf::atom("testing"));
    system_ = std::make_unique<caf::actor_system>(config_);
    run();
  }

  [[nodiscard]] caf::actor_system& actors() noexcept { return *system_; }
  [[nodiscard]] caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }

  /// Runs what can run now; timers stay where they are.
  void run() {
    while (scheduler().has_job())
      scheduler().run_once();
  }
  /// The same, in an order drawn from `random`.
  void run_shuffled(std::mt19937_64& random) {
    while (scheduler().has_job()) {
      auto& jobs = scheduler().jobs;
      std::rotate(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(random() % jobs.size()),
                  jobs.end());
      scheduler().run_once();
    }
  }
  void advance(std::chrono::milliseconds time) {
    scheduler().advance_time(time);
    run();
  }

 private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
};

}  // namespace hearth::test
