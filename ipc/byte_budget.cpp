#include "ipc/byte_budget.hpp"

namespace hearth::ipc {

class byte_budget::waiter {
 public:
  waiter(kj::PromiseFulfiller<budget_share>& fulfiller, std::shared_ptr<byte_budget> budget,
         std::size_t bytes)
      : fulfiller_(fulfiller), budget_(std::move(budget)), bytes_(bytes),
        place_(budget_->line_.insert(budget_->line_.end(), this)) {}
  ~waiter() {
    if (!waiting_)
      return;
    budget_->line_.erase(place_);
    budget_->pump();  // who stood behind may fit now
  }
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  void serve() {
    waiting_ = false;
    fulfiller_.fulfill(budget_->take(bytes_));
  }

 private:
  kj::PromiseFulfiller<budget_share>& fulfiller_;
  std::shared_ptr<byte_budget> budget_;
  const std::size_t bytes_;
  std::list<waiter*>::iterator place_;
  bool waiting_ = true;
};

budget_share::~budget_share() {
  if (budget_ == nullptr)
    return;
  budget_->used_ -= bytes_;
  budget_->pump();
}

bool byte_budget::fits(std::size_t bytes) const {
  const std::size_t used = used_ + (elsewhere_ ? elsewhere_() : 0);
  return used == 0 || (used <= capacity_ && bytes <= capacity_ - used);
}

std::optional<budget_share> byte_budget::try_take(std::size_t bytes) {
  if (!line_.empty() || !fits(bytes))
    return std::nullopt;
  return take(bytes);
}

budget_share byte_budget::take(std::size_t bytes) noexcept {
  used_ += bytes;
  return {shared_from_this(), bytes};
}

kj::Promise<budget_share> byte_budget::when_taken(std::size_t bytes) {
  if (auto share = try_take(bytes))
    return std::move(*share);
  return kj::newAdaptedPromise<budget_share, waiter>(shared_from_this(), bytes);
}

void byte_budget::pump() {
  while (!line_.empty() && fits(line_.front()->bytes())) {
    waiter* next = line_.front();
    line_.pop_front();
    next->serve();
  }
}

}  // namespace hearth::ipc
