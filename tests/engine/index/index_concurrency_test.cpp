// One writer, several readers, no locks. Every answer is checked while the index changes.
#include <catch2/catch.hpp>

#include <atomic>
#include <set>
#include <thread>

#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/ivf/ivf_flat_index.hpp"
#include "engine/index/ivf/ivf_pq_index.hpp"
#include "engine/index/kd_tree/kd_tree_index.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr std::uint32_t dimension = 12;
constexpr std::size_t stable = 600;  // rows 0..599 are never erased
constexpr std::size_t batch = 40;    // rows that come and go together
constexpr std::size_t lifetime = 5;  // batches
constexpr std::size_t reader_count = 3;

// The vector of a row follows from its number, so that readers can judge every answer.
std::vector<float> vector_of(row_id row) {
  std::minstd_rand generator(static_cast<std::uint32_t>(row * 7919 + 1));
  std::normal_distribution<float> normal;
  std::vector<float> values(dimension);
  for (float& value : values)
    value = normal(generator);
  return values;
}

points vectors_of(std::span<const row_id> rows) {
  points made{{}, dimension};
  for (const row_id row : rows) {
    const auto values = vector_of(row);
    made.values.insert(made.values.end(), values.begin(), values.end());
  }
  return made;
}

struct findings {
  std::atomic<std::size_t> searches{0};
  std::atomic<std::size_t> wrong_distance{0};
  std::atomic<std::size_t> wrong_order{0};
  std::atomic<std::size_t> doubled{0};
  std::atomic<std::size_t> too_few{0};
  std::atomic<std::size_t> returned_though_erased{0};
  std::atomic<std::size_t> missed{0};  // a row that was there from before the search till after
};

// What the writer has finished: rows below `erased` (of those that come and go) are gone, rows
// below `inserted` have been there.
struct progress {
  std::atomic<row_id> erased{stable};
  std::atomic<row_id> inserted{stable};
  std::atomic<bool> done{false};
};

void judge(const std::vector<neighbor>& found, std::span<const float> query, distance_kind kind,
           row_id erased_before, std::size_t k, findings& seen) {
  ++seen.searches;
  if (found.size() < k)
    ++seen.too_few;
  if (!std::is_sorted(found.begin(), found.end()))
    ++seen.wrong_order;
  std::set<row_id> rows;
  for (const auto& each : found) {
    rows.insert(each.row);
    const auto vector = vector_of(each.row);
    if (std::abs(static_cast<double>(each.distance) - true_distance(kind, query, vector)) >
        distance_tolerance(kind, query, vector))
      ++seen.wrong_distance;
    if (each.row >= stable && each.row < erased_before)
      ++seen.returned_though_erased;
  }
  if (rows.size() != found.size())
    ++seen.doubled;
}

void read(const vector_index& index, distance_kind kind, const progress& writer, findings& seen,
          std::uint32_t seed) {
  std::mt19937 random(seed);
  // At least once each, also if the writer is done first.
  do {
    const row_id erased_before = writer.erased.load(std::memory_order_acquire);
    const row_id inserted_before = writer.inserted.load(std::memory_order_acquire);
    // Ask for a row by its own vector; half of the time one that comes and goes.
    const bool moving = random() % 2 == 0 && inserted_before > erased_before;
    const row_id target =
        moving ? erased_before + random() % (inserted_before - erased_before) : random() % stable;
    const auto query = vector_of(target);
    const std::size_t k = 1 + random() % 20;
    const auto found = index.search(query, k, 40);
    judge(found, query, kind, erased_before, k, seen);
    const bool contained = index.contains(target);
    // Only now: what is not erased yet, nor in the batch that may be on its way out, was there all
    // the time.
    const row_id erased_after = writer.erased.load(std::memory_order_acquire);
    const bool there = target < stable || target >= erased_after + batch;
    if (there && (!contained || found.empty() || found.front().row != target))
      ++seen.missed;
  } while (!writer.done.load(std::memory_order_acquire));
}

// At least `rounds`, and on until the readers have had their share.
void write(vector_index& index, progress& writer, std::size_t rounds, const findings& seen) {
  constexpr std::size_t searches = 1000;
  for (std::size_t round = 0; round < rounds || seen.searches < searches; ++round) {
    const auto fresh = row_range(writer.inserted.load(), batch);
    const auto vectors = vectors_of(fresh);
    REQUIRE(index.insert(fresh, vectors.view()));
    writer.inserted.store(fresh.back() + 1, std::memory_order_release);
    if (round < lifetime)
      continue;
    const auto old = row_range(writer.erased.load(), batch);
    REQUIRE(index.erase(old) == batch);
    writer.erased.store(old.back() + 1, std::memory_order_release);
  }
  writer.done.store(true, std::memory_order_release);
}

void run_readers_against_writer(vector_index& index, distance_kind kind, std::size_t rounds,
                                findings& seen) {
  const auto rows = row_range(0, stable);
  const auto vectors = vectors_of(rows);
  REQUIRE(index.insert(rows, vectors.view()));
  progress writer;
  std::vector<std::thread> readers;
  for (std::uint32_t i = 0; i < reader_count; ++i)
    readers.emplace_back([&, i] { read(index, kind, writer, seen, i + 1); });
  write(index, writer, rounds, seen);
  for (auto& reader : readers)
    reader.join();
  CHECK(index.size() == stable + lifetime * batch);
  CHECK(seen.wrong_distance == 0);
  CHECK(seen.wrong_order == 0);
  CHECK(seen.doubled == 0);
  CHECK(seen.too_few == 0);
  CHECK(seen.returned_though_erased == 0);
}

