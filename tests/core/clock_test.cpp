#include "core/clock.hpp"

#include <catch2/catch.hpp>
#include <ctime>

TEST_CASE("the machine's clock tells wall time in milliseconds and never goes back") {
  const auto& clock = hearth::system_clock();
  const auto before = static_cast<std::int64_t>(std::time(nullptr)) * 1000;
  const auto wall = clock.wall_ms();
  const auto after = (static_cast<std::int64_t>(std::time(nullptr)) + 1) * 1000;
  CHECK(wall >= before - 1000);  // time() may lag behind the precise clock by a tick
  CHECK(wall <= after + 1000);
  auto last = clock.steady_now();
  for (int i = 0; i < 1'000; ++i) {
    const auto now = clock.steady_now();
    CHECK(now >= last);
    last = now;
  }
}
