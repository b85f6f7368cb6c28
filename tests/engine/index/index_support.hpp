#pragma once
// Data and oracles for the tests of indexes.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "engine/index/index_snapshot.hpp"
#include "engine/index/snapshot_sections.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::test {

using engine::index::neighbor;
using engine::index::row_id;
using engine::index::vector_index;

struct points {
  std::vector<float> values;
  std::uint32_t dimension = 0;

  [[nodiscard]] std::size_t rows() const { return values.size() / dimension; }
  [[nodiscard]] matrix_view view() const { return {values.data(), rows(), dimension}; }
  [[nodiscard]] std::span<const float> row(std::size_t index) const { return view().row(index); }
};

inline points normal_points(std::size_t rows, std::uint32_t dimension, std::uint32_t seed,
                            float scale = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  points made{std::vector<float>(rows * dimension), dimension};
  for (float& value : made.values)
    value = normal(generator);
  return made;
}

/// 200 centres ~ N(0, I), each point = centre + 0.7 N(0, I): exposes graphs without diverse links.
/// The centres depend on the dimension only, so that two calls give points of the same clusters.
inline points clustered_points(std::size_t rows, std::uint32_t dimension, std::uint32_t seed) {
  const auto centres = normal_points(200, dimension, 42);
  auto made = normal_points(rows, dimension, seed, 0.7f);
  std::mt19937 generator(seed + 1);
  std::uniform_int_distribution<std::size_t> choose(0, 199);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto centre = centres.row(choose(generator));
    for (std::size_t j = 0; j < dimension; ++j)
      made.values[i * dimension + j] += centre[j];
  }
  return made;
}

/// `centres` random vectors of bits, each point = a centre with one bit in eight turned over. The
/// centres depend on the dimension and their number only.
inline points bit_points(std::size_t rows, std::uint32_t dimension, std::uint32_t seed,
                         std::size_t centres = 100) {
  std::mt19937 of_centres(dimension);
  std::vector<float> bits(centres * dimension);
  for (float& bit : bits)
    bit = static_cast<float>(of_centres() % 2);
  std::mt19937 generator(seed);
  points made{{}, dimension};
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t centre = generator() % centres;
    for (std::uint32_t d = 0; d < dimension; ++d)
      made.values.push_back(
          std::abs(bits[centre * dimension + d] - (generator() % 8 == 0 ? 1 : 0)));
  }
  return made;
}

/// Points that `kind` is a distance of.
inline points points_for(distance_kind kind, std::size_t rows, std::uint32_t dimension,
                         std::uint32_t seed) {
  return kind == distance_kind::hamming ? bit_points(rows, dimension, seed)
                                        : clustered_points(rows, dimension, seed);
}

inline std::vector<row_id> row_range(row_id first, std::size_t count) {
  std::vector<row_id> rows(count);
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

/// The distance by its definition, in float64.
inline double true_distance(distance_kind kind, std::span<const float> a,
                            std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0, l2 = 0, manhattan = 0, differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    dot += x * y;
    aa += x * x;
    bb += y * y;
    l2 += (x - y) * (x - y);
    manhattan += std::abs(x - y);
    differing += x != y ? 1 : 0;
  }
  switch (kind) {
  case distance_kind::l2:
    return std::sqrt(l2);
  case distance_kind::manhattan:
    return manhattan;
  case distance_kind::hamming:
    return differing;
  case distance_kind::cosine:
    return aa == 0 || bb == 0 ? 1.0 : 1 - dot / std::sqrt(aa * bb);
  case distance_kind::dot:
    break;
  }
  return -dot;
}

/// How far a reported distance may be from the true one: float32 rounding over the terms that were
/// summed.
inline double distance_tolerance(distance_kind kind, std::span<const float> a,
                                 std::span<const float> b) {
  double aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  if (kind == distance_kind::hamming)
    return 0;
  const double unit = 1e-6 * (1 + static_cast<double>(a.size()) / 64);
  if (kind == distance_kind::manhattan)
    return unit * true_distance(kind, a, b);
  return kind == distance_kind::cosine ? 4 * unit : unit * (std::sqrt(aa * bb) + aa + bb + 1);
}

/// The k nearest of all points, by a loop in float64. Row i of `data` is row `first + i`.
inline std::vector<neighbor> naive_search(distance_kind kind, const points& data, row_id first,
                                          std::span<const float> query, std::size_t k) {
  std::vector<std::pair<double, row_id>> all;
  for (std::size_t i = 0; i < data.rows(); ++i)
    all.emplace_back(true_distance(kind, query, data.row(i)), first + i);
  k = std::min(k, all.size());
  std::partial_sort(all.begin(), all.begin() + k, all.end());
  std::vector<neighbor> best;
  for (std::size_t i = 0; i < k; ++i)
    best.push_back({all[i].second, static_cast<float>(all[i].first)});
  return best;
}

/// The share of the oracle's k nearest that `index` finds, over all queries.
inline double recall(const vector_index& index, const vector_index& oracle, const points& queries,
                     std::size_t k, std::size_t ef) {
  std::size_t hits = 0;
  std::size_t wanted = 0;
  for (std::size_t q = 0; q < queries.rows(); ++q) {
    const auto found = index.search(queries.row(q), k, ef);
    const auto truth = oracle.search(queries.row(q), k, ef);
    wanted += truth.size();
    // By distance: equally distant rows are equally right.
    const float limit = truth.empty() ? 0 : truth.back().distance;
    for (const auto& each : found)
      hits += each.distance <= limit + std::abs(limit) * 1e-5f ? 1 : 0;
  }
  return wanted == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(wanted);
}

/// What an index writes into snapshots.
class collected_sections : public engine::index::section_writer {
 public:
  collected_sections() : collected_sections(std::make_shared<std::vector<std::byte>>()) {}
  [[nodiscard]] std::vector<std::byte> take() && {
    REQUIRE(finish());
    return std::move(*bytes_);
  }

 private:
  explicit collected_sections(const std::shared_ptr<std::vector<std::byte>>& bytes)
      : section_writer([bytes](std::span<const std::byte> part) -> result<void> {
          bytes->insert(bytes->end(), part.begin(), part.end());
          return {};
        }),
        bytes_(bytes) {}

  std::shared_ptr<std::vector<std::byte>> bytes_;
};

inline std::vector<std::byte> saved_bytes(const engine::index::vector_index& index) {
  collected_sections sections;
  index.save(sections);
  return std::move(sections).take();
}

inline std::vector<std::byte> encode_snapshot(const engine::index::snapshot_header& header,
                                              const engine::index::vector_index& index) {
  std::vector<std::byte> bytes;
  const auto written = engine::index::write_snapshot(
      header, index, [&](std::span<const std::byte> part) -> result<void> {
        bytes.insert(bytes.end(), part.begin(), part.end());
        return {};
      });
  REQUIRE(written);
  REQUIRE(*written == bytes.size());
  return bytes;
}

}  // namespace hearth::test
