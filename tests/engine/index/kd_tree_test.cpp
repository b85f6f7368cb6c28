#include "engine/index/kd_tree/kd_tree_index.hpp"

#include <catch2/catch.hpp>

#include <limits>

#include "engine/index/flat_index.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr distance_kind kinds[] = {distance_kind::l2, distance_kind::cosine, distance_kind::dot};

// The same calls on a tree and on a flat index.
struct pair_of_indexes {
  kd_tree_index tree;
  flat_index flat;

  pair_of_indexes(std::uint32_t dimension, distance_kind kind)
      : tree(dimension, kind), flat(dimension, kind) {}
  void insert(std::span<const row_id> rows, matrix_view vectors) {
    REQUIRE(tree.insert(rows, vectors));
    REQUIRE(flat.insert(rows, vectors));
  }
  void erase(std::span<const row_id> rows) { REQUIRE(tree.erase(rows) == flat.erase(rows)); }
  void check_same(std::span<const float> query, std::size_t k) const {
    REQUIRE(tree.search(query, k, 1) == flat.search(query, k, 1));
  }
};

TEST_CASE("kd_tree: answers as a flat index for every distance, dimension and k") {
  for (const auto kind : kinds)
    for (const std::uint32_t dimension : {1u, 2u, 3u, 8u, 19u, 130u}) {
      const auto data = clustered_points(3000, dimension, dimension);
      const auto queries = clustered_points(20, dimension, dimension + 1);
      pair_of_indexes both(dimension, kind);
      both.insert(row_range(0, 3000), data.view());
      for (std::size_t q = 0; q < queries.rows(); ++q)
        for (const std::size_t k : {1u, 10u, 200u, 3000u, 4000u})
          both.check_same(queries.row(q), k);
      for (std::size_t q = 0; q < 20; ++q)
        both.check_same(data.row(q * 100), 10);
    }
}

TEST_CASE("kd_tree: what is very near is found between things that are very far") {
  // The sum of far boxes must leave nothing behind in the bounds of near ones.
  points data{{}, 3};
  std::mt19937 random(2);
  std::normal_distribution<float> near(0, 1e-6F);
  for (int i = 0; i < 4000; ++i)
    for (int d = 0; d < 3; ++d)
      data.values.push_back(near(random) +
                            (random() % 3 == 0 ? static_cast<float>(random() % 1000) * 1e6F : 0));
  pair_of_indexes both(3, distance_kind::l2);
  both.insert(row_range(0, 4000), data.view());
  for (std::size_t q = 0; q < 4000; q += 20)
    both.check_same(data.row(q), 20);
}

TEST_CASE("kd_tree: ties come in the order of rows, as from a flat index") {
  for (const auto kind : kinds) {
    // Points of a small grid, each many times, in mixed order.
    points data{{}, 3};
    std::mt19937 random(1);
    for (int i = 0; i < 4000; ++i)
      for (int d = 0; d < 3; ++d)
        data.values.push_back(static_cast<float>(random() % 4) - 1);
    pair_of_indexes both(3, kind);
    auto rows = row_range(0, 4000);
    std::shuffle(rows.begin(), rows.end(), random);
    both.insert(rows, data.view());
    for (std::size_t q = 0; q < 60; ++q)
      for (const std::size_t k : {1u, 7u, 100u})
        both.check_same(data.row(q), k);
    const std::vector<float> zero{0, 0, 0};
    both.check_same(zero, 500);
  }
}

