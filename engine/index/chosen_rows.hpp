#pragma once
// The rows of an index that a search may answer with: those that are visible, and selected if there
// is a selection. Internal to engine/index.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "engine/index/row_directory.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::engine::index {

/// Thread rule: as row_directory, for readers with a pin().
class chosen_rows {
 public:
  chosen_rows(const row_directory& rows,  // NOLINT: a directory is all of its rows
              const row_selection* among = nullptr) noexcept
      : rows_(rows), among_(among) {}

  [[nodiscard]] bool all() const noexcept { return among_ == nullptr; }
  [[nodiscard]] slot_id bound() const noexcept { return rows_.bound(); }
  /// The row in `slot`, unless it is hidden or not selected.
  [[nodiscard]] std::optional<row_id> row_at(slot_id slot) const noexcept {
    const auto row = rows_.row_at(slot);
    return among_ == nullptr || (row && among_->rows->contains(*row)) ? row : std::nullopt;
  }
  /// How many rows there are: exact without a selection, or else an estimate.
  [[nodiscard]] std::size_t size() const noexcept { return share_of(rows_.size(), among_); }
  [[nodiscard]] static std::size_t share_of(std::size_t rows, const row_selection* among) noexcept {
    return among == nullptr ? rows
                            : static_cast<std::size_t>(static_cast<double>(rows) *
                                                       std::clamp(among->share, 0.0, 1.0));
  }

  /// Calls visit(slot, row) for each of them below `bound`, in rising order of slots, until it
  /// answers false.
  template <class Visit>
  void for_each(slot_id bound, Visit&& visit) const {
    // Looking a row up costs a cache miss, looking at a slot nearly nothing.
    constexpr std::size_t slots_per_lookup = 16;
    if (among_ != nullptr && among_->rows->size() < bound / slots_per_lookup)
      return for_each_listed(bound, visit);
    for (slot_id slot = 0; slot < bound; ++slot)
      if (const auto row = row_at(slot); row && !visit(slot, *row))
        return;
  }

 private:
  template <class Visit>
  void for_each_listed(slot_id bound, Visit&& visit) const {
    std::vector<slot_id> slots;
    for (const row_id row : among_->rows->rows())
      if (const slot_id slot = rows_.find(row); slot != no_slot && slot < bound)
        slots.push_back(slot);
    std::sort(slots.begin(), slots.end());
    for (const slot_id slot : slots)
      if (const auto row = row_at(slot); row && !visit(slot, *row))
        return;
  }

  const row_directory& rows_;
  const row_selection* among_;
};

}  // namespace hearth::engine::index
