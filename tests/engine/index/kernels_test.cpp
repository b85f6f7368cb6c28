#include "engine/index/kernels/kernels.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace hearth::engine::index;

struct expected_sums {
  double l2_squared = 0;
  double manhattan = 0;
  double dot = 0;
  double absolute = 0;  ///< sum of |a*b|: what the rounding error of dot is relative to
  double norm = 0;
};

expected_sums naive(const float* a, const float* b, std::size_t n) {
  expected_sums sums;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = a[i];
    const double y = b[i];
    sums.l2_squared += (x - y) * (x - y);
    sums.manhattan += std::abs(x - y);
    sums.dot += x * y;
    sums.absolute += std::abs(x * y);
    sums.norm += x * x;
  }
  return sums;
}

// Error of a float32 sum of n terms that is split over at least eight partial sums.
double tolerance(std::size_t n) {
  return (static_cast<double>(n) / 8 + 8) * std::numeric_limits<float>::epsilon();
}

void check_against_float64(const kernel_table& table, const float* a, const float* b,
                           std::size_t n) {
  const auto expected = naive(a, b, n);
  const double allowed = tolerance(n);
  INFO(table.name << ", n = " << n);
  CHECK(std::abs(static_cast<double>(table.l2_squared(a, b, n)) - expected.l2_squared) <=
        allowed * expected.l2_squared);
  CHECK(std::abs(static_cast<double>(table.manhattan(a, b, n)) - expected.manhattan) <=
        allowed * expected.manhattan);
  CHECK(std::abs(static_cast<double>(table.dot(a, b, n)) - expected.dot) <=
        allowed * expected.absolute);
  CHECK(std::abs(static_cast<double>(table.squared_norm(a, n)) - expected.norm) <=
        allowed * expected.norm);
}

std::vector<float> normal_values(std::size_t n, std::uint32_t seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  std::generate(values.begin(), values.end(), [&] { return normal(generator); });
  return values;
}

TEST_CASE("kernels: the scalar table is usable everywhere and the chosen one is the last") {
  const auto tables = usable_kernels();
  REQUIRE_FALSE(tables.empty());
  CHECK(tables.front() == &scalar_kernels);
  CHECK(&kernels() == tables.back());
}

TEST_CASE("kernels: every length from 0 to 300 agrees with float64") {
  const auto a = normal_values(300, 1);
  const auto b = normal_values(300, 2);
  for (const auto* table : usable_kernels())
    for (std::size_t n = 0; n <= a.size(); ++n)
      check_against_float64(*table, a.data(), b.data(), n);
}

