// What the writer does besides writing: upkeep, settings, copies of the file.
#include "actors/writer_state.hpp"
#include "storage/compaction.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

/// Storage's upkeep runs this long after a commit, and again while there is more to do.
constexpr auto maintenance_pause = 250ms;
/// A compaction looks this often whether writes are over.
constexpr auto copy_pause = 2ms;

}  // namespace

configured writer_state::configure(const namespace_config& config) {
  if (copying_ == copy_stage::copied)
    return {error{errc::busy, "the namespace is being compacted", "try again", 50}};
  commit();
  if (auto done = store().set_config(config); !done)
    return {std::move(done).error()};
  schedule_maintenance();  // which builds the indexes that it may want
  return {};
}

// What filters would have liked to have; they do without meanwhile.
void writer_state::index_fields(const std::vector<field_path>& fields) {
  if (stopping_ || copying_ == copy_stage::copied || store().read_only_reason())
    return;
  commit();
  if (auto done = store().index_fields(fields); !done)
    options_.log->warning(events::maintenance_failed,
                          core::format("{}: {}", space().name(), to_string(done.error())));
  schedule_maintenance();
}

void writer_state::schedule_maintenance() {
  if (!std::exchange(maintenance_armed_, true))
    self_->delayed_send(self_, maintenance_pause, maintain_due{});
}

// One bounded step; what is queued behind it gets its turn before the next.
void writer_state::maintain() {
  maintenance_armed_ = false;
  if (stopping_ || copying_ == copy_stage::copied || store().read_only_reason())
    return;
  const auto more = upkeep();
  if (!more)
    options_.log->warning(events::maintenance_failed,
                          core::format("{}: {}", space().name(), to_string(more.error())));
  else if (*more && !std::exchange(maintenance_armed_, true))
    self_->send(self_, maintain_due{});
}

result<bool> writer_state::upkeep() {
  commit();
  // Shards that have no snapshot start from storage and need no history; searches look at what
  // was committed after visible_lsn.
  auto keep_after = space().visible_lsn();
  for (const auto& each : sets_) {
    for (std::size_t index = 0; index < space().shards(); ++index) {
      if (const auto saved = each.set->shard(index).snapshot_lsn.load(); saved > 0)
        keep_after = std::min(keep_after, saved);
    }
  }
  return store().maintain(keep_after);
}

caf::result<file_copied> writer_state::copy() {
  if (stopping_ || copying_ != copy_stage::none)
    return file_copied{
        error{errc::busy, "the namespace is being compacted or closed", "try again", 1'000}};
  copying_ = copy_stage::upkeep;
  copy_patience_ends_ = std::chrono::steady_clock::now() + options_.copy_patience;
  copied_ = self_->make_response_promise<file_copied>();
  self_->send(self_, copy_due{});
  return copied_;
}

// Between two steps what has arrived gets its turn; the copy itself keeps everybody waiting.
void writer_state::copy_step() {
  if (copying_ != copy_stage::upkeep && copying_ != copy_stage::draining)
    return;
  if (const auto reason = store().read_only_reason())
    return finish_copy(reason);
  const bool patient = std::chrono::steady_clock::now() < copy_patience_ends_;
  if (copying_ == copy_stage::upkeep) {
    const auto more = upkeep();
    if (!more)
      return finish_copy(more.error());
    if (!*more || !patient) {
      space().writes().close();
      copying_ = copy_stage::draining;
      copy_patience_ends_ = std::chrono::steady_clock::now() + options_.copy_patience;
    }
    self_->send(self_, copy_due{});
    return;
  }
  commit();
  if (!space().writes().idle() || !queue_.empty() || !unconfirmed_.empty()) {
    if (patient) {
      self_->delayed_send(self_, copy_pause, copy_due{});
      return;
    }
    return finish_copy(error{errc::busy, "writes that were under way did not end in time",
                             "try again when less is written", 1'000});
  }
  space().compacting_bytes = store().usage().used_bytes;
  auto done = store().copy_compacted();
  finish_copy(done ? std::nullopt : std::optional(std::move(done).error()));
}

void writer_state::finish_copy(std::optional<error> failure) {
  copying_ = failure ? copy_stage::none : copy_stage::copied;
  if (failure) {
    space().compacting_bytes = 0;
    space().writes().reopen();
  }
  copied_.deliver(file_copied{std::move(failure)});
}

void writer_state::drop_copy() {
  if (copying_ != copy_stage::copied)
    return;
  if (auto dropped = storage::discard_compacted(store().directory()); !dropped)
    options_.log->warning(events::maintenance_failed,
                          core::format("{}: {}", space().name(), to_string(dropped.error())));
  copying_ = copy_stage::none;
  space().compacting_bytes = 0;
  space().writes().reopen();
  schedule_maintenance();
}

}  // namespace hearth::actors
