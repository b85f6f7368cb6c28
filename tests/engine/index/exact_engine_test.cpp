#include "engine/index/exact_engine.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <limits>
#include <thread>

#include "engine/index/exact_codes.hpp"
#include "engine/index/exact_cost.hpp"
#include "engine/index/exact_scan.hpp"
#include "engine/index/flat_index.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr distance_kind kinds[] = {distance_kind::l2, distance_kind::cosine, distance_kind::dot};

points joined(points first, const points& second) {
  first.values.insert(first.values.end(), second.values.begin(), second.values.end());
  return first;
}

points part(const points& all, std::size_t first, std::size_t count) {
  const auto from = all.values.begin() + static_cast<std::ptrdiff_t>(first * all.dimension);
  return {{from, from + static_cast<std::ptrdiff_t>(count * all.dimension)}, all.dimension};
}

points scaled(points data, float factor) {
  for (float& value : data.values)
    value *= factor;
  return data;
}

// Rows with codes trained on other points than the ones that are stored.
class coded_space {
 public:
  coded_space(distance_kind distance, const points& sample, const points& data,
              bool with_reduced = false)
      : vectors_(data.dimension, distance), codes_(trained(distance, sample)) {
    if (with_reduced) {
      auto reduced = reduced_codes::train(stored(distance, sample).view(), distance,
                                          codes_.codes().row_bytes());
      REQUIRE(reduced);
      reduced_.emplace(*std::move(reduced));
    }
    rows_.reserve(data.rows());
    vectors_.reserve(data.rows());
    codes_.reserve(data.rows());
    if (reduced_)
      reduced_->reserve(data.rows());
    for (std::size_t i = 0; i < data.rows(); ++i) {
      const slot_id slot = rows_.take();
      vectors_.put(slot, data.row(i));
      codes_.put(slot, vectors_.at(slot));
      if (reduced_)
        reduced_->put(slot, vectors_.at(slot));
      rows_.show(slot, row_of(i));
    }
  }

  // Not in the order of slots, so that ties show which one decides.
  static row_id row_of(std::size_t slot) { return (slot * 7919) % 1'000'003; }

  void hide(slot_id slot) { rows_.hide(slot); }

  // What search_exact answers has to be what scan_exact answers, in one batch and one by one.
  void check(const points& asked, std::size_t k) const {
    const auto pin = rows_.pin();
    const auto queries = stored(vectors_.distance(), asked);
    const exact_view view{rows_, vectors_, codes_, reduced_ ? &*reduced_ : nullptr, rows_.bound()};
    const auto found = search_exact(view, queries.view(), k);
    REQUIRE(found.size() == queries.rows());
    for (std::size_t q = 0; q < queries.rows(); ++q) {
      const auto expected = scan_exact(rows_, query_distance(vectors_, queries.row(q).data()), k);
      INFO("query " << q << ", k " << k << ", dimension " << queries.dimension);
      CHECK(found[q] == expected);
      CHECK(search_exact(view, {queries.row(q).data(), 1, queries.dimension}, k).front() ==
            expected);
    }
  }

 private:
  static points stored(distance_kind distance, points given) {
    if (distance == distance_kind::cosine)
      for (std::size_t i = 0; i < given.rows(); ++i)
        normalize(given.row(i), given.values.data() + i * given.dimension);
    return given;
  }
  static scalar_codes trained(distance_kind distance, const points& sample) {
    auto codes = scalar_codes::train(stored(distance, sample).view(), distance);
    REQUIRE(codes);
    return *std::move(codes);
  }

  row_directory rows_;
  vector_store vectors_;
  scalar_store codes_;
  std::optional<reduced_store> reduced_;
};

void check_space(const points& sample, const points& data, const points& queries) {
  for (const auto distance : kinds) {
    const coded_space space(distance, sample, data);
    for (const std::size_t k : {1u, 10u})
      space.check(queries, k);
  }
}

