#include "engine/index/codes/short_codes.hpp"

#include <catch2/catch.hpp>

#include <thread>

#include "engine/index/flat_index.hpp"
#include "engine/index/graph_search.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/index_snapshot.hpp"
#include "engine/index/snapshot_sections.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

// Most of the energy in few directions, as embeddings have it.
points skewed_points(std::size_t rows, std::uint32_t dimension, std::uint32_t seed) {
  auto made = clustered_points(rows, dimension, seed);
  for (std::size_t i = 0; i < made.values.size(); ++i)
    made.values[i] *= 4.0F / static_cast<float>(1 + i % dimension);
  return made;
}

short_codes trained(const points& data, distance_kind distance) {
  auto codes = short_codes::train(data.view(), {.distance = distance});
  REQUIRE(codes);
  return *std::move(codes);
}

// The squared differences of the codes in one byte.
unsigned squares(unsigned a, unsigned b, unsigned bits) {
  unsigned sum = 0;
  const unsigned mask = (1U << bits) - 1;
  for (unsigned shift = 0; shift + bits <= 8; shift += bits) {
    const unsigned x = a >> shift & mask;
    const unsigned y = b >> shift & mask;
    sum += (x - y) * (x - y);
  }
  return sum;
}

TEST_CASE("codes: every kernel counts the codes behind the header, exactly") {
  const unsigned bits = GENERATE(7U, 4U, 1U);
  const unsigned values = bits == 7 ? 128 : 256;  // of a byte
  std::mt19937 random(3);
  for (const std::size_t bytes : {64u, 128u, 192u, 832u, 4096u}) {
    constexpr std::size_t rows = 7;
    aligned_row a;
    aligned_row b[rows];
    std::byte* const x = a.of(bytes);
    std::vector<const std::byte*> others;
    std::vector<std::uint32_t> expected(rows, 0);
    for (std::size_t i = 0; i < bytes; ++i)  // extremes, too, where 16-bit sums would overflow
      x[i] = static_cast<std::byte>(i % 3 == 0 ? values - 1 : random() % values);
    for (std::size_t row = 0; row < rows; ++row) {
      std::byte* const y = b[row].of(bytes);
      for (std::size_t i = 0; i < bytes; ++i) {
        y[i] = static_cast<std::byte>(i % 3 == 0 ? 0 : random() % values);
        if (i >= 4)
          expected[row] += squares(static_cast<unsigned>(x[i]), static_cast<unsigned>(y[i]), bits);
      }
      others.push_back(y);
    }
    for (const auto* table : usable_kernels()) {
      INFO(table->name << ", " << bytes << " bytes, " << bits << " bits");
      const auto& kernel = bits == 7 ? table->codes7 : bits == 4 ? table->codes4 : table->codes1;
      CHECK(kernel.l2_squared(x, others[0], bytes) == expected[0]);
      std::vector<std::uint32_t> sums(rows);
      kernel.l2_squared_many(x, others.data(), rows, bytes, sums.data());
      CHECK(sums == expected);
    }
  }
}

TEST_CASE("codes: distances are those of the vectors, nearly, and the same both ways") {
  const auto distance = GENERATE(distance_kind::l2, distance_kind::dot);
  const auto data = skewed_points(2000, 200, 1);
  const auto codes = trained(data, distance);
  CHECK(codes.row_bytes() < 200);
  aligned_row a;
  aligned_row b;
  std::byte* const x = a.of(codes.row_bytes());
  std::byte* const y = b.of(codes.row_bytes());
  for (std::size_t i = 0; i + 1 < 200; ++i) {
    const auto one = data.row(i);
    const auto other = data.row(i + 1);
    codes.encode(one.data(), x);
    codes.encode(other.data(), y);
    CHECK(codes.is_row(x));
    CHECK(codes.distance(x, y) == codes.distance(y, x));
    const double l2 = true_distance(distance_kind::l2, one, other);
    const double squares = true_distance(distance_kind::dot, one, one) +
                           true_distance(distance_kind::dot, other, other);
    const double expected = distance == distance_kind::l2 ? l2 * l2 : l2 * l2 + squares;
    CHECK(static_cast<double>(codes.distance(x, y)) == Approx(expected).margin(0.2 * l2 * l2));
  }
}

TEST_CASE("codes: what cannot be squared trains nothing") {
  const auto data = normal_points(100, 64, 1, 1e25F);
  const auto kind = GENERATE(quantization_kind::pca, quantization_kind::sq8,
                             quantization_kind::rabitq, quantization_kind::binary);
  CHECK_FALSE(short_codes::train(data.view(), {.kind = kind}));
}

