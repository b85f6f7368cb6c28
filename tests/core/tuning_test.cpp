#include "core/tuning.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace hearth;

namespace {
const namespace_config config = [] {
  namespace_config made;
  made.dimension = 4;
  return made;
}();
}

TEST_CASE("what is asked of a tuning has ranges, and messages that name them") {
  CHECK(validate(tune_request{}, config).has_value());
  CHECK(validate({.recall = 1, .k = 1'000, .sample = 10'000, .time_limit_ms = 50'000}, config)
            .has_value());
  CHECK(validate({.recall = 0.01, .k = 1, .sample = 10, .time_limit_ms = 100}, config).has_value());
  const auto refused = [](const tune_request& request) {
    const auto outcome = validate(request, config);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == errc::invalid_argument);
    return outcome.error().message;
  };
  CHECK(refused({.recall = 0}) == "recall is 0; the range is above 0 to 1");
  CHECK(refused({.recall = 1.01}) == "recall is 1.01; the range is above 0 to 1");
  CHECK(refused({.recall = std::numeric_limits<double>::quiet_NaN()}).starts_with("recall is nan"));
  CHECK(refused({.k = 0}) == "k is 0; the range is 1 to 1000");
  CHECK(refused({.k = 1'001}) == "k is 1001; the range is 1 to 1000");
  CHECK(refused({.sample = 9}) == "sample is 9; the range is 10 to 10000");
  CHECK(refused({.sample = 10'001}) == "sample is 10001; the range is 10 to 10000");
  CHECK(refused({.time_limit_ms = 99}) == "time_limit_ms is 99; the range is 100 to 50000");
  CHECK_FALSE(validate(tune_request{}, namespace_config{}).has_value());  // there is no vector
  CHECK(refused({.time_limit_ms = 50'001}) == "time_limit_ms is 50001; the range is 100 to 50000");
}
