#include "engine/index/codes/scalar_codes.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <limits>

#include "engine/index/codes/code_store.hpp"
#include "engine/index/vector_store.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr distance_kind kinds[] = {distance_kind::l2, distance_kind::cosine, distance_kind::dot};

// What an index stores: unit length if the distance is cosine.
points stored_form(points data, distance_kind distance) {
  if (distance == distance_kind::cosine)
    for (std::size_t i = 0; i < data.rows(); ++i)
      normalize(data.row(i), data.values.data() + i * data.dimension);
  return data;
}

// What query_distance computes, by any kernel.
float ordering(const kernel_table& table, distance_kind distance, std::span<const float> query,
               std::span<const float> vector) {
  if (distance == distance_kind::l2)
    return table.l2_squared(query.data(), vector.data(), query.size());
  const float product = table.dot(query.data(), vector.data(), query.size());
  return (distance == distance_kind::cosine ? 1.0F : 0.0F) - product;
}

// Whether a row stays when those are wanted that are not farther than `limit`.
bool passes(const kernel_table& table, const scalar_codes& codes,
            const scalar_codes::prepared_query& query, const std::byte* row, float limit) {
  const auto test = codes.test(query, limit);
  const auto& header = scalar_codes::header_of(row);
  std::int32_t sum = 0;
  table.code_row_sums(row, codes.row_bytes(), 1, query.high, &sum);
  return codes.row_term(header) + test.scale * static_cast<float>(sum) <=
         test.fixed + test.per_error * header.error + test.per_spread * header.spread;
}

// Every estimate of every pair holds for every kernel, and no row is left out at its own distance.
// Answers the mean error in units of the mean distance between two different estimates: how well
// the bounds tell rows apart.
double check_bounds(distance_kind distance, const points& sample, const points& given,
                    const points& asked) {
  const auto data = stored_form(given, distance);
  const auto queries = stored_form(asked, distance);
  const auto codes = scalar_codes::train(stored_form(sample, distance).view(), distance);
  REQUIRE(codes);
  aligned_row room;
  std::byte* const row = room.of(codes->row_bytes());
  scalar_codes::prepared_query prepared;
  std::size_t outside = 0;
  std::size_t left_out = 0;
  double errors = 0;
  double deviations = 0;
  double mean = 0;
  std::size_t pairs = 0;
  for (std::size_t q = 0; q < queries.rows(); ++q) {
    REQUIRE(codes->prepare(queries.row(q).data(), prepared));
    for (std::size_t i = 0; i < data.rows(); ++i) {
      codes->encode(data.row(i).data(), row);
      CHECK(codes->is_row(row));
      const auto estimate = codes->distance(prepared, row);
      for (const auto* table : usable_kernels()) {
        const float truth = ordering(*table, distance, queries.row(q), data.row(i));
        outside += truth >= estimate.lowest() && truth <= estimate.highest() ? 0 : 1;
        left_out += passes(*table, *codes, prepared, row, truth) ? 0 : 1;
      }
      errors += static_cast<double>(estimate.error);
      mean += (static_cast<double>(estimate.value) - mean) / static_cast<double>(++pairs);
      deviations += std::abs(static_cast<double>(estimate.value) - mean);
    }
  }
  CHECK(outside == 0);
  CHECK(left_out == 0);
  return errors / deviations;
}

points scaled(points data, float factor) {
  for (float& value : data.values)
    value *= factor;
  return data;
}

TEST_CASE("scalar codes: every kernel sums products of unsigned with signed bytes, exactly") {
  std::mt19937 random(3);
  for (const std::size_t bytes : {64u, 128u, 192u, 832u, 4096u}) {
    aligned_row rooms[3];
    std::byte* const row = rooms[0].of(bytes);
    std::byte* const high = rooms[1].of(bytes);
    std::byte* const low = rooms[2].of(bytes);
    code_sums expected{0, 0};
    for (std::size_t i = 0; i < bytes; ++i) {
      // Also the extremes, where 16-bit sums of an instruction set would saturate.
      row[i] = static_cast<std::byte>(i % 3 != 0 ? 255 : random() % 256);
      high[i] = static_cast<std::byte>(i % 5 != 0 ? 127 : random() % 256);
      low[i] = static_cast<std::byte>(i % 7 != 0 ? -128 : static_cast<int>(random() % 256));
      expected.high += static_cast<int>(row[i]) * static_cast<std::int8_t>(high[i]);
      expected.low += static_cast<int>(row[i]) * static_cast<std::int8_t>(low[i]);
    }
    for (const auto* table : usable_kernels()) {
      INFO(table->name << ", " << bytes << " bytes");
      const auto sums = table->code_dots(row, high, low, bytes);
      CHECK(sums.high == expected.high);
      CHECK(sums.low == expected.low);
    }
  }
}