TEST_CASE("codes: an index that walks on them finds what the oracle finds, at true distances") {
  const auto distance = GENERATE(distance_kind::l2, distance_kind::cosine, distance_kind::dot);
  constexpr std::size_t count = 6000;
  constexpr std::uint32_t dimension = 96;
  const auto data = skewed_points(count, dimension, 1);
  const auto queries = skewed_points(100, dimension, 2);
  flat_index oracle(dimension, distance);
  hnsw_index index(dimension, distance, {});
  REQUIRE(oracle.insert(row_range(0, count), data.view()));
  // Less than one batch before the codes are there, the rest after.
  REQUIRE(index.insert(row_range(0, count), data.view()));
  CHECK(recall(index, oracle, queries, 10, 200) >= 0.98);
  const auto sound = index.check();
  INFO((sound ? "" : sound.error().message));
  REQUIRE(sound);
  for (std::size_t q = 0; q < queries.rows(); ++q)
    for (const auto& each : index.search(queries.row(q), 10, 100)) {
      const auto vector = data.row(each.row);
      CHECK(std::abs(static_cast<double>(each.distance) -
                     true_distance(distance, queries.row(q), vector)) <=
            distance_tolerance(distance, queries.row(q), vector));
    }
  CHECK(index.scans() == 0);
}

TEST_CASE("codes: graphs on every kind of codes find what the oracle finds, and are saved") {
  const auto kind = GENERATE(quantization_kind::none, quantization_kind::sq8,
                             quantization_kind::rabitq, quantization_kind::binary);
  const auto distance = GENERATE(distance_kind::l2, distance_kind::cosine, distance_kind::dot);
  constexpr std::size_t count = 5000;
  constexpr std::uint32_t dimension = 121;  // odd: the last byte of a row of codes is not full
  const auto data = clustered_points(count, dimension, 1);
  const auto queries = clustered_points(50, dimension, 2);
  index_params params;
  params.quantization = kind;
  flat_index oracle(dimension, distance);
  hnsw_index index(dimension, distance, params);
  REQUIRE(oracle.insert(row_range(0, count), data.view()));
  REQUIRE(index.insert(row_range(0, count), data.view()));
  REQUIRE(index.check());
  if (kind != quantization_kind::none) {
    const auto codes = short_codes::train(data.view(), {.distance = distance, .kind = kind});
    REQUIRE(codes);
    CHECK(codes->row_bytes() == (kind == quantization_kind::binary ? 64 : 128));
  }
  // Single bits say little: the walk has to be wider.
  CHECK(recall(index, oracle, queries, 10, kind == quantization_kind::binary ? 600 : 200) >= 0.97);

  snapshot_header header;
  header.dimension = dimension;
  header.distance = distance;
  header.params = params;
  const auto fetch = [&](std::span<const row_id> rows, float* out) -> result<std::vector<bool>> {
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::ranges::copy(data.row(rows[i]), out + i * dimension);
    return std::vector<bool>(rows.size(), true);
  };
  const auto loaded = decode_snapshot(encode_snapshot(header, index), header, fetch);
  REQUIRE(loaded);
  CHECK(loaded->index->search(queries.row(0), 10, 200) == index.search(queries.row(0), 10, 200));
}

TEST_CASE("codes: copies are told apart from neighbours, and form no island") {
  constexpr std::uint32_t dimension = 64;
  auto data = skewed_points(5000, dimension, 1);
  for (std::size_t i = 4500; i < 5000; ++i)
    std::copy_n(data.row(7).data(), dimension, data.values.data() + i * dimension);
  hnsw_index index(dimension, distance_kind::l2, {});
  REQUIRE(index.insert(row_range(0, 5000), data.view()));
  REQUIRE(index.check());
  const auto found = index.search(data.row(7), 501, 600);
  CHECK(std::count_if(found.begin(), found.end(),
                      [](const neighbor& each) { return each.distance == 0; }) == 501);
}

TEST_CASE("codes: searches go on while they are learned") {
  constexpr std::uint32_t dimension = 64;
  constexpr std::size_t count = 4500;
  const auto data = skewed_points(count, dimension, 1);
  hnsw_index index(dimension, distance_kind::l2, {});
  REQUIRE(index.insert(row_range(0, 4000), {data.values.data(), 4000, dimension}));
  std::atomic<bool> done = false;
  std::atomic<std::size_t> wrong = 0;
  std::vector<std::jthread> readers;
  for (std::size_t reader = 0; reader < 2; ++reader)
    readers.emplace_back([&, reader] {
      for (std::size_t at = reader; !done; at = (at + 7) % 4000) {
        const auto found = index.search(data.row(at), 1, 200);
        wrong += found.size() != 1 || found[0].distance != 0 ? 1 : 0;
      }
    });
  for (std::size_t row = 4000; row < count; row += 20)
    REQUIRE(index.insert(row_range(row, 20), {data.row(row).data(), 20, dimension}));
  done = true;
  readers.clear();
  CHECK(wrong == 0);
}

