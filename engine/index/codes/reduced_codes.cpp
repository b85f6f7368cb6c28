#include "engine/index/codes/reduced_codes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "engine/index/codes/principal_components.hpp"

namespace hearth::engine::index {
namespace {

// Below, rows would be half as long as full ones at best; above, training would take minutes.
constexpr std::uint32_t least_dimension = 128;
constexpr std::uint32_t most_dimension = 2048;
// Rows of one to four cache lines, all of it used.
constexpr std::array<std::size_t, 4> rows_bytes{64, 128, 192, 256};
// Looking at the full codes of one row for one query takes as long as comparing this many bytes of
// blocks that all queries share: it waits for memory, and for a branch that nobody foresaw.
constexpr double lone_row_bytes = 2000;
// A second set of codes has to save at least this share of the cost.
constexpr double least_gain = 0.3;
constexpr std::size_t probe_queries = 64;

constexpr std::size_t components_of(std::size_t row_bytes) noexcept {
  return row_bytes - scalar_codes::first_byte() - 1;
}

constexpr std::size_t most_components = components_of(rows_bytes.back());

// The components of x and -x: principal directions of a cloud around zero.
principal_directions directions_through_zero(matrix_view sample) {
  std::vector<float> mirrored;
  mirrored.reserve(2 * sample.values().size());
  mirrored.assign(sample.values().begin(), sample.values().end());
  for (const float value : sample.values())
    mirrored.push_back(-value);
  auto found =
      principal_components(matrix_view(mirrored.data(), 2 * sample.rows(), sample.dimension()));
  std::ranges::fill(found.mean, 0.0F);
  return found;
}

// Shrinks the rows of C until it cannot make any vector longer: |C|^2 is at most 1 plus the
// Frobenius norm of C C^T - 1.
void make_contraction(std::vector<float>& components, std::size_t dimension) {
  const std::size_t count = components.size() / dimension;
  double squares = 0;
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = a; b < count; ++b) {
      double product = 0;
      for (std::size_t d = 0; d < dimension; ++d)
        product += static_cast<double>(components[a * dimension + d]) *
                   static_cast<double>(components[b * dimension + d]);
      const double off = product - (a == b ? 1 : 0);
      squares += (a == b ? 1 : 2) * off * off;
    }
  constexpr double rounding = 2e-6;  // of the shrunk values, over up to 256 components
  const auto shrink = static_cast<float>(1 / (1 + std::sqrt(squares) + rounding));
  for (float& value : components)
    value *= shrink;
}

// The sample in its short form, and what is needed to see how well that tells rows apart.
class probe {
 public:
  probe(matrix_view sample, const reduced_codes::reduction& map)
      : sample_(sample), map_(map), values_(short_forms(sample, map)) {}

  static std::vector<float> short_forms(matrix_view sample, const reduced_codes::reduction& map) {
    std::vector<float> values(sample.rows() * map.outputs());
    for (std::size_t i = 0; i < sample.rows(); ++i)
      (void)map.apply(sample.row(i).data(), values.data() + i * map.outputs());
    return values;
  }

  // For each of rows_bytes the share of pairs of sample rows that components leave open: whether
  // the one could be nearer to the other than its tenth nearest is. With more rows that would be
  // nearer; but until a search has seen all rows, its limit is not that of all rows either.
  [[nodiscard]] std::array<double, rows_bytes.size()> open_shares() const {
    std::array<double, rows_bytes.size()> open{};
    const std::size_t queries = std::min(probe_queries, sample_.rows());
    for (std::size_t q = 0; q < queries; ++q) {
      const std::size_t query = q * sample_.rows() / queries;
      const double limit = limit_of(query);
      for (std::size_t i = 0; i < sample_.rows(); ++i)
        if (i != query)
          add_open(query, i, limit, open);
    }
    for (double& share : open)
      share /= static_cast<double>(queries * sample_.rows());
    return open;
  }

 private:
  [[nodiscard]] bool l2() const noexcept { return map_.distance == distance_kind::l2; }

  [[nodiscard]] double limit_of(std::size_t query) const {
    const auto& kernel = kernels();
    std::vector<float> distances;
    distances.reserve(sample_.rows());
    for (std::size_t i = 0; i < sample_.rows(); ++i) {
      const float* a = sample_.row(query).data();
      const float* b = sample_.row(i).data();
      if (i != query)
        distances.push_back(l2() ? kernel.l2_squared(a, b, sample_.dimension())
                                 : -kernel.dot(a, b, sample_.dimension()));
    }
    const auto tenth = distances.begin() +
                       static_cast<std::ptrdiff_t>(std::min<std::size_t>(9, distances.size() - 1));
    std::nth_element(distances.begin(), tenth, distances.end());
    return static_cast<double>(*tenth);
  }

