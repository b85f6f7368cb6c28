#pragma once
// A tuner measures one namespace on a thread of its own, for as long as that takes, and is gone.
#include <memory>

#include "actors/namespace_actor.hpp"

namespace hearth::actors {

struct tuner_options {
  std::shared_ptr<const tune_job> job;
  namespace_actor owner;  ///< is sent namespace_tuned, whatever happens
  std::chrono::milliseconds limit{50'000};
  bool detached = true;  ///< false only in tests that own the scheduler
};

void spawn_tuner(caf::actor_system& system, const tuner_options& options);

}  // namespace hearth::actors