TEST_CASE("codes: what comes later may be unlike what they were learned from") {
  // Learned from rows near the origin; those that follow lie far off.
  constexpr std::uint32_t dimension = 64;
  constexpr std::size_t all = 65'536 + 300;
  auto data = clustered_points(all, dimension, 1);
  for (std::size_t i = 4096 * dimension; i < data.values.size(); ++i)
    data.values[i] = 5 * data.values[i] + (i % dimension % 2 == 0 ? 40.0F : -40.0F);
  hnsw_index graph(dimension, distance_kind::l2, {.m = 6, .ef_construction = 24});
  const auto insert = [&](std::size_t first, std::size_t count) {
    REQUIRE(graph.insert(row_range(first, count),
                         matrix_view(data.row(first).data(), count, dimension)));
  };
  insert(0, 65'500);
  insert(65'500, 100);  // in the middle of which they are learned again
  const auto both = graph.memory_bytes();
  insert(65'600, 1);
  CHECK(graph.memory_bytes() < both - 65'000 * dimension);
  insert(65'601, all - 65'601);
  REQUIRE(graph.check());
  flat_index truth(dimension, distance_kind::l2);
  REQUIRE(truth.insert(row_range(0, all), data.view()));
  points queries{{}, dimension};
  for (std::size_t q = 0; q < 100; ++q) {
    const auto query = data.row(q * 650 + 7);
    queries.values.insert(queries.values.end(), query.begin(), query.end());
  }
  // The same rows the other way round, so that most of what comes is like what came first.
  hnsw_index reversed(dimension, distance_kind::l2, {.m = 6, .ef_construction = 24});
  for (std::size_t first = all; first > 0;) {
    const std::size_t count = std::min<std::size_t>(first, 1000);
    first -= count;
    REQUIRE(reversed.insert(row_range(first, count),
                            matrix_view(data.row(first).data(), count, dimension)));
  }
  CHECK(recall(graph, truth, queries, 10, 200) >= recall(reversed, truth, queries, 10, 200) - 0.02);
}

TEST_CASE("codes: a snapshot brings them back, and refuses what is no code") {
  constexpr std::uint32_t dimension = 64;
  constexpr std::size_t count = 4200;
  const auto data = skewed_points(count, dimension, 1);
  hnsw_index index(dimension, distance_kind::cosine, {});
  REQUIRE(index.insert(row_range(0, count), data.view()));
  const auto bytes = index.serialize();
  const fetch_vectors fetch = [&](std::span<const row_id> rows, float* out) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::copy_n(data.row(rows[i]).data(), dimension, out + i * dimension);
    return result<std::vector<bool>>(std::vector<bool>(rows.size(), true));
  };
  const auto load = [&](std::span<const std::byte> from) {
    section_reader sections(from);
    return hnsw_index::load(sections, dimension, distance_kind::cosine, {}, fetch);
  };
  const auto loaded = load(bytes);
  REQUIRE(loaded);
  CHECK((*loaded)->serialize() == bytes);
  for (std::size_t q = 0; q < 50; ++q)
    CHECK((*loaded)->search(data.row(q), 10, 50) == index.search(data.row(q), 10, 50));

  section_reader sections(bytes);
  REQUIRE(sections.next<row_id>(section_tag::rows));
  const auto levels = sections.next<std::uint8_t>(section_tag::levels);
  const auto parents = sections.next<slot_id>(section_tag::parents);
  const auto counts = sections.next<std::uint16_t>(section_tag::link_counts);
  const auto links = sections.next<slot_id>(section_tag::links);
  const auto entry = sections.next<slot_id>(section_tag::entry);
  const auto model = sections.next<float>(section_tag::code_model);
  const auto rows = sections.next<std::byte>(section_tag::code_rows);
  REQUIRE((levels && parents && counts && links && entry && model && rows));
  REQUIRE(model->size() > 2 + dimension);
  const auto forged = [&](std::vector<float> numbers, std::vector<std::byte> codes) {
    section_writer out;
    out.add<row_id>(section_tag::rows, row_range(0, count));
    out.add<std::uint8_t>(section_tag::levels, *levels);
    out.add<slot_id>(section_tag::parents, *parents);
    out.add<std::uint16_t>(section_tag::link_counts, *counts);
    out.add<slot_id>(section_tag::links, *links);
    out.add<slot_id>(section_tag::entry, *entry);
    out.add<float>(section_tag::code_model, numbers);
    out.add<std::byte>(section_tag::code_rows, codes);
    return load(std::move(out).take());
  };
  REQUIRE(forged(*model, *rows));
  REQUIRE(forged({}, {}));
  auto numbers = *model;
  numbers[1] = 0;
  CHECK_FALSE(forged(numbers, *rows));
  numbers[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(forged(numbers, *rows));
  numbers = *model;
  numbers.pop_back();
  CHECK_FALSE(forged(numbers, *rows));
  CHECK_FALSE(forged(*model, {}));
  CHECK_FALSE(forged({}, *rows));
  auto codes = *rows;
  codes[4] = std::byte{200};
  CHECK_FALSE(forged(*model, codes));
  codes = *rows;
  codes.pop_back();
  CHECK_FALSE(forged(*model, codes));
}

}  // namespace
