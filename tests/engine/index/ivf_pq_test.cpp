#include "engine/index/ivf/ivf_pq_index.hpp"

#include "engine/index/ivf/product_codes.hpp"
#include "engine/index/ivf/projection.hpp"
#include "ivf_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr distance_kind kinds[] = {distance_kind::l2, distance_kind::cosine, distance_kind::dot,
                                   distance_kind::hamming};

TEST_CASE("projection: components are at right angles, and what they leave out is accounted for") {
  for (const std::uint32_t dimension : {1u, 5u, 40u, 1100u}) {
    auto data = normal_points(400, dimension, dimension);
    for (std::size_t i = 0; i < data.values.size(); ++i)
      data.values[i] = 3 + data.values[i] / static_cast<float>(1 + i % dimension);
    const auto learned = projection::learn(data.view(), 0.9, 64);
    const projection space(learned.space);
    REQUIRE(space.to() >= 1);
    CHECK(space.to() <= std::min(dimension, 64u));
    std::vector<float> out(space.width());
    std::vector<float> turned(space.width());
    for (std::size_t i = 0; i < 20; ++i) {
      const auto row = data.row(i);
      const float left_out = space.apply(row.data(), out.data());
      double whole = 0;
      double inside = 0;
      for (std::size_t d = 0; d < dimension; ++d)
        whole += std::pow(static_cast<double>(row[d] - learned.space.mean[d]), 2);
      for (std::size_t c = 0; c < space.to(); ++c)
        inside += static_cast<double>(out[c]) * static_cast<double>(out[c]);
      CHECK(inside <= whole * 1.0001 + 1e-6);
      CHECK(static_cast<double>(left_out) + inside == Approx(whole).epsilon(1e-3).margin(1e-4));
    }
    for (std::uint32_t a = 0; a < std::min(space.to(), 5u); ++a) {
      // A component, turned, is a unit vector.
      space.turn(learned.space.components.data() + std::size_t{a} * dimension, turned.data());
      for (std::uint32_t b = 0; b < space.to(); ++b)
        CHECK(turned[b] == Approx(a == b ? 1 : 0).margin(1e-3));
    }
  }
}

TEST_CASE("projection: rows that are all equal have one component") {
  for (const std::uint32_t dimension : {4u, 1500u}) {
    const points data{std::vector<float>(100 * dimension, 2.0f), dimension};
    const auto learned = projection::learn(data.view(), 0.9, 64);
    const projection space(learned.space);
    CHECK(space.to() == 1);
    std::vector<float> out(space.width());
    CHECK(space.apply(data.row(0).data(), out.data()) == Approx(0).margin(1e-6));
  }
}

TEST_CASE("product codes: a code stands for the nearest codeword of each part") {
  const auto data = normal_points(800, 21, 1);
  for (const std::uint32_t bits : {4u, 8u})
    for (const std::uint32_t parts : {1u, 7u, 9u, 40u}) {
      const product_codes codes(product_codes::learn(data.view(), parts, bits, 3));
      REQUIRE(codes.parts() <= std::min(parts, 21u));
      std::vector<std::byte> row(codes.code_bytes());
      std::vector<float> decoded(21);
      const auto& model = codes.learned();
      const std::size_t codewords = std::size_t{1} << bits;
      for (std::size_t i = 0; i < 30; ++i) {
        codes.encode(data.row(i).data(), row.data(), decoded.data());
        for (std::size_t part = 0; part < codes.parts(); ++part) {
          const auto start = model.starts[part];
          const std::size_t width = model.starts[part + 1] - start;
          double nearest = 1e30;
          for (std::size_t c = 0; c < codewords; ++c) {
            double sum = 0;
            for (std::size_t d = 0; d < width; ++d)
              sum += std::pow(
                  static_cast<double>(data.row(i)[start + d] -
                                      model.codebooks[start * codewords + d * codewords + c]),
                  2);
            nearest = std::min(nearest, sum);
          }
          double chosen = 0;
          for (std::size_t d = 0; d < width; ++d)
            chosen += std::pow(static_cast<double>(data.row(i)[start + d] - decoded[start + d]), 2);
          CHECK(chosen == Approx(nearest).margin(1e-5));
        }
      }
    }
}

TEST_CASE("product codes: dimensions with much variance get finer codes") {
  auto data = normal_points(2000, 16, 2);
  for (std::size_t i = 0; i < data.values.size(); ++i)
    data.values[i] *= i % 16 < 4 ? 100.0f : 1.0f;
  const auto learned = product_codes::learn(data.view(), 8, 4, 1);
  REQUIRE(learned.starts.size() >= 6);
  // The first four have parts of their own, the rest shares the others.
  CHECK(std::vector<std::uint32_t>(learned.starts.begin(), learned.starts.begin() + 5) ==
        std::vector<std::uint32_t>{0, 1, 2, 3, 4});
}