  void add_open(std::size_t query, std::size_t row, double limit,
                std::array<double, rows_bytes.size()>& open) const {
    const float* a = values_.data() + query * map_.outputs();
    const float* b = values_.data() + row * map_.outputs();
    const std::size_t count = map_.outputs() - 1;
    // What fewer components leave to the rest.
    double rest_a = static_cast<double>(a[count]) * static_cast<double>(a[count]);
    double rest_b = static_cast<double>(b[count]) * static_cast<double>(b[count]);
    double sum = 0;
    for (std::size_t c = 0; c < count; ++c) {
      rest_a += static_cast<double>(a[c]) * static_cast<double>(a[c]);
      rest_b += static_cast<double>(b[c]) * static_cast<double>(b[c]);
    }
    std::size_t c = 0;
    for (std::size_t choice = 0; choice < rows_bytes.size(); ++choice) {
      for (; c < std::min(components_of(rows_bytes[choice]), count); ++c) {
        const double x = a[c];
        const double y = b[c];
        rest_a -= x * x;
        rest_b -= y * y;
        sum += l2() ? (x - y) * (x - y) : -x * y;
      }
      const double rest_x = std::sqrt(std::max(rest_a, 0.0));
      const double rest_y = std::sqrt(std::max(rest_b, 0.0));
      const double rest = l2() ? (rest_x - rest_y) * (rest_x - rest_y) : -rest_x * rest_y;
      open[choice] += sum + rest <= limit ? 1 : 0;
    }
  }

  const matrix_view sample_;
  const reduced_codes::reduction& map_;
  const std::vector<float> values_;
};

// How many components pay best; 0 if none do.
std::size_t best_count(matrix_view sample, const reduced_codes::reduction& map,
                       std::size_t full_row_bytes) {
  const auto open = probe(sample, map).open_shares();
  double least = static_cast<double>(full_row_bytes) * (1 - least_gain);
  std::size_t best = 0;
  for (std::size_t choice = 0; choice < rows_bytes.size(); ++choice) {
    const double cost = static_cast<double>(rows_bytes[choice]) + open[choice] * lone_row_bytes;
    if (cost < least && components_of(rows_bytes[choice]) < map.outputs()) {
      least = cost;
      best = components_of(rows_bytes[choice]);
    }
  }
  return best;
}

}  // namespace

double reduced_codes::reduction::apply(const float* vector, float* out) const noexcept {
  thread_local std::vector<float> centred;
  const std::size_t dimension = mean.size();
  const std::size_t count = components.size() / dimension;
  centred.resize(dimension);
  double norm = 0;
  for (std::size_t d = 0; d < dimension; ++d) {
    centred[d] = vector[d] - mean[d];
    norm += static_cast<double>(centred[d]) * static_cast<double>(centred[d]);
  }
  if (!(norm < scalar_codes::largest_square))
    return std::numeric_limits<double>::infinity();
  kernels().products(components.data(), count, dimension, centred.data(), out);
  double covered = 0;
  for (std::size_t c = 0; c < count; ++c)
    covered += static_cast<double>(out[c]) * static_cast<double>(out[c]);
  // No component is off by more than the relative error of a float32 sum times both lengths.
  const double length = std::sqrt(norm);
  const double lost =
      float_sum_error(dimension) * std::sqrt(static_cast<double>(count)) * length * 1.01 + 1e-37;
  const double rest = std::max(norm - covered, 0.0);
  const double rest_lost = 2.1 * length * lost + 1e-37;  // of its square
  if (distance != distance_kind::l2) {
    // Products of rests have to be upper bounds.
    out[count] = static_cast<float>(std::sqrt(rest + rest_lost) * (1 + 1e-6));
    return lost;
  }
  out[count] = static_cast<float>(std::sqrt(rest));
  const double rest_off = rest > rest_lost ? rest_lost / std::sqrt(rest) : std::sqrt(2 * rest_lost);
  return lost + rest_off + 1e-6 * length;
}

reduced_codes::reduced_codes(reduction trained, scalar_codes codes)
    : reduction_(std::move(trained)), codes_(std::move(codes)) {}

std::optional<reduced_codes> reduced_codes::train(matrix_view sample, distance_kind distance,
                                                  std::size_t full_row_bytes) {
  const std::size_t dimension = sample.dimension();
  if (dimension < least_dimension || dimension > most_dimension || sample.rows() < 2)
    return std::nullopt;
  auto found = distance == distance_kind::l2 ? principal_components(sample)
                                             : directions_through_zero(sample);
  if (!std::ranges::all_of(found.energies, [](double energy) { return std::isfinite(energy); }))
    return std::nullopt;
  found.components.resize(std::min(most_components, dimension) * dimension);
  reduction map{std::move(found.mean), std::move(found.components), distance};
  const std::size_t count = best_count(sample, map, full_row_bytes);
  if (count == 0)
    return std::nullopt;
  map.components.resize(count * dimension);
  make_contraction(map.components, dimension);
  const auto values = probe::short_forms(sample, map);
  // Inner products also differ by what float32 loses in the query's short form.
  const double error =
      float_sum_error(dimension) *
          (distance == distance_kind::l2 ? 1 : 1.02 * (1 + std::sqrt(static_cast<double>(count)))) +
      1e-6;
  auto codes = scalar_codes::train(
      {values.data(), sample.rows(), static_cast<std::uint32_t>(map.outputs())}, distance, error);
  if (!codes)
    return std::nullopt;
  return reduced_codes(std::move(map), *std::move(codes));
}

void reduced_codes::encode(const float* vector, std::byte* row) const noexcept {
  thread_local std::vector<float> values;
  values.assign(reduction_.outputs(), 0.0F);
  const double error = reduction_.apply(vector, values.data());
  codes_.encode(values.data(), row, error);
}

bool reduced_codes::prepare(const float* query, scalar_codes::prepared_query& prepared) const {
  thread_local std::vector<float> values;
  values.assign(reduction_.outputs(), 0.0F);
  const double error = reduction_.apply(query, values.data());
  return std::isfinite(error) && codes_.prepare(values.data(), prepared, error);
}

}  // namespace hearth::engine::index
