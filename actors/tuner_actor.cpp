#include "actors/tuner_actor.hpp"

#include "actors/tuning_run.hpp"

namespace hearth::actors {

namespace {

struct start_tuning {};

}  // namespace

}  // namespace hearth::actors

HEARTH_MESSAGE(hearth::actors::start_tuning)

namespace hearth::actors {

namespace {

using tuner_actor = caf::typed_actor<caf::reacts_to<start_tuning>>;

struct tuner_state {
  static inline const char* name = "tuner";
};

result<tune_result> tune(const tuner_options& options) {
  try {
    return run_tuning(*options.job->space, options.job->request, options.limit);
  } catch (const std::exception& reason) {
    return fail(errc::internal, std::string("tuning failed: ") + reason.what(),
                "try again with a smaller sample");
  }
}

tuner_actor::behavior_type tuner(tuner_actor::stateful_pointer<tuner_state> self,
                                 const tuner_options& options) {
  return {[self, options](const start_tuning&) {
    auto found = tune(options);
    // A namespace that closes may be gone before it learns of this.
    if (!found)
      options.job->answer.settle(std::unexpected(found.error()));
    caf::anon_send(options.owner, namespace_tuned{options.job, std::move(found)});
    self->quit();
  }};
}

}  // namespace

void spawn_tuner(caf::actor_system& system, const tuner_options& options) {
  const auto actor =
      options.detached ? system.spawn<caf::detached>(tuner, options) : system.spawn(tuner, options);
  caf::anon_send(actor, start_tuning{});
}

}  // namespace hearth::actors