TEST_CASE("ivf_pq: before it has learned lists it answers as a flat index") {
  for (const auto kind : kinds) {
    const auto data = points_for(kind, 900, 33, 4);
    const auto queries = points_for(kind, 10, 33, 5);
    ivf_pq_index index(33, kind, {.m = 0});
    flat_index oracle(33, kind);
    REQUIRE(index.insert(row_range(0, 900), data.view()));
    REQUIRE(oracle.insert(row_range(0, 900), data.view()));
    CHECK(index.trainings() == 0);
    for (std::size_t q = 0; q < queries.rows(); ++q)
      for (const std::size_t k : {1u, 10u, 1000u})
        CHECK(index.search(queries.row(q), k, 1) == oracle.search(queries.row(q), k, 1));
  }
}

TEST_CASE("ivf_pq: finds nearly all with lists and codes, at true distances") {
  for (const auto kind : kinds) {
    const auto data = points_for(kind, 8000, 48, 6);
    const auto queries = points_for(kind, 100, 48, 7);
    flat_index oracle(48, kind);
    REQUIRE(oracle.insert(row_range(0, 8000), data.view()));
    for (const std::uint32_t nbits : {4u, 8u}) {
      INFO(to_string(kind) << ", " << nbits << " bits");
      ivf_pq_index index(48, kind, {.m = 0, .nbits = nbits});
      REQUIRE(index.insert(row_range(0, 8000), data.view()));
      CHECK(recall(index, oracle, queries, 10, 30) > 0.6);
      CHECK(recall(index, oracle, queries, 10, 200) > 0.95);
      for (std::size_t q = 0; q < 20; ++q)
        check_answer(index, kind, data, queries.row(q), 10 + 40 * q, 10);
      CHECK(index.scans() == 0);
    }
  }
}

TEST_CASE("ivf_pq: with all lists looked into, ef decides how much is found") {
  const auto data = clustered_points(6000, 40, 8);
  const auto queries = clustered_points(100, 40, 9);
  ivf_pq_index index(40, distance_kind::l2, {.m = 10, .nprobe = 65'536});
  flat_index oracle(40, distance_kind::l2);
  REQUIRE(index.insert(row_range(0, 6000), data.view()));
  REQUIRE(oracle.insert(row_range(0, 6000), data.view()));
  const double few = recall(index, oracle, queries, 10, 10);
  const double some = recall(index, oracle, queries, 10, 60);
  CHECK(few > 0.3);
  CHECK(few < some);
  CHECK(some > 0.85);
  CHECK(recall(index, oracle, queries, 10, 1000) > 0.995);
}

TEST_CASE("ivf_pq: any number of parts serves, in one dimension as well") {
  struct shape {
    std::uint32_t dimension, m, nbits;
  };
  for (const auto& [dimension, m, nbits] : {shape{1, 0, 4},
                                            {1, 1, 8},
                                            {2, 1, 4},
                                            {2, 2, 8},
                                            {30, 1, 4},
                                            {30, 30, 4},
                                            {30, 8, 8},
                                            {90, 90, 4}}) {
    INFO(dimension << " dimensions, m = " << m << ", " << nbits << " bits");
    const auto data = clustered_points(2100, dimension, 10);
    ivf_pq_index index(dimension, distance_kind::l2, {.m = m, .nbits = nbits});
    REQUIRE(index.insert(row_range(0, 2100), data.view()));
    REQUIRE(index.trainings() == 1);
    for (std::size_t row = 0; row < 2100; row += 300) {
      check_answer(index, distance_kind::l2, data, data.row(row), 10, 20);
      if (m != 1 || dimension <= 2)
        CHECK(index.search(data.row(row), 1, 100).front().distance == 0.0f);
    }
    CHECK(index.scans() == 0);
  }
}

TEST_CASE("ivf_pq: lists are learned again as rows come, and the same way each time") {
  constexpr std::size_t step = 700;
  const auto data = clustered_points(13 * step, 12, 11);
  const auto build = [&] {
    auto index = std::make_unique<ivf_pq_index>(12, distance_kind::cosine, index_params{.m = 0});
    for (std::size_t first = 0; first < data.rows(); first += step)
      REQUIRE(index->insert(row_range(first, step), {data.row(first).data(), step, 12}));
    return index;
  };
  const auto index = build();
  CHECK(index->trainings() == 2);
  CHECK(saved_bytes(*index) == saved_bytes(*build()));
}

TEST_CASE("ivf_pq: ten rounds of replacing a third cost neither recall nor memory") {
  check_replacing<ivf_pq_index>({.m = 0}, 0.97);
}

TEST_CASE("ivf_pq: copies and zero vectors are found like others") {
  check_duplicates<ivf_pq_index>({.m = 0});
}

TEST_CASE("ivf_pq: values that float32 cannot square are scanned exactly") {
  check_huge_values<ivf_pq_index>();
}

}  // namespace
