// Searches among a selection of the rows, in every kind of index.
#include <catch2/catch.hpp>
#include <random>

#include "engine/index/hnsw_index.hpp"
#include "tests/engine/index/index_support.hpp"

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

namespace {

constexpr std::uint32_t dimension = 16;
constexpr std::size_t rows = 12'000;

struct selected {
  row_set rows;
  row_selection selection;
};

// Rows 1.. of `data` that `wanted` takes.
template <class Wanted>
std::unique_ptr<selected> select(const points& data, Wanted&& wanted) {
  auto made = std::make_unique<selected>();
  std::vector<row_id> chosen;
  for (std::size_t i = 0; i < data.rows(); ++i)
    if (wanted(i))
      chosen.push_back(i + 1);
  made->rows.add(chosen);
  made->selection = {
      &made->rows, static_cast<double>(chosen.size()) / static_cast<double>(data.rows()), nullptr};
  return made;
}

std::vector<neighbor> truth(distance_kind kind, const points& data, const row_set& among,
                            std::span<const float> query, std::size_t k) {
  std::vector<neighbor> best;
  for (const auto& each : naive_search(kind, data, 1, query, data.rows()))
    if (among.contains(each.row) && best.size() < k)
      best.push_back(each);
  return best;
}

index_params params_of(index_kind kind) {
  index_params params;
  params.kind = kind;
  return params;
}

// Hits that are as near as the k-th of the truth.
std::size_t good(const std::vector<neighbor>& found, const std::vector<neighbor>& best) {
  std::size_t hits = 0;
  for (const auto& each : found)
    hits += each.distance <= best.back().distance * 1.00001F + 1e-6F ? 1 : 0;
  return hits;
}

}  // namespace

