#include "actors/snapshot_pins.hpp"

#include "core/limits.hpp"

namespace hearth::actors {

namespace {

/// Each has a slot in LMDB's table of readers.
constexpr std::size_t most_pins = 64;
constexpr std::chrono::milliseconds longest{limits::snapshot_ms};

}  // namespace

result<std::shared_ptr<pinned_snapshot>>
snapshot_pins::newest(const storage::namespace_store& store) {
  HEARTH_TRY(auto view, store.read());
  const auto lsn = view->lsn();
  const auto now = system_clock().steady_now();
  std::shared_ptr<pinned_snapshot> pin;
  bool first = false;
  {
    const std::lock_guard lock(guard_);
    first = pins_.empty();
    auto& place = pins_[lsn];
    if (!place || now - place->opened >= longest / 2) {
      place = std::make_shared<pinned_snapshot>();
      place->view = std::move(view);
      place->opened = now;
    }
    pin = place;
    if (pins_.size() > most_pins)
      pins_.erase(pins_.begin());
  }
  if (first && on_first)
    on_first();
  return pin;
}

std::shared_ptr<pinned_snapshot> snapshot_pins::find(lsn_t lsn) {
  const std::lock_guard lock(guard_);
  const auto found = pins_.find(lsn);
  return found == pins_.end() ? nullptr : found->second;
}

bool snapshot_pins::sweep(std::chrono::steady_clock::time_point now) {
  std::vector<std::shared_ptr<pinned_snapshot>> gone;  // end outside of the lock
  const std::lock_guard lock(guard_);
  std::erase_if(pins_, [&](auto& pin) {
    if (now - pin.second->opened < longest)
      return false;
    gone.push_back(std::move(pin.second));
    return true;
  });
  return !pins_.empty();
}

void snapshot_pins::clear() {
  std::map<lsn_t, std::shared_ptr<pinned_snapshot>> gone;
  const std::lock_guard lock(guard_);
  gone.swap(pins_);
}

}  // namespace hearth::actors
