#include "core/clock.hpp"

namespace hearth::inline core {

namespace {

class machine_clock final : public clock_source {
 public:
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::now();
  }

  [[nodiscard]] std::int64_t wall_ms() const override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  }
};

}  // namespace

const clock_source& system_clock() noexcept {
  static const machine_clock clock;
  return clock;
}

}  // namespace hearth::inline core
