// hnsw_index with its vectors in storage.
#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <stdexcept>

#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/index_snapshot.hpp"
#include "tests/engine/index/index_support.hpp"

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

namespace {

constexpr std::uint32_t dimension = 80;
constexpr std::size_t rows = 6000;

// Storage as an index sees it.
class shelf {
 public:
  void add(std::span<const row_id> ids, matrix_view vectors) {
    for (std::size_t i = 0; i < ids.size(); ++i)
      vectors_[ids[i]].assign(vectors.row(i).begin(), vectors.row(i).end());
  }
  void remove(std::span<const row_id> ids) {
    for (const row_id id : ids)
      vectors_.erase(id);
  }
  [[nodiscard]] fetch_vectors reader() {
    return [this](std::span<const row_id> ids, float* out) -> result<std::vector<bool>> {
      const std::lock_guard lock(guard_);
      if (broken)
        return fail(errc::corruption, "a chunk is damaged");
      reads += ids.size();
      std::vector<bool> there;
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto found = vectors_.find(ids[i]);
        there.push_back(found != vectors_.end());
        if (there.back())
          std::ranges::copy(found->second, out + i * dimension);
      }
      return there;
    };
  }

  bool broken = false;
  std::size_t reads = 0;

 private:
  std::mutex guard_;
  std::map<row_id, std::vector<float>> vectors_;
};

index_params kept(memory_kind memory) {
  index_params params;
  params.memory = memory;
  return params;
}

void same_answers(const hnsw_index& index, const flat_index& oracle, const points& queries,
                  double least) {
  CHECK(recall(index, oracle, queries, 10, 200) >= least);
  // Distances are true ones, whatever the codes said.
  for (std::size_t q = 0; q < 5; ++q) {
    const auto truth = oracle.search(queries.row(q), 1, 1);
    const auto found = index.search(queries.row(q), 1, 200);
    REQUIRE(found.size() == 1);
    CHECK(found[0] == truth[0]);
  }
}

}  // namespace

TEST_CASE("hnsw: with its vectors in storage it finds what it finds with them in memory") {
  const auto memory = GENERATE(memory_kind::balanced, memory_kind::lean);
  const auto kind = GENERATE(distance_kind::l2, distance_kind::cosine, distance_kind::dot);
  const auto data = clustered_points(rows, dimension, 3);
  const auto queries = clustered_points(60, dimension, 4);
  const auto ids = row_range(1, rows);
  shelf storage;
  storage.add(ids, data.view());
  flat_index oracle(dimension, kind);
  hnsw_index fast(dimension, kind, {});
  hnsw_index index(dimension, kind, kept(memory), storage.reader());
  REQUIRE(oracle.insert(ids, data.view()));
  REQUIRE(fast.insert(ids, data.view()));
  REQUIRE(index.insert(std::span(ids).first(5000), {data.values.data(), 5000, dimension}));
  REQUIRE(index.insert(std::span(ids).subspan(5000),
                       {data.values.data() + 5000 * dimension, 1000, dimension}));
  REQUIRE(index.check());
  CHECK(index.memory_bytes() + rows * dimension * 2 < fast.memory_bytes());
  same_answers(index, oracle, queries, 0.98);
  CHECK(storage.reads > 0);
  // Few are read per search: what the codes rank far behind stays where it is.
  storage.reads = 0;
  (void)index.search(queries.row(0), 10, 400);
  CHECK(storage.reads <= 200);

  const auto gone = std::span(ids).first(2000);
  storage.remove(gone);
  oracle.erase(gone);
  // Storage is ahead of the index: the rows are not answered although the index still has them.
  for (const auto& each : index.search(queries.row(1), 50, 200))
    CHECK(each.row > 2000);
  CHECK(index.erase(gone) == 2000);
  REQUIRE(index.check());
  same_answers(index, oracle, queries, 0.98);
  // All of them: an exact scan over storage.
  CHECK(index.search(queries.row(2), rows, 1) == oracle.search(queries.row(2), rows, 1));
}

TEST_CASE("hnsw: a graph whose vectors are in storage comes back from its snapshot") {
  const auto memory = GENERATE(memory_kind::balanced, memory_kind::lean);
  const auto data = clustered_points(rows, dimension, 5);
  const auto queries = clustered_points(40, dimension, 6);
  const auto ids = row_range(1, rows);
  shelf storage;
  storage.add(ids, data.view());
  flat_index oracle(dimension, distance_kind::cosine);
  hnsw_index index(dimension, distance_kind::cosine, kept(memory), storage.reader());
  REQUIRE(oracle.insert(ids, data.view()));
  REQUIRE(index.insert(ids, data.view()));
  snapshot_header header;
  header.dimension = dimension;
  header.distance = distance_kind::cosine;
  header.params = kept(memory);
  const auto bytes = encode_snapshot(header, index);
  storage.reads = 0;
  const auto loaded = decode_snapshot(bytes, header, storage.reader(), storage.reader());
  REQUIRE(loaded.has_value());
  CHECK((storage.reads == 0) == (memory == memory_kind::lean));
  const auto& back = dynamic_cast<const hnsw_index&>(*loaded->index);
  REQUIRE(back.check());
  CHECK(back.memory_bytes() <= index.memory_bytes());
  for (std::size_t q = 0; q < queries.rows(); ++q)
    CHECK(back.search(queries.row(q), 10, 100) == index.search(queries.row(q), 10, 100));
}

TEST_CASE("hnsw: a search says when storage fails") {
  const auto data = clustered_points(rows, dimension, 7);
  const auto ids = row_range(1, rows);
  shelf storage;
  storage.add(ids, data.view());
  hnsw_index index(dimension, distance_kind::l2, kept(memory_kind::lean), storage.reader());
  REQUIRE(index.insert(ids, data.view()));
  CHECK(index.search(data.row(0), 1, 50).front().distance == 0);
  storage.broken = true;
  CHECK_THROWS_AS(index.search(data.row(0), 1, 50), std::runtime_error);
  CHECK_THROWS_AS(index.search(data.row(0), 1, rows), std::runtime_error);
  storage.broken = false;
  CHECK(index.search(data.row(0), 1, 50).front().distance == 0);
}