TEST_CASE("scalar codes: bounds hold for every distance and odd dimension") {
  for (const auto distance : kinds) {
    for (std::uint32_t dimension = 1; dimension <= 130; ++dimension)
      check_bounds(distance, normal_points(50, dimension, 1), normal_points(20, dimension, 2),
                   normal_points(3, dimension, 3));
    for (const std::uint32_t dimension : {784u, 1536u}) {
      // And they are tight enough to tell rows apart, at these flattest of spectra.
      const auto sample = clustered_points(300, dimension, 1);
      CHECK(check_bounds(distance, sample, clustered_points(100, dimension, 2),
                         clustered_points(3, dimension, 3)) < 1.2);
    }
  }
}

TEST_CASE("scalar codes: bounds hold for rows and queries unlike the sample") {
  for (const auto distance : kinds)
    for (const float factor : {1e-30F, 1e-20F, 1e-3F, 30.0F, 1e15F}) {
      constexpr std::uint32_t dimension = 33;
      const auto usual = normal_points(200, dimension, 1);
      const auto other = scaled(normal_points(30, dimension, 2), factor);
      check_bounds(distance, usual, other, usual);
      check_bounds(distance, usual, usual, other);
      check_bounds(distance, other, other, other);
      check_bounds(distance, other, usual, other);
    }
}

TEST_CASE("scalar codes: bounds hold where vectors are equal, zero, far from zero or denormal") {
  constexpr std::uint32_t dimension = 40;
  const auto data = normal_points(100, dimension, 1);
  const points zeros{std::vector<float>(dimension, 0.0F), dimension};
  auto far = scaled(data, 1e-4F);
  for (float& value : far.values)
    value += 1000;
  auto uneven = data;  // one dimension a million times the others, one without change
  for (std::size_t i = 0; i < uneven.rows(); ++i) {
    uneven.values[i * dimension] *= 1e6F;
    uneven.values[i * dimension + 7] = 3;
  }
  const auto denormal = scaled(data, std::numeric_limits<float>::denorm_min() * 50);
  for (const auto distance : kinds) {
    check_bounds(distance, data, data, data);
    check_bounds(distance, data, zeros, data);
    check_bounds(distance, data, data, zeros);
    check_bounds(distance, zeros, zeros, zeros);
    check_bounds(distance, zeros, data, data);
    check_bounds(distance, far, far, far);
    check_bounds(distance, uneven, uneven, uneven);
    check_bounds(distance, denormal, denormal, denormal);
    check_bounds(distance, data, denormal, data);
  }
}

TEST_CASE("scalar codes: bytes are their own codes, without any error") {
  for (const int lowest : {0, -128}) {
    std::mt19937 random(5);
    points data{std::vector<float>(100 * 70), 70};
    for (float& value : data.values)
      value = static_cast<float>(lowest + static_cast<int>(random() % 256));
    const auto codes = scalar_codes::train(data.view(), distance_kind::l2);
    REQUIRE(codes);
    aligned_row room;
    std::byte* const row = room.of(codes->row_bytes());
    for (std::size_t i = 0; i < data.rows(); ++i) {
      codes->encode(data.row(i).data(), row);
      CHECK(scalar_codes::header_of(row).error == 0);
      for (std::size_t d = 0; d < 70; ++d)
        CHECK(static_cast<float>(row[sizeof(scalar_codes::header) + d]) +
                  static_cast<float>(lowest) ==
              data.row(i)[d]);
    }
  }
}

