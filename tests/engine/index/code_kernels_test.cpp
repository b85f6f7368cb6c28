// The kernels that compare blocks of codes with queries.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "engine/index/codes/aligned_row.hpp"
#include "engine/index/kernels/kernels.hpp"
#include "engine/index/kernels/tile_loops.hpp"

namespace {

using namespace hearth::engine::index;

// A block, queries and the pairs that plain arithmetic finds among them.
struct block_case {
  static constexpr std::size_t row_bytes = 192;
  static constexpr std::size_t first = 12;
  static constexpr std::size_t end = 176;

  explicit block_case(std::size_t of_queries) : groups(of_queries) {
    std::mt19937 random(1);
    std::byte* const row = row_room.of(code_block_rows * row_bytes);
    std::byte* const query = query_room.of(queries() * row_bytes);
    // The extremes, where 16-bit sums of an instruction set would saturate, are frequent.
    for (std::size_t i = 0; i < code_block_rows * row_bytes; ++i)
      row[i] = static_cast<std::byte>(i % 3 != 0 ? 255 : random() % 256);
    for (std::size_t i = 0; i < queries() * row_bytes; ++i) {
      const std::size_t at = i / (4 * group_queries) % (row_bytes / 4) * 4 + i % 4;
      const int value = i % 5 != 0 ? static_cast<int>(random() % 256) - 128 : 127;
      query[i] = static_cast<std::byte>(at >= first && at < end ? value : 0);
    }
    for (std::size_t r = 0; r < code_block_rows; ++r)
      terms.push_back(static_cast<float>(random() % 1000));
    for (std::size_t q = 0; q < queries(); ++q) {
      // All sums are whole halves: exact in float32.
      scale.push_back(q % 2 == 0 ? 1.0F : -0.5F);
      fixed.push_back(static_cast<float>(static_cast<int>(random() % 2'000'000) - 1'000'000));
      per_error.push_back(static_cast<float>(random() % 1000));
      per_spread.push_back(static_cast<float>(random() % 1000));
    }
    terms[3] = std::numeric_limits<float>::quiet_NaN();
    terms[4] = -std::numeric_limits<float>::infinity();
    fixed[5] = std::numeric_limits<float>::quiet_NaN();
  }

  [[nodiscard]] std::size_t queries() const { return groups * group_queries; }
  [[nodiscard]] int sum(std::size_t row, std::size_t query) {
    const std::byte* const packed =
        query_room.of(queries() * row_bytes) + query / group_queries * group_queries * row_bytes;
    const std::byte* const codes = row_room.of(code_block_rows * row_bytes) + row * row_bytes;
    int sum = 0;
    for (std::size_t at = 0; at < row_bytes; ++at)
      sum += static_cast<int>(codes[at]) *
             static_cast<std::int8_t>(packed[at / 4 * 64 + query % group_queries * 4 + at % 4]);
    return sum;
  }
  [[nodiscard]] code_block block() {
    return {row_room.of(code_block_rows * row_bytes), row_bytes, first, end, terms.data(), 3, 7};
  }
  [[nodiscard]] code_queries asked() {
    return {query_room.of(queries() * row_bytes),
            groups,
            scale.data(),
            fixed.data(),
            per_error.data(),
            per_spread.data()};
  }
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> expected() {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t r = 0; r < code_block_rows; ++r)
      for (std::size_t q = 0; q < queries(); ++q)
        if (terms[r] + scale[q] * static_cast<float>(sum(r, q)) <=
            fixed[q] + 3 * per_error[q] + 7 * per_spread[q])
          pairs.emplace_back(r, q);
    return pairs;
  }
  template <class Hits>
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> found_by(Hits&& code_hits) {
    std::vector<code_hit> hits(code_block_rows * queries() + 16);
    const std::size_t count = code_hits(block(), asked(), hits.data());
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    pairs.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      pairs.emplace_back(hits[i].row, hits[i].query);
    std::sort(pairs.begin(), pairs.end());
    return pairs;
  }

  std::size_t groups;
  aligned_row row_room;
  aligned_row query_room;
  std::vector<float> terms, scale, fixed, per_error, per_spread;
};