TEST_CASE("a search among a selection finds k of it, whatever share it is") {
  const auto kind = GENERATE(index_kind::flat, index_kind::hnsw, index_kind::ivf_flat,
                             index_kind::ivf_pq, index_kind::kd_tree);
  const auto data = clustered_points(rows, dimension, 1);
  const auto queries = clustered_points(10, dimension, 2);
  const auto index = make_index(dimension, distance_kind::l2, params_of(kind));
  REQUIRE(index->insert(row_range(1, rows), data.view()));
  std::mt19937 random(3);
  for (const double share : {0.9, 0.5, 0.1, 0.01, 0.0005}) {
    const auto chosen = select(data, [&](std::size_t) {
      return static_cast<double>(random() % 100'000) < share * 100'000;
    });
    INFO(to_string(kind) << ", " << chosen->rows.size() << " rows");
    // By default an ivf visits few lists, and misses more than a graph does.
    const std::size_t lists = searches_lists(kind) ? 32 : 0;
    std::size_t hits = 0;
    std::size_t wanted = 0;
    for (std::size_t q = 0; q < queries.rows(); ++q) {
      const auto found = index->search(queries.row(q), 10, {64, lists, false, &chosen->selection});
      const auto best = truth(distance_kind::l2, data, chosen->rows, queries.row(q), 10);
      REQUIRE(found.size() == best.size());
      for (const auto& each : found)
        REQUIRE(chosen->rows.contains(each.row));
      hits += good(found, best);
      wanted += best.size();
      const auto exact = index->search(queries.row(q), 10, {64, 0, true, &chosen->selection});
      REQUIRE(good(exact, best) == best.size());
    }
    CHECK(static_cast<double>(hits) >= 0.95 * static_cast<double>(wanted));
    const auto batch = index->search_batch(queries.view(), 10, {64, 0, false, &chosen->selection});
    for (const auto& found : batch)
      for (const auto& each : found)
        REQUIRE(chosen->rows.contains(each.row));
  }
}

TEST_CASE("a selection far away from the query, or around it, is searched as well") {
  const auto data = clustered_points(rows, dimension, 4);
  const auto index = make_index(dimension, distance_kind::l2, params_of(index_kind::hnsw));
  REQUIRE(index->insert(row_range(1, rows), data.view()));
  const auto query = data.row(17);
  const auto ordered = naive_search(distance_kind::l2, data, 1, query, rows);
  std::vector<std::size_t> place(rows);
  for (std::size_t i = 0; i < rows; ++i)
    place[ordered[i].row - 1] = i;
  for (const std::size_t count : {rows / 2, rows / 10, rows / 100}) {
    const auto near = select(data, [&](std::size_t i) { return place[i] < count; });
    const auto far = select(data, [&](std::size_t i) { return place[i] >= rows - count; });
    for (const auto* chosen : {near.get(), far.get()}) {
      const auto found = index->search(query, 10, {64, 0, false, &chosen->selection});
      const auto best = truth(distance_kind::l2, data, chosen->rows, query, 10);
      INFO(count);
      REQUIRE(found.size() == 10);
      CHECK(good(found, best) >= 9);
    }
  }
}

TEST_CASE("rows that were erased are not found, though the selection names them") {
  const auto data = clustered_points(3000, dimension, 5);
  for (const auto kind : {index_kind::flat, index_kind::hnsw, index_kind::ivf_flat,
                          index_kind::ivf_pq, index_kind::kd_tree}) {
    const auto index = make_index(dimension, distance_kind::l2, params_of(kind));
    REQUIRE(index->insert(row_range(1, 3000), data.view()));
    const auto chosen = select(data, [](std::size_t i) { return i < 60; });
    index->erase(row_range(1, 50));
    const auto found = index->search(data.row(0), 20, {64, 0, false, &chosen->selection});
    REQUIRE(found.size() == 10);
    for (const auto& each : found)
      CHECK((each.row > 50 && each.row <= 60));
  }
}

TEST_CASE("a selection without rows finds nothing, and one with all finds what there is") {
  const auto data = clustered_points(500, dimension, 6);
  for (const auto kind : {index_kind::flat, index_kind::hnsw, index_kind::kd_tree}) {
    const auto index = make_index(dimension, distance_kind::cosine, params_of(kind));
    REQUIRE(index->insert(row_range(1, 500), data.view()));
    const auto none = select(data, [](std::size_t) { return false; });
    CHECK(index->search(data.row(0), 5, {64, 0, false, &none->selection}).empty());
    const auto all = select(data, [](std::size_t) { return true; });
    const auto found = index->search(data.row(0), 500, {600, 0, false, &all->selection});
    CHECK(found.size() == 500);
  }
}

TEST_CASE("a lean graph searches a selection by codes, and reads few vectors") {
  constexpr std::uint32_t wide = 64;
  const auto data = clustered_points(8000, wide, 7);
  index_params params;
  params.memory = memory_kind::lean;
  std::size_t read = 0;
  const auto stored = [&](std::span<const row_id> ids, float* out) -> result<std::vector<bool>> {
    read += ids.size();
    for (std::size_t i = 0; i < ids.size(); ++i)
      std::ranges::copy(data.row(ids[i] - 1), out + i * wide);
    return std::vector<bool>(ids.size(), true);
  };
  const auto index = make_index(wide, distance_kind::l2, params, stored);
  REQUIRE(index->insert(row_range(1, 8000), data.view()));
  REQUIRE_FALSE(index->vectors_in_memory());
  const auto query = data.row(5);
  const auto ordered = naive_search(distance_kind::l2, data, 1, query, 8000);
  std::vector<std::size_t> place(8000);
  for (std::size_t i = 0; i < 8000; ++i)
    place[ordered[i].row - 1] = i;
  const auto far = select(data, [&](std::size_t i) { return place[i] >= 6000; });
  read = 0;
  const auto found = index->search(query, 10, {128, 0, false, &far->selection});
  REQUIRE(found.size() == 10);
  CHECK(good(found, truth(distance_kind::l2, data, far->rows, query, 10)) >= 8);
  CHECK(read < 1000);
}

TEST_CASE("bits are compared among a selection, too") {
  const auto data = bit_points(3000, 64, 8);
  const auto index = make_index(64, distance_kind::hamming, params_of(index_kind::hnsw));
  REQUIRE(index->insert(row_range(1, 3000), data.view()));
  const auto chosen = select(data, [](std::size_t i) { return i % 20 == 0; });
  const auto found = index->search(data.row(1), 10, {64, 0, false, &chosen->selection});
  const auto best = truth(distance_kind::hamming, data, chosen->rows, data.row(1), 10);
  REQUIRE(found.size() == 10);
  CHECK(good(found, best) >= 9);
}