TEST_CASE("kd_tree: stays equal to a flat index while rows come and go") {
  for (const auto kind : kinds) {
    constexpr std::uint32_t dimension = 4;
    const auto data = clustered_points(20'000, dimension, 3);
    pair_of_indexes both(dimension, kind);
    std::mt19937 random(4);
    std::vector<row_id> live;
    std::size_t next = 0;
    while (next < data.rows()) {
      const std::size_t count = std::min<std::size_t>(
          random() % 3 == 0 ? 1 + random() % 1500 : 1 + random() % 20, data.rows() - next);
      both.insert(row_range(next, count), {data.row(next).data(), count, dimension});
      for (std::size_t i = 0; i < count; ++i)
        live.push_back(next + i);
      next += count;
      std::shuffle(live.begin(), live.end(), random);
      const std::size_t gone = random() % 4 == 0 ? live.size() * 2 / 3 : random() % 10;
      both.erase(std::span(live).first(std::min(gone, live.size())));
      live.erase(live.begin(),
                 live.begin() + static_cast<std::ptrdiff_t>(std::min(gone, live.size())));
      REQUIRE(both.tree.size() == live.size());
      for (int q = 0; q < 3; ++q)
        both.check_same(data.row(random() % data.rows()), 1 + random() % 30);
    }
    both.erase(live);
    CHECK(both.tree.size() == 0);
    CHECK(both.tree.search(data.row(0), 5, 5).empty());
    both.insert(row_range(50'000, 100), {data.values.data(), 100, dimension});
    both.check_same(data.row(3), 10);
  }
}

TEST_CASE("kd_tree: a row number that comes again has its new vector") {
  pair_of_indexes both(2, distance_kind::l2);
  const auto data = normal_points(2000, 2, 5);
  const auto other = normal_points(2000, 2, 6);
  both.insert(row_range(0, 2000), data.view());
  both.erase(row_range(100, 300));
  both.insert(row_range(100, 300), {other.values.data(), 300, 2});
  for (std::size_t q = 0; q < 300; ++q)
    both.check_same(other.row(q), 3);
}

TEST_CASE("kd_tree: replacing rows for ever does not take more and more memory") {
  constexpr std::size_t count = 4000;
  constexpr std::size_t replaced = 1200;
  const auto data = clustered_points(count, 5, 7);
  kd_tree_index index(5, distance_kind::l2);
  REQUIRE(index.insert(row_range(0, count), data.view()));
  std::mt19937 random(8);
  auto live = row_range(0, count);
  std::size_t most = 0;
  for (std::size_t round = 0; round < 40; ++round) {
    std::shuffle(live.begin(), live.end(), random);
    const auto fresh = row_range(count + round * replaced, replaced);
    REQUIRE(index.erase(std::span(live).first(replaced)) == replaced);
    REQUIRE(index.insert(fresh, {data.values.data(), replaced, 5}));
    std::copy(fresh.begin(), fresh.end(), live.begin());
    if (round < 10)
      most = std::max(most, index.memory_bytes());
    else
      CHECK(index.memory_bytes() <= most + most / 10);
  }
  CHECK(index.size() == count);
}

TEST_CASE("kd_tree: values at the ends of float32 give the answers of a flat index") {
  for (const auto kind : kinds)
    for (const float scale : {1e-42f, 1e-38f, 1e-22f, 1e-19f, 1e18f, 1e19f, 1e38f}) {
      auto data = normal_points(1500, 3, 9);
      for (float& value : data.values)
        value = std::clamp(value, -3.0f, 3.0f) * scale;
      pair_of_indexes both(3, kind);
      both.insert(row_range(0, 1500), data.view());
      INFO(to_string(kind) << ", scale " << scale);
      for (std::size_t q = 0; q < 15; ++q)
        both.check_same(data.row(q), 20);
    }
}

TEST_CASE("kd_tree: a vector that was taken out is not offered, even if its slot shows a row") {
  constexpr slot_id count = 2000;
  const auto data = normal_points(count, 3, 10);
  vector_store vectors(3, distance_kind::l2);
  row_directory rows;
  vectors.reserve(count);
  rows.reserve(count);
  std::vector<slot_id> slots;
  for (slot_id slot = 0; slot < count; ++slot) {
    slots.push_back(rows.take());
    vectors.put(slots.back(), data.row(slot));
    rows.show(slots.back(), slot);
  }
  kd_tree tree(vectors, slots);
  const auto nearest_of = [&](std::span<const float> query) {
    const query_distance distance(vectors, query.data());
    box_walk walk(query.data(), 3, distance_kind::l2);
    tree.begin(walk);
    nearest_hits<float> best;
    best.start(1);
    tree.search(rows, distance, walk, best);
    return best.hits().front().row;
  };
  const auto query = data.row(77);
  REQUIRE(nearest_of(query) == 77);
  for (std::uint32_t number = 0; number < tree.size(); ++number)
    if (tree.slot(number) == 77)
      tree.remove(number);
  CHECK(nearest_of(query) == naive_search(distance_kind::l2, data, 0, query, 2)[1].row);
}

TEST_CASE("kd_tree: a box is never thought farther than a vector in it, nor a vector than it is") {
  std::mt19937 random(11);
  for (const auto kind : kinds)
    for (int round = 0; round < 3000; ++round) {
      const auto dimension = static_cast<std::uint32_t>(1 + random() % 40);
      const float scale = std::pow(10.0f, static_cast<float>(random() % 40) - 20);
      const auto made = normal_points(6, dimension, static_cast<std::uint32_t>(round), scale);
      const auto wider = normal_points(2, dimension, static_cast<std::uint32_t>(round + 1), scale);
      vector_store vectors(dimension, kind);
      vectors.reserve(6);
      for (slot_id slot = 0; slot < 6; ++slot)
        vectors.put(slot, made.row(slot));
      std::vector<float> low(vectors.at(1), vectors.at(1) + dimension);
      auto high = low;
      for (slot_id slot = 2; slot < 6; ++slot)
        for (std::uint32_t d = 0; d < dimension; ++d) {
          low[d] = std::min(low[d], vectors.at(slot)[d]);
          high[d] = std::max(high[d], vectors.at(slot)[d]);
        }
      // From a wide box to that one, side by side.
      auto first_low = low;
      auto first_high = high;
      for (std::uint32_t d = 0; d < dimension; ++d) {
        first_low[d] = std::min({low[d], wider.row(0)[d], wider.row(1)[d]});
        first_high[d] = std::max({high[d], wider.row(0)[d], wider.row(1)[d]});
      }
      const query_distance distance(vectors, vectors.at(0));
      box_walk walk(vectors.at(0), dimension, kind);
      walk.start(first_low.data(), first_high.data());
      double before = walk.bound();
      for (std::uint32_t d = 0; d < dimension; ++d) {
        const double foreseen = walk.bound_with({d, low[d], high[d]});
        const double wide = walk.bound();
        walk.leave(walk.enter({d, low[d], high[d]}));
        REQUIRE(walk.bound() == wide);
        (void)walk.enter({d, low[d], high[d]});
        REQUIRE(walk.bound() == Approx(foreseen).margin(1e-30));
        REQUIRE(walk.bound() >= before - std::abs(before) * 1e-12);
        before = walk.bound();
      }
      for (slot_id slot = 1; slot < 6; ++slot) {
        const float found = distance(slot);
        if (!std::isfinite(found)) {
          REQUIRE_FALSE(walk.fits_float32());
          continue;
        }
        REQUIRE(walk.bound() <= static_cast<double>(found));
        if (walk.fits_float32())
          REQUIRE(walk.bound_to(vectors.at(slot)) <= found);
      }
    }
}

TEST_CASE("kd_tree: wrong inserts are refused and change nothing") {
  const auto data = normal_points(4, 3, 1);
  kd_tree_index index(3, distance_kind::l2);
  REQUIRE(index.insert(row_range(0, 4), data.view()));
  const auto code = [&](std::vector<row_id> rows, matrix_view vectors) {
    const auto inserted = index.insert(rows, vectors);
    return inserted ? errc{} : inserted.error().code;
  };
  CHECK(code({4, 5, 2, 6}, data.view()) == errc::already_exists);
  CHECK(code({4, 5}, data.view()) == errc::invalid_argument);
  CHECK(code({4, 5, 6}, {data.values.data(), 3, 4}) == errc::dimension_mismatch);
  CHECK(index.size() == 4);
  CHECK(index.search(data.row(0), 0, 1).empty());
}

}  // namespace