TEST_CASE("concurrency: readers of a flat index see exactly what is there while a writer works") {
  for (const auto kind : {distance_kind::l2, distance_kind::cosine}) {
    flat_index index(dimension, kind);
    findings seen;
    run_readers_against_writer(index, kind, 300, seen);
    CHECK(seen.missed == 0);
    // What the readers held up is used again now that they are gone: memory no longer grows.
    std::size_t settled = 0;
    for (row_id round = 0; round < 20; ++round) {
      const auto rows = row_range(10'000'000 + round * batch, batch);
      REQUIRE(index.insert(rows, vectors_of(rows).view()));
      index.erase(rows);
      if (round == 0)
        settled = index.memory_bytes();
    }
    CHECK(index.memory_bytes() <= settled);
  }
}

TEST_CASE("concurrency: readers of a graph get true, complete answers while a writer works") {
  for (const auto kind : {distance_kind::l2, distance_kind::cosine}) {
    hnsw_index index(dimension, kind, {.m = 8, .ef_construction = 40});
    findings seen;
    run_readers_against_writer(index, kind, 80, seen);
    // The graph is approximate, and lists change under the reader: nearly all is enough here.
    CHECK(seen.missed * 100 <= seen.searches);
    CHECK(index.scans() < seen.searches);
    const auto sound = index.check();
    INFO((sound ? "" : sound.error().message));
    CHECK(sound);
  }
}

TEST_CASE("concurrency: a graph may be emptied and filled under its readers") {
  hnsw_index index(dimension, distance_kind::l2, {.m = 6, .ef_construction = 30});
  const auto rows = row_range(0, 300);
  const auto vectors = vectors_of(rows);
  std::atomic<bool> done{false};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> readers;
  for (std::uint32_t i = 0; i < reader_count; ++i)
    readers.emplace_back([&, i] {
      std::mt19937 random(i);
      do {
        const auto query = vector_of(random() % 300);
        for (const auto& each : index.search(query, 5, 20)) {
          const auto vector = vector_of(each.row);
          if (std::abs(static_cast<double>(each.distance) -
                       true_distance(distance_kind::l2, query, vector)) >
              distance_tolerance(distance_kind::l2, query, vector))
            ++wrong;
        }
      } while (!done.load(std::memory_order_acquire));
    });
  for (int round = 0; round < 15; ++round) {
    REQUIRE(index.insert(rows, vectors.view()));
    // In two calls: the first repairs, the second finds nothing left worth repairing.
    REQUIRE(index.erase(row_range(0, 200)) == 200);
    REQUIRE(index.erase(row_range(200, 100)) == 100);
    REQUIRE(index.check());
  }
  done.store(true, std::memory_order_release);
  for (auto& reader : readers)
    reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("concurrency: readers of a k-d tree see exactly what is there while a writer works") {
  for (const auto kind : {distance_kind::l2, distance_kind::cosine, distance_kind::dot}) {
    kd_tree_index index(dimension, kind);
    findings seen;
    run_readers_against_writer(index, kind, 200, seen);
    if (kind != distance_kind::dot)  // by which a vector need not be the nearest to itself
      CHECK(seen.missed == 0);
  }
}

TEST_CASE("concurrency: readers of inverted lists miss no row while lists are learned again") {
  for (const auto kind : {distance_kind::l2, distance_kind::cosine}) {
    // Small lists that are all looked into, learned again and again: whatever is missed was lost.
    ivf_flat_index flat(dimension, kind, {.nlist = 16, .nprobe = 16});
    ivf_pq_index coded(dimension, kind, {.m = 0, .nlist = 16, .nprobe = 16});
    for (ivf_index* const index :
         {static_cast<ivf_index*>(&flat), static_cast<ivf_index*>(&coded)}) {
      const auto filler = row_range(20'000'000, 1500);
      REQUIRE(index->insert(filler, vectors_of(filler).view()));
      findings seen;
      const auto rows = row_range(0, stable);
      REQUIRE(index->insert(rows, vectors_of(rows).view()));
      REQUIRE(index->trainings() == 1);
      progress writer;
      std::vector<std::thread> readers;
      for (std::uint32_t i = 0; i < reader_count; ++i)
        readers.emplace_back([&, i] { read(*index, kind, writer, seen, i + 1); });
      write(*index, writer, 200, seen);
      for (auto& reader : readers)
        reader.join();
      CHECK(index->trainings() >= 2);
      CHECK(index->size() == stable + filler.size() + lifetime * batch);
      CHECK(seen.wrong_distance == 0);
      CHECK(seen.wrong_order == 0);
      CHECK(seen.doubled == 0);
      CHECK(seen.too_few == 0);
      CHECK(seen.returned_though_erased == 0);
      // Codes are approximate; vectors are not.
      CHECK(seen.missed * 20 <= (index == &coded ? seen.searches.load() : 0));
      CHECK(index->scans() < seen.searches);
    }
  }
}

}  // namespace
