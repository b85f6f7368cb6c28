#include "engine/index/exact_cost.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <limits>
#include <vector>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "engine/index/codes/aligned_row.hpp"
#include "engine/index/codes/scalar_codes.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::size_t read_bytes = std::size_t{8} << 20;
constexpr std::size_t short_row = 64;
constexpr std::size_t long_row = 512;
constexpr std::size_t groups = 4;

// Leaves the bytes in memory and in no cache, where the instruction set can.
void fill_memory(std::byte* bytes, std::size_t count) noexcept {
#if defined(__SSE2__)
  const __m128i ones = _mm_set1_epi8(1);
  for (std::size_t i = 0; i < count; i += sizeof ones)
    _mm_stream_si128(reinterpret_cast<__m128i*>(bytes + i), ones);
  _mm_sfence();
#else
  std::memset(bytes, 1, count);
#endif
}

// The least of a few: what other programs took does not count.
template <class Before, class Work>
double least_seconds(Before&& before, Work&& work) {
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 3; ++round) {
    before();
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    least = std::min(least, spent.count());
  }
  return least;
}

// Of one row, for one query, when blocks of rows are read from memory.
double seconds_alone(std::byte* rows, std::size_t row_bytes, const std::byte* query) {
  std::array<std::int32_t, code_block_rows> sums;
  const std::size_t count = read_bytes / row_bytes / code_block_rows * code_block_rows;
  const double seconds =
      least_seconds([&] { fill_memory(rows, read_bytes); },
                    [&] {
                      for (std::size_t row = 0; row < count; row += code_block_rows)
                        kernels().code_row_sums(rows + row * row_bytes, row_bytes, code_block_rows,
                                                query, sums.data());
                    });
  return seconds / static_cast<double>(count);
}

// Of one row, for one of a batch of queries, when a block stays in the cache. No pair is a hit.
double seconds_batched(const std::byte* rows, std::size_t row_bytes, const std::byte* packed) {
  constexpr std::size_t queries = groups * group_queries;
  constexpr std::size_t repeats = 4;
  const std::array<float, code_block_rows> terms{};
  const std::array<float, queries> zeros{};
  std::array<float, queries> fixed;
  fixed.fill(-1);
  std::vector<code_hit> hits(code_block_rows * queries + 16);
  const code_block block{rows, row_bytes, 0, row_bytes, terms.data(), 0, 0};
  const code_queries asked{packed, groups, zeros.data(), fixed.data(), zeros.data(), zeros.data()};
  const double seconds = least_seconds([] {},
                                       [&] {
                                         for (std::size_t i = 0; i < repeats; ++i)
                                           (void)kernels().code_hits(block, asked, hits.data());
                                       });
  return seconds / static_cast<double>(repeats * code_block_rows * queries);
}

}  // namespace

exact_cost::exact_cost() {
  aligned_row room;
  std::byte* const rows = room.of(read_bytes);
  const auto through = [](double at_short, double at_long) {
    constexpr auto bytes = static_cast<double>(long_row - short_row);
    const double per_byte = std::max(at_long - at_short, 0.0) / bytes;
    return line{std::max(at_short - per_byte * static_cast<double>(short_row), 0.0), per_byte};
  };
  // Any bytes serve as codes and as queries.
  aligned_row query_room;
  std::byte* const query = query_room.of(long_row * groups * group_queries);
  std::memset(query, 1, long_row * groups * group_queries);
  alone_ = through(seconds_alone(rows, short_row, query), seconds_alone(rows, long_row, query));
  batched_ =
      through(seconds_batched(rows, short_row, query), seconds_batched(rows, long_row, query));
}

const exact_cost& exact_cost::here() {
  static const exact_cost measured;
  return measured;
}

double exact_cost::alone(std::size_t rows, std::uint32_t dimension) const noexcept {
  const std::size_t bytes = whole_lines(scalar_codes::first_byte() + dimension);
  return static_cast<double>(rows) *
         (alone_.per_row + alone_.per_byte * static_cast<double>(bytes));
}

double exact_cost::batched(std::size_t rows, std::uint32_t dimension) const noexcept {
  return static_cast<double>(rows) *
         (batched_.per_row + batched_.per_byte * static_cast<double>(dimension));
}

}  // namespace hearth::engine::index
