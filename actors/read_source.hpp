#pragma once
// Where a read looks.
#include <memory>
#include <optional>

#include "actors/open_namespace.hpp"
#include "storage/transaction/overlay_view.hpp"

namespace hearth::actors {

/// The newest state of a namespace; or the snapshot of a transaction, with what that has written.
/// Both outlive it. Thread-safe for the newest state; a transaction reads on one thread at a time.
class read_source {
 public:
  explicit read_source(const open_namespace& space) : space_(&space) {}
  read_source(const open_namespace& space, const storage::overlay_view& transaction)
      : space_(&space), transaction_(&transaction) {}

  [[nodiscard]] const open_namespace& space() const noexcept { return *space_; }
  /// Null for the newest state.
  [[nodiscard]] const storage::overlay_view* transaction() const noexcept { return transaction_; }

  /// About the vector of this number.
  [[nodiscard]] result<std::unique_ptr<storage::read_view>> view(std::size_t vector = 0) const {
    if (transaction_ != nullptr)
      return transaction_->fork(vector);
    return space_->store().read(vector);
  }

  /// What a read that has `view` selects by `where`. The errors of filter_cache::choose.
  [[nodiscard]] result<filter_answer> filtered(storage::read_view& view,
                                               const std::optional<filter>& where) const {
    if (transaction_ == nullptr || !where)
      return space_->filtered(view, where);
    HEARTH_TRY(auto found, filter_rows(view, *where));
    return filter_answer{std::make_shared<const filtered_rows>(std::move(found)), false};
  }

 private:
  const open_namespace* space_;
  const storage::overlay_view* transaction_ = nullptr;
};

}  // namespace hearth::actors
