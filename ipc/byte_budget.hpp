#pragma once
// A bound on bytes: messages and replies take their size from it before memory is used for them,
// and wait in line when it is spent.
#include <kj/async.h>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>

namespace hearth::ipc {

class byte_budget;

/// Bytes taken from a budget, given back at the end. Move-only; loop thread only.
class budget_share {
 public:
  budget_share() = default;
  budget_share(budget_share&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  budget_share& operator=(budget_share&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~budget_share();

 private:
  friend class byte_budget;
  budget_share(std::shared_ptr<byte_budget> budget, std::size_t bytes) noexcept
      : budget_(std::move(budget)), bytes_(bytes) {}

  std::shared_ptr<byte_budget> budget_;
  std::size_t bytes_ = 0;
};

/// Loop thread only. A taker larger than the whole budget gets it when it is otherwise unused, so
/// nobody waits forever for room that cannot exist.
class byte_budget : public std::enable_shared_from_this<byte_budget> {
 public:
  /// `elsewhere` counts bytes that are in use but not taken from the budget; whoever changes its
  /// answer calls pump().
  explicit byte_budget(std::size_t capacity, std::function<std::size_t()> elsewhere = {})
      : capacity_(capacity), elsewhere_(std::move(elsewhere)) {}
  byte_budget(const byte_budget&) = delete;
  byte_budget& operator=(const byte_budget&) = delete;

  /// Takes `bytes` if there is room and nobody waits.
  [[nodiscard]] std::optional<budget_share> try_take(std::size_t bytes);
  /// Takes `bytes` whether there is room or not.
  [[nodiscard]] budget_share take(std::size_t bytes) noexcept;
  /// Resolves once `bytes` are taken, first come first served. Dropping the promise leaves the line
  /// or gives the bytes back.
  [[nodiscard]] kj::Promise<budget_share> when_taken(std::size_t bytes);
  /// Serves who waits, as far as there is room.
  void pump();

  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  friend class budget_share;
  class waiter;
  [[nodiscard]] bool fits(std::size_t bytes) const;

  const std::size_t capacity_;
  std::size_t used_ = 0;
  std::function<std::size_t()> elsewhere_;
  std::list<waiter*> line_;
};

}  // namespace hearth::ipc