TEST_CASE("scalar codes: a few outliers in the sample do not make the codes of the others coarse") {
  auto data = normal_points(4096, 16, 1);
  const auto without = scalar_codes::train(data.view(), distance_kind::l2);
  for (std::size_t d = 0; d < 16; ++d)
    data.values[d * 17 * 16 + d] = 1000;  // one row in each dimension
  const auto with = scalar_codes::train(data.view(), distance_kind::l2);
  REQUIRE((without && with));
  for (std::size_t d = 0; d < 16; ++d)
    CHECK(with->trained().step[d] < 1.2F * without->trained().step[d]);
  // The row that was clamped has bounds all the same.
  const auto queries = normal_points(2, 16, 3);
  CHECK(check_bounds(distance_kind::l2, data, normal_points(1000, 16, 2), queries) < 0.1);
  check_bounds(distance_kind::l2, data, data, queries);
}

TEST_CASE("scalar codes: what float32 cannot square is told apart from what it can") {
  constexpr std::uint32_t dimension = 24;
  const auto data = normal_points(100, dimension, 1);
  const auto huge = scaled(data, 1e25F);
  const points edge{std::vector<float>(dimension, 3e38F), dimension};
  for (const auto distance : {distance_kind::l2, distance_kind::dot}) {
    CHECK_FALSE(scalar_codes::train(huge.view(), distance));
    CHECK_FALSE(scalar_codes::train({nullptr, 0, dimension}, distance));
    const auto codes = scalar_codes::train(data.view(), distance);
    REQUIRE(codes);
    scalar_codes::prepared_query prepared;
    CHECK_FALSE(codes->prepare(huge.row(0).data(), prepared));
    CHECK_FALSE(codes->prepare(edge.row(0).data(), prepared));
    REQUIRE(codes->prepare(data.row(0).data(), prepared));
    aligned_row room;
    std::byte* const row = room.of(codes->row_bytes());
    for (const auto* vector : {huge.row(1).data(), edge.row(0).data()}) {
      codes->encode(vector, row);
      CHECK(codes->is_row(row));
      const auto estimate = codes->distance(prepared, row);
      CHECK(std::isinf(estimate.error));
      CHECK(estimate.lowest() == -std::numeric_limits<float>::infinity());
      CHECK(estimate.highest() == std::numeric_limits<float>::infinity());
    }
  }
}

TEST_CASE("scalar codes: only what encode() can write is a row") {
  const auto data = normal_points(100, 20, 1);
  const auto codes = scalar_codes::train(data.view(), distance_kind::l2);
  REQUIRE(codes);
  REQUIRE(codes->row_bytes() == 64);
  scalar_store store(*codes);
  store.reserve(2);
  store.put(0, data.row(0).data());
  const std::vector<std::byte> good(store.at(0), store.at(0) + 64);
  CHECK(store.load(1, good));
  const auto loads_with = [&](std::size_t at, auto value) {
    auto bytes = good;
    std::memcpy(bytes.data() + at, &value, sizeof value);
    return store.load(1, bytes);
  };
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(loads_with(0, infinity));  // a row that says nothing
  CHECK_FALSE(loads_with(0, nan));
  CHECK_FALSE(loads_with(0, -1.0F));
  for (const std::size_t at : {4u, 8u})
    for (const float value : {nan, infinity, -1.0F})
      CHECK_FALSE(loads_with(at, value));
  CHECK(loads_with(31, std::uint8_t{200}));
  CHECK_FALSE(loads_with(32, std::uint8_t{1}));
  CHECK_FALSE(loads_with(63, std::uint8_t{1}));
}

TEST_CASE("scalar codes: training is deterministic, and its numbers bring the codes back") {
  const auto data = clustered_points(500, 30, 1);
  const auto once = scalar_codes::train(data.view(), distance_kind::dot);
  const auto again = scalar_codes::train(data.view(), distance_kind::dot);
  REQUIRE((once && again));
  CHECK(once->trained().lowest == again->trained().lowest);
  CHECK(once->trained().step == again->trained().step);
  CHECK(once->trained().centre == again->trained().centre);
  const scalar_codes rebuilt(once->trained(), distance_kind::dot);
  aligned_row rooms[2];
  once->encode(data.row(3).data(), rooms[0].of(64));
  rebuilt.encode(data.row(3).data(), rooms[1].of(64));
  CHECK(std::memcmp(rooms[0].of(64), rooms[1].of(64), 64) == 0);
}

}  // namespace
