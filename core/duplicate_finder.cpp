#include "core/duplicate_finder.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "core/checksum.hpp"

namespace hearth::inline core {

namespace {

std::uint64_t process_seed() {
  static const std::uint64_t seed = [] {
    std::random_device entropy;
    return (std::uint64_t{entropy()} << 32) | entropy();
  }();
  return seed;
}

std::uint64_t hash(const record_id& id, std::uint64_t seed) noexcept {
  if (id.is_number()) {
    const auto number = id.number();
    return checksum(std::as_bytes(std::span(&number, 1)), seed);
  }
  return checksum(std::as_bytes(std::span(id.text())), ~seed);
}

}  // namespace

std::optional<std::pair<std::size_t, std::size_t>> find_duplicate(std::span<const record_id> ids) {
  // Ids that rise strictly (a counter, a sorted export) need no table.
  if (std::ranges::adjacent_find(ids, std::greater_equal<>{}) == ids.end())
    return std::nullopt;

  // Open addressing at no more than half load. The tag saves most comparisons of ids.
  struct slot {
    std::uint32_t tag = 0;
    std::uint32_t row_plus_one = 0;  // 0: free
  };
  std::vector<slot> table(std::bit_ceil(ids.size() * 2));
  const auto mask = table.size() - 1;
  const auto seed = process_seed();
  for (std::size_t row = 0; row < ids.size(); ++row) {
    const auto hashed = hash(ids[row], seed);
    const auto tag = static_cast<std::uint32_t>(hashed >> 32);
    auto position = hashed & mask;
    for (; table[position].row_plus_one != 0; position = (position + 1) & mask) {
      const auto other = table[position].row_plus_one - 1;
      if (table[position].tag == tag && ids[other] == ids[row])
        return std::pair{std::size_t{other}, row};
    }
    table[position] = {tag, static_cast<std::uint32_t>(row + 1)};
  }
  return std::nullopt;
}

}  // namespace hearth::inline core
