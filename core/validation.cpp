#include "core/validation.hpp"

#include <cmath>

namespace hearth::inline core::validation {

std::unexpected<error> too_large(std::string_view subject, std::uint64_t bytes, std::uint64_t limit,
                                 std::string hint, std::string_view how) {
  auto size = format_bytes(bytes);
  auto bound = format_bytes(limit);
  if (size == bound) {
    size = core::format("{} bytes", bytes);
    bound = core::format("{} bytes", limit);
  }
  return fail(errc::limit_exceeded,
              core::format("{} {}{}; the limit is {}", subject, size, how, bound), std::move(hint));
}

result<void> in_range(std::string_view field, std::uint64_t number, std::uint64_t low,
                      std::uint64_t high) {
  if (number >= low && number <= high)
    return {};
  return fail(errc::invalid_argument,
              core::format("{} is {}; the range is {} to {}", field, number, low, high));
}

result<void> check_vectors(matrix_view vectors, std::uint32_t expected) {
  if (vectors.dimension() != expected)
    return fail(errc::dimension_mismatch,
                core::format("vectors have dimension {}; namespace expects {}", vectors.dimension(),
                             expected));
  if (all_finite(vectors.values()))
    return {};
  for (std::size_t row = 0; row < vectors.rows(); ++row) {
    const auto values = vectors.row(row);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i]))
        return fail(errc::invalid_argument,
                    core::format("vectors[{}] holds NaN or infinity at position {}", row, i));
  }
  return fail(errc::internal, "vectors changed while they were checked");
}

}  // namespace hearth::inline core::validation
