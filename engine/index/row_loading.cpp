#include "engine/index/row_loading.hpp"

#include <algorithm>
#include <limits>

#include "core/format.hpp"

namespace hearth::engine::index {

result<void> check_rising(std::span<const row_id> rows) {
  if (std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) != rows.end())
    return fail(errc::corruption, "snapshot: rows do not rise");
  if (!rows.empty() && rows.back() == std::numeric_limits<row_id>::max())
    return fail(errc::corruption, "snapshot: a row number that is never given out");
  return {};
}

result<std::vector<row_id>> fetch_in_blocks(std::span<const row_id> rows, std::uint32_t dimension,
                                            const fetch_vectors& fetch, const take_block& take) {
  constexpr std::size_t block_values = std::size_t{1} << 20;  // 4 MiB
  const std::size_t block = std::clamp<std::size_t>(block_values / dimension, 1, 4096);
  std::vector<float> values(std::min(block, rows.size()) * dimension);
  std::vector<row_id> missing;
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const auto part = rows.subspan(first, std::min(block, rows.size() - first));
    HEARTH_TRY(const std::vector<bool> found, fetch(part, values.data()));
    if (found.size() != part.size())
      return fail(errc::internal, core::format("storage answered {} rows when asked for {}",
                                               found.size(), part.size()));
    for (std::size_t i = 0; i < part.size(); ++i) {
      const std::span<float> row(values.data() + i * dimension, dimension);
      if (!found[i]) {
        std::fill(row.begin(), row.end(), 0.0f);
        missing.push_back(part[i]);
      } else if (!all_finite(row)) {
        return fail(errc::corruption, core::format("the vector of row {} is not finite", part[i]));
      }
    }
    HEARTH_CHECK(take(first, matrix_view(values.data(), part.size(), dimension)));
  }
  return missing;
}

}  // namespace hearth::engine::index
