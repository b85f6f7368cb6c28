#include "core/tuning.hpp"

#include "core/validation.hpp"

namespace hearth::inline core {

result<void> validate(const tune_request& request, const namespace_config& config) {
  if (!(request.recall > 0 && request.recall <= 1))
    return fail(errc::invalid_argument,
                core::format("recall is {}; the range is above 0 to 1", request.recall));
  HEARTH_CHECK(validation::in_range("k", request.k, 1, 1'000));
  HEARTH_CHECK(validation::in_range("sample", request.sample, 10, 10'000));
  HEARTH_CHECK(config.vector_number(request.vector_name));
  return validation::in_range("time_limit_ms", request.time_limit_ms, 100, 50'000);
}

}  // namespace hearth::inline core