TEST_CASE("exact engine: the cost of a search is known, and grows with rows and dimension") {
  const auto& cost = exact_cost::here();
  CHECK(&cost == &exact_cost::here());
  CHECK(cost.alone(0, 64) == 0);
  for (const std::uint32_t dimension : {1u, 64u, 784u, 65'536u}) {
    CHECK(cost.alone(1000, dimension) > 0);
    CHECK(cost.batched(1000, dimension) > 0);
    CHECK(cost.alone(2000, dimension) == Approx(2 * cost.alone(1000, dimension)));
    CHECK(cost.batched(2000, dimension) == Approx(2 * cost.batched(1000, dimension)));
  }
  CHECK(cost.alone(1000, 784) <= cost.alone(1000, 1536));
  CHECK(cost.batched(1000, 784) <= cost.batched(1000, 1536));
}

TEST_CASE("exact engine: answers are those of a scan for every odd dimension and distance") {
  for (std::uint32_t dimension = 1; dimension <= 130; dimension += dimension < 20 ? 1 : 5)
    check_space(normal_points(100, dimension, 1), normal_points(300, dimension, 2),
                normal_points(5, dimension, 3));
  for (const std::uint32_t dimension : {784u, 1536u})
    check_space(clustered_points(100, dimension, 1), clustered_points(300, dimension, 2),
                clustered_points(20, dimension, 3));
}

TEST_CASE("exact engine: batches of every size are answered alike") {
  const auto data = clustered_points(3000, 40, 1);
  const coded_space space(distance_kind::l2, data, data);
  for (const std::size_t count : {1u, 2u, 15u, 16u, 17u, 100u, 256u, 257u, 300u})
    space.check(clustered_points(count, 40, 7), 10);
}

TEST_CASE("exact engine: reduced codes change nothing but the time") {
  // Few directions have most of the energy.
  const auto skewed = [](std::size_t rows, std::uint32_t seed) {
    auto made = clustered_points(rows, 160, seed);
    for (std::size_t i = 0; i < made.values.size(); ++i)
      made.values[i] *= 8.0F / static_cast<float>(1 + i % 160);
    return made;
  };
  auto data = skewed(2500, 1);
  std::copy_n(data.row(3).data(), 160, data.values.data() + 160);  // and copies
  for (const auto distance : kinds) {
    coded_space space(distance, skewed(1000, 4), data, true);
    for (const bool gaps : {false, true}) {
      if (gaps)
        for (slot_id slot = 5; slot < 2500; slot += 7)
          space.hide(slot);
      for (const std::size_t count : {1u, 4u, 5u, 40u, 300u})
        space.check(skewed(count, 5), 10);
      space.check(joined(part(data, 0, 10), normal_points(3, 160, 2)), 1);
    }
    data.values[160 * 9] = 3e38F;  // a row beyond float32
    const coded_space beyond(distance, skewed(1000, 4), part(data, 0, 500), true);
    beyond.check(skewed(6, 5), 10);
    data.values[160 * 9] = 0;
  }
}

TEST_CASE("exact engine: k from none to more than all") {
  const auto data = clustered_points(700, 24, 1);
  for (const auto distance : kinds) {
    const coded_space space(distance, data, data);
    for (const std::size_t k : {0u, 1u, 2u, 50u, 87u, 88u, 200u, 699u, 700u, 701u, 100'000u})
      space.check(normal_points(3, 24, 2), k);
  }
}

TEST_CASE("exact engine: copies come in the order of rows") {
  auto data = clustered_points(1000, 33, 1);
  for (std::size_t i = 0; i < 1000; ++i)
    if (i % 3 == 0)
      std::copy_n(data.row(1).data(), 33, data.values.data() + i * 33);
  const points all_equal{std::vector<float>(500 * 33, 0.25F), 33};
  const auto queries = joined(part(data, 0, 3), normal_points(3, 33, 5));
  check_space(data, data, queries);
  check_space(all_equal, all_equal, queries);
}

TEST_CASE("exact engine: zero vectors, asked and stored") {
  const points zeros{std::vector<float>(20 * 18, 0.0F), 18};
  const auto data = joined(normal_points(400, 18, 1), zeros);
  check_space(data, data, joined(part(zeros, 0, 1), normal_points(3, 18, 2)));
  check_space(zeros, data, joined(part(zeros, 0, 1), normal_points(3, 18, 2)));
}

TEST_CASE("exact engine: values of any size, in and outside of the sample") {
  constexpr std::uint32_t dimension = 21;
  const auto usual = normal_points(300, dimension, 1);
  for (const float factor : {1e-44F, 1e-38F, 1e-22F, 1e-6F, 1e6F, 1e15F, 1e19F, 1e37F}) {
    const auto other = scaled(normal_points(100, dimension, 2), factor);
    const auto mixed = joined(usual, other);
    check_space(usual, mixed, joined(part(usual, 0, 2), part(other, 0, 2)));
    if (factor < 1e16F)
      check_space(other, other, joined(part(usual, 0, 2), part(other, 0, 2)));
  }
}

TEST_CASE("exact engine: outliers beyond the sample are found") {
  auto data = clustered_points(1000, 50, 1);
  std::mt19937 random(9);
  for (std::size_t i = 0; i < 1000; i += 10)  // one value each, far outside
    data.values[i * 50 + random() % 50] = static_cast<float>(random() % 2000) - 1000.0F;
  check_space(clustered_points(500, 50, 2), data,
              joined(part(data, 0, 21), clustered_points(5, 50, 3)));
}

TEST_CASE("exact engine: data far from zero keeps its small differences") {
  auto data = normal_points(500, 30, 1, 1e-3F);
  for (float& value : data.values)
    value += 100;
  check_space(data, data, part(data, 0, 10));
}

TEST_CASE("exact engine: hidden slots are left out, in all patterns") {
  const auto data = clustered_points(900, 16, 1);
  const auto queries = clustered_points(20, 16, 2);
  std::mt19937 random(4);
  for (const unsigned percent : {1u, 50u, 90u}) {
    coded_space space(distance_kind::cosine, data, data);
    for (slot_id slot = 0; slot < 900; ++slot)
      if (random() % 100 < percent || (slot >= 64 && slot < 128))
        space.hide(slot);
    space.check(queries, 5);
  }
  coded_space none(distance_kind::l2, data, data);
  for (slot_id slot = 0; slot < 900; ++slot)
    none.hide(slot);
  none.check(queries, 5);
}

TEST_CASE("flat with codes: equal to flat without while rows come, go and come back") {
  for (const auto distance : kinds) {
    constexpr std::uint32_t dimension = 12;
    flat_index plain(dimension, distance);
    flat_index coded(dimension, distance, flat_codes::learned);
    const auto data = clustered_points(9000, dimension, 1);
    const auto queries = clustered_points(40, dimension, 2);
    const auto same = [&] {
      CHECK(coded.size() == plain.size());
      CHECK(coded.search_batch(queries.view(), 10, 10) ==
            plain.search_batch(queries.view(), 10, 10));
      CHECK(coded.search(queries.row(0), 3, 3) == plain.search(queries.row(0), 3, 3));
    };
    const auto insert = [&](std::size_t first, std::size_t count) {
      const matrix_view vectors(data.row(first).data(), count, dimension);
      REQUIRE(plain.insert(row_range(first, count), vectors));
      REQUIRE(coded.insert(row_range(first, count), vectors));
    };
    const auto erase = [&](std::size_t first, std::size_t count) {
      CHECK(plain.erase(row_range(first, count)) == count);
      CHECK(coded.erase(row_range(first, count)) == count);
    };
    insert(0, 4000);  // no codes yet
    same();
    insert(4000, 3000);  // learned now
    CHECK(coded.memory_bytes() > plain.memory_bytes());
    same();
    erase(1000, 3500);
    same();
    insert(7000, 2000);  // into slots that were used before
    same();
    insert(1000, 1000);
    same();
    erase(0, 1000);
    same();
  }
}

TEST_CASE("flat with codes: nothing is learned from values that float32 cannot square") {
  const auto data = scaled(normal_points(5000, 4, 1), 1e30F);
  flat_index plain(4, distance_kind::l2);
  flat_index coded(4, distance_kind::l2, flat_codes::learned);
  REQUIRE(plain.insert(row_range(0, 5000), data.view()));
  REQUIRE(coded.insert(row_range(0, 5000), data.view()));
  CHECK(coded.memory_bytes() == plain.memory_bytes());
  CHECK(coded.search(data.row(1), 5, 5) == plain.search(data.row(1), 5, 5));
}

TEST_CASE("flat with codes: readers find what stays while rows change and codes are learned") {
  constexpr std::uint32_t dimension = 8;
  constexpr std::size_t kept = 3000;
  const auto data = normal_points(20'000, dimension, 1);
  flat_index index(dimension, distance_kind::l2, flat_codes::learned);
  REQUIRE(index.insert(row_range(0, kept), {data.values.data(), kept, dimension}));
  std::atomic<bool> done = false;
  std::atomic<std::size_t> wrong = 0;
  std::atomic<std::size_t> searches = 0;
  std::vector<std::jthread> readers;
  readers.reserve(2);
  for (std::size_t reader = 0; reader < 2; ++reader)
    readers.emplace_back([&, reader] {
      for (std::size_t at = reader; !done; at = (at + 7) % (kept - 16)) {
        const matrix_view queries(data.row(at).data(), 16, dimension);
        const auto found = index.search_batch(queries, 3, 3);
        ++searches;
        for (std::size_t q = 0; q < 16; ++q)
          wrong += found[q].size() != 3 || found[q][0] != neighbor{at + q, 0} ? 1 : 0;
      }
    });
  // What is beyond the kept rows comes and goes until the readers have seen some of it.
  for (std::size_t round = 0; round < 3 || searches < 200; ++round)
    for (std::size_t first = kept; first + 1000 <= data.rows(); first += 1000) {
      REQUIRE(index.insert(row_range(first, 1000), {data.row(first).data(), 1000, dimension}));
      if (first >= kept + 3000)
        CHECK(index.erase(row_range(first - 3000, 1000)) == 1000);
      if (first + 2000 > data.rows())
        CHECK(index.erase(row_range(first - 2000, 3000)) == 3000);
    }
  done = true;
  readers.clear();
  CHECK(wrong == 0);
}

}  // namespace
