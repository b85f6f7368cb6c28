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
    const float dot = table->dot(a.data(), b.data(), n);
    // Whole floats only: a float must lie on its own alignment, a vector need not.
    for (std::size_t shift = 0; shift < 64; shift += sizeof(float)) {
      std::memcpy(shifted_a.data() + shift, a.data(), n * sizeof(float));
      std::memcpy(shifted_b.data() + 60 - shift, b.data(), n * sizeof(float));
      const auto* x = reinterpret_cast<const float*>(shifted_a.data() + shift);
      const auto* y = reinterpret_cast<const float*>(shifted_b.data() + 60 - shift);
      CHECK(table->l2_squared(x, y, n) == l2);
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
    }
  }
}

}  // namespace
