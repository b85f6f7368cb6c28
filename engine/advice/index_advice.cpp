#include "engine/advice/index_advice.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/validation.hpp"

namespace hearth::engine::advice {

namespace {

// ---- measurements: docs/benchmarks.md, "advice"
// --------------------------------------------------

struct measurement {
  double ef;
  double recall;
  double microseconds;
};

/// The harder of two data sets, so that what is predicted is rather too low than too high: 60,000
/// vectors of 256 dimensions from latent semantic analysis, cosine, m 16, ef_construction 200.
constexpr measurement hard_set[] = {{10, 0.401, 26},  {20, 0.547, 41},   {40, 0.689, 63},
                                    {80, 0.818, 99},  {160, 0.915, 165}, {320, 0.973, 302},
                                    {640, 0.992, 602}};
/// The easier one: 60,000 pictures of 784 pixels, l2.
constexpr measurement easy_set[] = {{10, 0.758, 20},  {20, 0.932, 28},   {40, 0.984, 48},
                                    {80, 0.996, 71},  {160, 0.998, 104}, {320, 0.999, 160},
                                    {640, 0.999, 277}};
constexpr double measured_rows = 60'000;
/// From 15,000 to 60,000 rows, the ef for the same recall grew 1.8 times and the time for the same
/// ef at most 2.0 times: powers of the number of rows.
constexpr double ef_growth = 0.43;
constexpr double time_growth = 0.5;
/// Of the same set: CPU time to build, per row.
constexpr double build_microseconds = 197;
/// An exact search reads codes of 8 bits first: 33 ns per row of 256 dimensions.
constexpr double scan_nanoseconds = 33;
constexpr double scan_dimension = 256;

// ---- memory: the structures' own sizes
// -----------------------------------------------------------

constexpr std::uint64_t cache_line = 64;
constexpr std::uint64_t row_number_bytes = 8;
constexpr std::uint64_t slot_bytes = 4;
constexpr std::uint64_t node_bytes = 12;
constexpr std::uint64_t short_code_header = 4;
constexpr std::uint64_t scalar_code_header = 12;
constexpr std::uint64_t reduced_code_bytes = 64;
constexpr std::uint32_t least_reduced_dimension = 512;
constexpr std::uint32_t least_coded_dimension = 64;
constexpr std::uint64_t first_training_rows = 4'096;
constexpr std::uint64_t lean_code_bytes = 128;

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + cache_line - 1) / cache_line * cache_line;
}
// Less than a cache line lies densely, more starts on one.
std::uint64_t stride(std::uint64_t bytes) {
  return bytes < cache_line ? bytes : padded(bytes);
}

std::uint64_t directory_bytes(std::uint64_t rows) {
  return rows * row_number_bytes +
         std::bit_ceil(std::max<std::uint64_t>(2 * rows, 16)) * slot_bytes;
}

std::uint64_t graph_bytes(std::uint64_t rows, std::uint32_t m) {
  const std::uint64_t upper_nodes = rows / (m - 1);  // sum of 1/m, 1/m^2, ...
  return rows * (node_bytes + stride(2 * m * slot_bytes)) + upper_nodes * stride(m * slot_bytes);
}

std::uint64_t scalar_code_bytes(std::uint32_t dimension) {
  return padded(scalar_code_header + dimension);
}

// Per row.
std::uint64_t walk_code_bytes(const index_params& params, std::uint32_t dimension) {
  switch (params.quantization) {
  case quantization_kind::none:
    return 0;
  case quantization_kind::automatic:
    if (dimension < least_coded_dimension)
      return 0;
    [[fallthrough]];
  case quantization_kind::pca: {
    const auto bytes = padded(short_code_header + (dimension + 1) / 2);
    return params.memory == memory_kind::lean ? std::min(bytes, lean_code_bytes) : bytes;
  }
  case quantization_kind::sq8:
    return padded(short_code_header + dimension);
  case quantization_kind::rabitq:
    return padded(short_code_header + (dimension + 1) / 2);
  case quantization_kind::binary:
    return padded(short_code_header + (dimension + 7) / 8);
  }
  return 0;
}

// ---- speed and recall
// ----------------------------------------------------------------------------

// The value at `x` on the line through the measurements, with logarithms of ef and time.
template <class X, class Y>
double interpolate(std::span<const measurement> points, double x, X&& x_of, Y&& y_of) {
  if (x <= x_of(points.front()))
    return y_of(points.front());
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double low = x_of(points[i - 1]);
    const double high = x_of(points[i]);
    if (x <= high)
      return y_of(points[i - 1]) +
             (y_of(points[i]) - y_of(points[i - 1])) * (x - low) / (high - low);
  }
  return y_of(points.back());
}

constexpr auto ef_of = [](const measurement& point) { return std::log(point.ef); };
constexpr auto recall_of = [](const measurement& point) { return point.recall; };
constexpr auto time_of = [](const measurement& point) { return std::log(point.microseconds); };

double grown(std::uint64_t rows, double power) {
  return std::pow(std::max(1.0, static_cast<double>(rows) / measured_rows), power);
}

double scan_microseconds(const index_needs& needs) {
  const double width = std::max(0.25, needs.dimension / scan_dimension);
  return static_cast<double>(needs.rows) * scan_nanoseconds * width / 1000;
}

// No more exact than that.
double one_digit(double number) {
  const double unit = std::pow(10, std::floor(std::log10(number)));
  return std::round(number / unit) * unit;
}

std::string count_of(double number) {
  return core::format("{}", static_cast<std::uint64_t>(std::llround(number)));
}