TEST_CASE("kernels: long vectors agree with float64") {
  for (const std::size_t n : {768u, 1536u, 4095u, 65'536u}) {
    const auto a = normal_values(n, 3, 10);
    const auto b = normal_values(n, 4, 10);
    for (const auto* table : usable_kernels())
      check_against_float64(*table, a.data(), b.data(), n);
  }
}

TEST_CASE("kernels: unaligned data gives the same bits as aligned data") {
  constexpr std::size_t n = 203;
  const auto a = normal_values(n, 5);
  const auto b = normal_values(n, 6);
  std::vector<std::byte> shifted_a(n * sizeof(float) + 64);
  std::vector<std::byte> shifted_b(n * sizeof(float) + 64);
  for (const auto* table : usable_kernels()) {
    const float l2 = table->l2_squared(a.data(), b.data(), n);
    const float manhattan = table->manhattan(a.data(), b.data(), n);
    const float dot = table->dot(a.data(), b.data(), n);
    // Whole floats only: a float must lie on its own alignment, a vector need not.
    for (std::size_t shift = 0; shift < 64; shift += sizeof(float)) {
      std::memcpy(shifted_a.data() + shift, a.data(), n * sizeof(float));
      std::memcpy(shifted_b.data() + 60 - shift, b.data(), n * sizeof(float));
      const auto* x = reinterpret_cast<const float*>(shifted_a.data() + shift);
      const auto* y = reinterpret_cast<const float*>(shifted_b.data() + 60 - shift);
      CHECK(table->l2_squared(x, y, n) == l2);
      CHECK(table->manhattan(x, y, n) == manhattan);
      CHECK(table->dot(x, y, n) == dot);
    }
  }
}

TEST_CASE("kernels: the tail is masked, so what lies behind the vector has no influence") {
  for (const auto* table : usable_kernels())
    for (std::size_t n = 1; n <= 70; ++n) {
      auto a = normal_values(n, 7);
      auto b = normal_values(n, 8);
      const auto expected = naive(a.data(), b.data(), n);
      a.resize(n + 64, std::numeric_limits<float>::quiet_NaN());
      b.resize(n + 64, std::numeric_limits<float>::infinity());
      INFO(table->name << ", n = " << n);
      CHECK(std::abs(static_cast<double>(table->l2_squared(a.data(), b.data(), n)) -
                     expected.l2_squared) <= tolerance(n) * expected.l2_squared);
      CHECK(std::abs(static_cast<double>(table->manhattan(a.data(), b.data(), n)) -
                     expected.manhattan) <= tolerance(n) * expected.manhattan);
      CHECK(std::abs(static_cast<double>(table->dot(a.data(), b.data(), n)) - expected.dot) <=
            tolerance(n) * expected.absolute);
    }
}

TEST_CASE("kernels: denormals are not flushed before they are used") {
  constexpr std::size_t n = 37;
  // The products of denormals with 1e30 are ordinary numbers: a flush to zero would lose them.
  const std::vector<float> tiny(n, std::numeric_limits<float>::denorm_min() * 1000);
  const std::vector<float> large(n, 1e30f);
  const std::vector<float> zero(n, 0.0f);
  for (const auto* table : usable_kernels()) {
    const auto expected = naive(tiny.data(), large.data(), n);
    CHECK(static_cast<double>(table->dot(tiny.data(), large.data(), n)) ==
          Approx(expected.dot).epsilon(1e-5));
    // Sums and differences of denormals are exact.
    CHECK(static_cast<double>(table->manhattan(tiny.data(), zero.data(), n)) ==
          naive(tiny.data(), zero.data(), n).manhattan);
    CHECK(table->manhattan(tiny.data(), tiny.data(), n) == 0.0f);
    CHECK(table->l2_squared(tiny.data(), tiny.data(), n) == 0.0f);
    CHECK(table->l2_squared(tiny.data(), zero.data(), n) == 0.0f);
  }
}

TEST_CASE("kernels: huge values stay exact up to the float32 range and become infinite beyond") {
  for (const std::size_t n : {1u, 16u, 33u}) {
    const std::vector<float> a(n, 1e18f);
    const std::vector<float> b(n, -1e18f);
    const std::vector<float> beyond(n, 3e38f);
    for (const auto* table : usable_kernels()) {
      check_against_float64(*table, a.data(), b.data(), n);
      CHECK(std::isinf(table->l2_squared(beyond.data(), b.data(), n)));
      CHECK(std::isinf(table->squared_norm(beyond.data(), n)));
      const std::vector<float> opposite(n, -3e38f);
      CHECK(table->manhattan(beyond.data(), opposite.data(), n) ==
            std::numeric_limits<float>::infinity());
    }
  }
}

TEST_CASE("kernels: a vector times a matrix agrees with float64, for any size") {
  for (const std::size_t n : {0u, 1u, 3u, 16u, 100u, 785u})
    for (const std::size_t columns : {16u, 32u, 48u, 112u, 128u, 240u, 272u}) {
      const auto vector = normal_values(n, 1);
      const auto matrix = normal_values(n * columns, 2);
      for (const auto* table : usable_kernels()) {
        INFO(table->name << ", " << n << " x " << columns);
        std::vector<float> out(columns + 1, 77.0f);
        table->column_products(vector.data(), n, matrix.data(), columns, out.data());
        for (std::size_t c = 0; c < columns; ++c) {
          double sum = 0;
          double absolute = 0;
          for (std::size_t i = 0; i < n; ++i) {
            const double term =
                static_cast<double>(vector[i]) * static_cast<double>(matrix[i * columns + c]);
            sum += term;
            absolute += std::abs(term);
          }
          REQUIRE(std::abs(static_cast<double>(out[c]) - sum) <=
                  absolute * static_cast<double>(n + 8) *
                      static_cast<double>(std::numeric_limits<float>::epsilon()));
        }
        REQUIRE(out[columns] == 77.0f);
      }
    }
}

// One block of 32 rows of 4-bit codes: plain, and as fast_scan_kernel says that it lies in memory.
struct coded_block {
  std::size_t groups;
  std::vector<std::uint8_t> codes;  // groups x 8 parts per row

  coded_block(std::size_t number, std::uint32_t seed) : groups(number), codes(32 * number * 8) {
    std::mt19937 random(seed);
    for (auto& code : codes)
      code = static_cast<std::uint8_t>(random() % 16);
  }
  [[nodiscard]] std::uint32_t code(std::size_t row, std::size_t part) const {
    return codes[row * groups * 8 + part];
  }
  [[nodiscard]] std::vector<std::byte> in_memory(std::size_t together) const {
    std::vector<std::byte> bytes;
    for (std::size_t first = 0; first < groups * 4; first += together)
      for (std::size_t row = 0; row < 32; ++row)
        for (std::size_t at = first; at < first + together; ++at) {
          const std::size_t part = at / 4 * 8 + at % 4;
          bytes.push_back(static_cast<std::byte>(code(row, part) | code(row, part + 4) << 4));
        }
    return bytes;
  }
};

TEST_CASE("kernels: scans of 4-bit codes add up tables exactly, however many there are") {
  for (const std::size_t groups : {1u, 2u, 13u, 32u, 33u, 300u}) {
    const coded_block block(groups, 5);
    struct alignas(64) line {
      std::uint8_t entries[64];
    };
    std::vector<line> lines(groups * 2);
    std::uint8_t* const tables = lines.front().entries;
    std::mt19937 random(6);
    for (const bool largest : {false, true}) {
      for (std::size_t i = 0; i < groups * 128; ++i)
        tables[i] = static_cast<std::uint8_t>(largest ? 255 : random() % 256);
      const auto factors = normal_values(32, 7);
      const auto biases = normal_values(32, 8, 100);
      const fast_scan_query query{tables, groups, 0.125f, -3};
      for (const auto* table : usable_kernels()) {
        INFO(table->name << ", " << groups << " groups");
        const auto codes = block.in_memory(table->fast_scan.together);
        float distances[32];
        const std::uint32_t below = table->fast_scan.scan(query, codes.data(), factors.data(),
                                                          biases.data(), 10, distances);
        for (std::size_t row = 0; row < 32; ++row) {
          std::uint32_t sum = 0;
          for (std::size_t part = 0; part < groups * 8; ++part)
            sum += tables[part * 16 + block.code(row, part)];
          const double expected =
              static_cast<double>(biases[row]) +
              static_cast<double>(factors[row]) * (-3 + 0.125 * static_cast<double>(sum));
          REQUIRE(distances[row] == Approx(expected).epsilon(1e-5).margin(1e-3));
          REQUIRE((below >> row & 1u) == (distances[row] < 10 ? 1u : 0u));
        }
      }
    }
  }
}

TEST_CASE("kernels: 8-bit tables stand for their products to half a step") {
  for (const std::size_t parts : {8u, 16u, 104u}) {
    auto products = normal_values(parts * 16, 9, 5);
    for (std::size_t i = parts * 16 - 32; i < parts * 16; ++i)
      products[i] = 0;  // parts that are not there
    struct alignas(64) line {
      std::uint8_t entries[64];
    };
    for (const auto* table : usable_kernels()) {
      std::vector<line> lines(parts / 4);
      std::vector<float> lows(parts);
      fast_scan_query query{};
      table->fast_scan.make_tables(products.data(), parts, lows.data(), lines.front().entries,
                                   &query);
      INFO(table->name);
      CHECK(query.groups == parts / 8);
      CHECK(query.tables == lines.front().entries);
      double base = 0;
      std::uint8_t largest = 0;
      for (std::size_t part = 0; part < parts; ++part) {
        const float* const mine = products.data() + part * 16;
        const float low = *std::min_element(mine, mine + 16);
        base += static_cast<double>(low);
        for (std::size_t c = 0; c < 16; ++c) {
          const std::uint8_t entry = query.tables[part * 16 + c];
          largest = std::max(largest, entry);
          REQUIRE(std::abs(low + query.scale * static_cast<float>(entry) - mine[c]) <=
                  query.scale * 0.501f);
        }
      }
      CHECK(query.base == Approx(base).epsilon(1e-4));
      CHECK(largest == 255);
    }
  }
}

TEST_CASE("kernels: tables of equal products are zeros") {
  const std::vector<float> products(128, 4.0f);
  for (const auto* table : usable_kernels()) {
    std::vector<std::uint8_t> entries(128, 9);
    std::vector<float> lows(8);
    fast_scan_query query{};
    table->fast_scan.make_tables(products.data(), 8, lows.data(), entries.data(), &query);
    CHECK(query.base == 32);
    CHECK(std::isfinite(query.scale));
    CHECK(std::all_of(entries.begin(), entries.end(), [](auto entry) { return entry == 0; }));
  }
}

}  // namespace
