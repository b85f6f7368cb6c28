#include "engine/index/codes/reduced_codes.hpp"

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
constexpr std::uint32_t dimension = 160;

// Most of the energy in few directions, as embeddings have it; none of them along an axis.
points skewed_points(std::size_t rows, std::uint32_t seed) {
  auto made = clustered_points(rows, dimension, seed);
  for (std::size_t i = 0; i < made.values.size(); ++i)
    made.values[i] *= 8.0F / static_cast<float>(1 + i % dimension);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t d = 1; d < dimension; ++d)
      made.values[row * dimension + d] +=
          0.3F * made.values[row * dimension + (d * 37) % dimension] + 2;
  return made;
}

points stored_form(points data, distance_kind distance) {
  if (distance == distance_kind::cosine)
    for (std::size_t i = 0; i < data.rows(); ++i)
      normalize(data.row(i), data.values.data() + i * dimension);
  return data;
}

std::optional<reduced_codes> trained(const points& sample, distance_kind distance) {
  return reduced_codes::train(stored_form(sample, distance).view(), distance, 192);
}

// How many rows a test with their true distance as its limit leaves open, of those that are
// farther; every one that is not farther has to stay.
std::size_t left_open(const reduced_codes& reduced, distance_kind distance, const points& given,
                      const points& asked) {
  const auto data = stored_form(given, distance);
  const auto queries = stored_form(asked, distance);
  vector_store vectors(dimension, distance);
  vectors.reserve(data.rows());
  reduced_store rows(reduced);
  rows.reserve(data.rows());
  for (slot_id slot = 0; slot < data.rows(); ++slot) {
    vectors.put(slot, given.row(slot));
    rows.put(slot, vectors.at(slot));
    CHECK(reduced.is_row(rows.at(slot)));
  }
  scalar_codes::prepared_query prepared;
  std::size_t open = 0;
  std::size_t lost = 0;
  for (std::size_t q = 0; q < queries.rows(); ++q) {
    if (!reduced.prepare(queries.row(q).data(), prepared))
      continue;
    const query_distance truth(vectors, queries.row(q).data());
    for (slot_id slot = 0; slot < data.rows(); ++slot)
      for (const slot_id other : {slot, static_cast<slot_id>((slot + 1) % data.rows())}) {
        const float limit = truth(other);
        const auto test = reduced.codes().test(prepared, limit);
        const auto& header = scalar_codes::header_of(rows.at(slot));
        std::int32_t sum = 0;
        kernels().code_row_sums(rows.at(slot), reduced.row_bytes(), 1, prepared.high, &sum);
        const bool stays =
            reduced.codes().row_term(header) + test.scale * static_cast<float>(sum) <=
            test.fixed + test.per_error * header.error + test.per_spread * header.spread;
        const float distance_of = truth(slot);
        lost += distance_of <= limit && !stays ? 1 : 0;
        open += distance_of > limit && stays ? 1 : 0;
      }
  }
  CHECK(lost == 0);
  return open;
}

TEST_CASE("reduced codes: no row that could be near is lost, and most others are left out") {
  for (const auto distance : kinds) {
    const auto reduced = trained(skewed_points(1000, 1), distance);
    REQUIRE(reduced);
    CHECK(reduced->row_bytes() < 192);
    const auto data = skewed_points(400, 2);
    // Half of the pairs have a limit below the row's distance.
    CHECK(left_open(*reduced, distance, data, skewed_points(10, 3)) < 1000);
  }
}

TEST_CASE("reduced codes: no row is lost that is unlike the sample") {
  for (const auto distance : kinds) {
    const auto sample = skewed_points(1000, 1);
    const auto reduced = trained(sample, distance);
    REQUIRE(reduced);
    const auto usual = skewed_points(10, 2);
    for (const float factor : {0.0F, 1e-40F, 1e-20F, 1e-3F, 1.0F, 1e3F, 1e15F, 1e20F, 1e30F}) {
      auto other = normal_points(50, dimension, 4);
      for (float& value : other.values)
        value *= factor;
      (void)left_open(*reduced, distance, other, usual);
      (void)left_open(*reduced, distance, usual, other);
      (void)left_open(*reduced, distance, other, other);
    }
  }
}

TEST_CASE("reduced codes: there are none where they would not pay or cannot be had") {
  // As much energy in every direction: components leave everything open.
  const auto flat = normal_points(500, dimension, 1);
  CHECK_FALSE(reduced_codes::train(flat.view(), distance_kind::l2, 192));
  const auto thin = normal_points(500, 64, 1);
  CHECK_FALSE(reduced_codes::train(thin.view(), distance_kind::l2, 128));
  auto huge = skewed_points(500, 1);
  for (float& value : huge.values)
    value *= 1e25F;
  CHECK_FALSE(reduced_codes::train(huge.view(), distance_kind::l2, 192));
  CHECK_FALSE(reduced_codes::train({huge.values.data(), 1, dimension}, distance_kind::l2, 192));
  CHECK_FALSE(reduced_codes::train({nullptr, 0, dimension}, distance_kind::l2, 192));
}

TEST_CASE("reduced codes: training is deterministic") {
  const auto sample = skewed_points(600, 1);
  const auto once = trained(sample, distance_kind::dot);
  const auto again = trained(sample, distance_kind::dot);
  REQUIRE((once && again));
  REQUIRE(once->row_bytes() == again->row_bytes());
  aligned_row rooms[2];
  once->encode(sample.row(5).data(), rooms[0].of(once->row_bytes()));
  again->encode(sample.row(5).data(), rooms[1].of(once->row_bytes()));
  CHECK(std::memcmp(rooms[0].of(once->row_bytes()), rooms[1].of(once->row_bytes()),
                    once->row_bytes()) == 0);
}

}  // namespace