TEST_CASE("code kernels: every kernel finds the pairs that plain arithmetic finds") {
  for (const std::size_t groups : {1u, 2u, 3u, 4u, 5u, 9u}) {
    block_case tried(groups);
    const auto expected = tried.expected();
    REQUIRE(expected.size() > 32);
    for (const auto* table : usable_kernels()) {
      INFO(table->name << ", " << groups << " groups");
      CHECK(tried.found_by(table->code_hits) == expected);
    }
  }
}

TEST_CASE("code kernels: every kernel sums rows with one query, exactly") {
  std::mt19937 random(2);
  aligned_row room;
  for (const std::size_t bytes : {64u, 128u, 192u, 256u, 320u, 832u}) {
    const std::size_t rows = 4096 / bytes;
    std::byte* const codes = room.of(4096 + 832);
    std::byte* const query = codes + rows * bytes;
    for (std::size_t i = 0; i < (rows + 1) * bytes; ++i)
      codes[i] = static_cast<std::byte>(i % 3 != 0 ? 255 : random() % 256);
    for (std::size_t i = 0; i < bytes; i += 2)
      query[i] = std::byte{127};
    for (const auto* table : usable_kernels())
      for (const std::size_t count : {std::size_t{1}, std::size_t{3}, rows}) {
        std::vector<std::int32_t> sums(count);
        table->code_row_sums(codes, bytes, count, query, sums.data());
        INFO(table->name << ", " << bytes << " bytes");
        for (std::size_t r = 0; r < count; ++r)
          CHECK(sums[r] == table->code_dots(codes + r * bytes, query, query, bytes).high);
      }
  }
}

// Tiles as the instructions define them: rows of 64 bytes, four bytes of a row (unsigned) times
// four of a query (signed) into each sum.
class plain_tiles {
 public:
  void clear() noexcept { std::memset(sums_, 0, sizeof sums_); }
  void multiply_add(const std::byte* rows, const std::byte* more_rows, std::size_t row_bytes,
                    const std::byte* queries, const std::byte* more_queries) noexcept {
    add(sums_[0][0], rows, row_bytes, queries);
    add(sums_[0][1], rows, row_bytes, more_queries);
    add(sums_[1][0], more_rows, row_bytes, queries);
    add(sums_[1][1], more_rows, row_bytes, more_queries);
  }
  void store(tile_sums (&sums)[2][2]) const noexcept { std::memcpy(sums, sums_, sizeof sums); }

 private:
  static void add(tile_sums& sums, const std::byte* rows, std::size_t row_bytes,
                  const std::byte* queries) noexcept {
    for (std::size_t m = 0; m < 16; ++m)
      for (std::size_t k = 0; k < 16; ++k)
        for (std::size_t n = 0; n < 16; ++n)
          for (std::size_t i = 0; i < 4; ++i)
            sums[m][n] += static_cast<int>(rows[m * row_bytes + 4 * k + i]) *
                          static_cast<std::int8_t>(queries[64 * k + 4 * n + i]);
  }

  tile_sums sums_[2][2];
};

struct plain_lanes {
  struct sums {
    std::int32_t of[16];
  };
  struct floats {
    float of[16];
  };
  static sums load_sums(const std::int32_t* from) {
    sums loaded;
    std::copy_n(from, 16, loaded.of);
    return loaded;
  }
  static floats load_floats(const float* from) {
    floats loaded;
    std::copy_n(from, 16, loaded.of);
    return loaded;
  }
  static floats multiply_add(const floats& a, float b, floats c) {
    for (int i = 0; i < 16; ++i)
      c.of[i] += a.of[i] * b;
    return c;
  }
  static std::uint32_t within(const sums& sum, const floats& scale, float term,
                              const floats& limit) {
    std::uint32_t mask = 0;
    for (int i = 0; i < 16; ++i)
      if (term + scale.of[i] * static_cast<float>(sum.of[i]) <= limit.of[i])
        mask |= 1U << i;
    return mask;
  }
  static code_hit* append(std::uint32_t mask, std::size_t row, std::size_t first, code_hit* hits) {
    return append_hits(mask, row, first, hits);
  }
};

TEST_CASE("code kernels: the loop over tiles finds the pairs that plain arithmetic finds") {
  for (const std::size_t groups : {1u, 2u, 3u, 8u}) {
    block_case tried(groups);
    CHECK(tried.found_by(code_hits_by_tiles<plain_tiles, plain_lanes>) == tried.expected());
  }
}

}  // namespace