index_advice flat_advice(const index_needs& needs) {
  index_advice advice;
  advice.params.kind = index_kind::flat;
  advice.memory_bytes = predicted_memory(advice.params, needs.rows, needs.dimension);
  advice.recall = 1;
  advice.searches_per_second = one_digit(1e6 / scan_microseconds(needs));
  advice.build_seconds = static_cast<double>(needs.rows) * 30e-6;
  return advice;
}

index_advice hnsw_advice(const index_needs& needs, memory_kind memory) {
  index_advice advice;
  advice.params.memory = memory;
  advice.memory_bytes = predicted_memory(advice.params, needs.rows, needs.dimension);
  const double small_ef =
      std::exp(interpolate(std::span(hard_set), needs.recall, recall_of, ef_of));
  const double ef = small_ef * grown(needs.rows, ef_growth);
  advice.params.ef_search = static_cast<std::uint32_t>(std::clamp(ef, 10.0, 65'536.0));
  advice.recall = std::min(needs.recall, hard_set[std::size(hard_set) - 1].recall);
  const double small_time =
      std::exp(interpolate(std::span(hard_set), std::log(small_ef), ef_of, time_of));
  const double microseconds =
      small_time * grown(needs.rows, ef_growth) * grown(needs.rows, time_growth);
  advice.searches_per_second = one_digit(1e6 / microseconds);
  advice.build_seconds =
      static_cast<double>(needs.rows) * build_microseconds * grown(needs.rows, time_growth) / 1e6;
  const double easy = interpolate(std::span(easy_set), std::log(small_ef), ef_of, recall_of);
  advice.reasons.push_back(core::format(
      "ef_search {} is what hard data needs for recall {:.3g}; easy data has {:.3g} with it, and "
      "tune() finds how much less does for yours",
      advice.params.ef_search, advice.recall, easy));
  if (needs.recall > advice.recall)
    advice.reasons.push_back(
        core::format("no graph was measured to reach {} on hard data; a flat index does, with {} "
                     "searches per second",
                     needs.recall, count_of(flat_advice(needs).searches_per_second)));
  if (static_cast<double>(needs.rows) > measured_rows)
    advice.reasons.push_back(core::format("speed is extrapolated from {} rows to {}",
                                          count_of(measured_rows), needs.rows));
  return advice;
}

result<void> validate(const index_needs& needs) {
  HEARTH_CHECK(validation::in_range("n", needs.rows, 1, std::uint64_t{1} << 32));
  HEARTH_CHECK(validation::in_range("dimension", needs.dimension, 1, limits::dimension));
  if (!(needs.recall > 0 && needs.recall <= 1))
    return fail(errc::invalid_argument,
                core::format("recall is {}; the range is above 0 to 1", needs.recall));
  return {};
}

bool fits(const index_needs& needs, const index_advice& advice) {
  return needs.memory_bytes == 0 || advice.memory_bytes <= needs.memory_bytes;
}

}  // namespace

std::uint64_t predicted_memory(const index_params& params, std::uint64_t rows,
                               std::uint32_t dimension) {
  const auto vectors = stride(dimension * sizeof(float));
  const bool coded = rows >= first_training_rows;
  if (params.kind == index_kind::flat) {
    const auto reduced = dimension >= least_reduced_dimension ? reduced_code_bytes : 0;
    const auto codes = coded ? scalar_code_bytes(dimension) + reduced : 0;
    return directory_bytes(rows) + rows * (vectors + codes);
  }
  auto per_row = coded ? walk_code_bytes(params, dimension) : 0;
  // Codes that all vectors are compared by come with those to walk on, and then vectors may leave.
  if (per_row > 0 && params.memory != memory_kind::lean)
    per_row += scalar_code_bytes(dimension);
  if (params.memory == memory_kind::fast || per_row == 0)
    per_row += vectors;
  return directory_bytes(rows) + graph_bytes(rows, params.m) + rows * per_row;
}

result<index_advice> suggest_index(const index_needs& needs) {
  HEARTH_CHECK(validate(needs));
  // As fast as a graph of this size, exact, and built at once.
  constexpr double quick_microseconds = 250;

  auto flat = flat_advice(needs);
  const bool small = scan_microseconds(needs) <= quick_microseconds;
  if ((small || needs.recall == 1) && fits(needs, flat)) {
    flat.reasons.emplace_back(needs.recall == 1 ? "only an exact index has recall 1"
                                                : "so few vectors are compared one by one as fast "
                                                  "as a graph is walked, and nothing is missed");
    return flat;
  }
  for (const auto memory : {memory_kind::fast, memory_kind::balanced, memory_kind::lean}) {
    auto advice = hnsw_advice(needs, memory);
    advice.fits = fits(needs, advice);
    if (!advice.fits && memory != memory_kind::lean)
      continue;
    if (memory != memory_kind::fast)
      advice.reasons.push_back(
          core::format("memory=\"fast\" would take {}, more than the {} there are",
                       format_bytes(hnsw_advice(needs, memory_kind::fast).memory_bytes),
                       format_bytes(needs.memory_bytes)));
    if (memory == memory_kind::lean)
      advice.reasons.emplace_back("memory=\"lean\" reads vectors from storage: searches are slower "
                                  "than predicted, how much "
                                  "depends on what the system keeps of the file");
    if (!advice.fits)
      advice.reasons.push_back(core::format("nothing takes less: {} is what the links, codes and "
                                            "row numbers need",
                                            format_bytes(advice.memory_bytes)));
    return advice;
  }
  return fail(errc::internal, "no index was considered");
}

}  // namespace hearth::engine::advice
