#include "engine/index/codes/scalar_codes.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

namespace hearth::engine::index {
namespace {

constexpr std::size_t header_bytes = sizeof(scalar_codes::header);
constexpr double largest_code = 255;
// The sample does not hold the extremes of what is to come.
constexpr double margin = 1.05;
// Makes float64 results, and float32 ones that are not denormal, upper bounds.
constexpr double upwards = 1 + 1e-6;
constexpr double half_float_ulp = 6e-8;
// What float64 loses over 65,536 terms, relative to the sum of their sizes.
constexpr double float64_error = 1e-11;

float at_least(double value) noexcept {
  return std::nextafter(static_cast<float>(value * upwards),
                        value > 0 ? std::numeric_limits<float>::infinity() : 0.0F);
}

struct range {
  double lowest = 0;
  double highest = 0;
};

// Leaves out as many of the extremes on each side as makes the squared error of the column least:
// rounding errors shrink with the range, errors of what is clamped grow. From the width of the
// range on they count as equal: estimates of such a row say little either way.
range best_range(std::vector<float>& column) {
  constexpr std::array<std::size_t, 5> left_out{0, 1, 4, 16, 32};
  const std::size_t tail = std::min(left_out.back() + 1, (column.size() + 1) / 2);
  const auto low_end = column.begin() + static_cast<std::ptrdiff_t>(tail);
  const auto high_end = column.end() - static_cast<std::ptrdiff_t>(tail);
  std::partial_sort(column.begin(), low_end, column.end());
  std::nth_element(low_end, high_end, column.end());
  std::sort(high_end, column.end());
  range best{column.front(), column.back()};
  double least = std::numeric_limits<double>::infinity();
  for (const std::size_t count : left_out) {
    if (count >= tail)
      break;
    const range tried{column[count], column[column.size() - 1 - count]};
    const double step = (tried.highest - tried.lowest) / largest_code;
    double error = step * step / 12 * static_cast<double>(column.size());
    for (std::size_t i = 0; i < count; ++i) {
      const double width = tried.highest - tried.lowest;
      const double below = std::min(tried.lowest - static_cast<double>(column[i]), width);
      const double above =
          std::min(static_cast<double>(column[column.size() - 1 - i]) - tried.highest, width);
      error += below * below + above * above;
    }
    if (error < least) {
      least = error;
      best = tried;
    }
  }
  return best;
}

// Bytes, signed or not, are their own codes: then there is no coding error at all.
std::optional<float> lowest_of_bytes(std::span<const float> values) {
  float least = 0;
  float most = 0;
  for (const float value : values) {
    if (value != std::nearbyint(value))
      return std::nullopt;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  if (least >= 0 && most <= 255)
    return 0.0F;
  return least >= -128 && most <= 127 ? std::optional(-128.0F) : std::nullopt;
}

// Dimensions that vary little get no finer steps than the average one: that would hardly lower the
// error of a row, which the coarse dimensions make, but raise that of a rounded query, which grows
// with the sizes of the codes.
void choose_steps(std::span<const range> ranges, scalar_codes::model& learned) {
  double squares = 0;
  for (const auto& each : ranges)
    squares += (each.highest - each.lowest) * (each.highest - each.lowest);
  const double width = std::sqrt(squares / static_cast<double>(ranges.size()));
  for (const auto& each : ranges) {
    const double middle = each.lowest + (each.highest - each.lowest) / 2;
    const double step = std::max(each.highest - each.lowest, width) * margin / largest_code;
    learned.step.push_back(std::max(static_cast<float>(step), std::numeric_limits<float>::min()));
    learned.lowest.push_back(
        static_cast<float>(middle - static_cast<double>(learned.step.back()) * largest_code / 2));
  }
}

int code_of(double value, double lowest, double per_step) noexcept {
  return static_cast<int>(std::clamp((value - lowest) * per_step + 0.5, 0.0, largest_code));
}

}  // namespace

std::optional<scalar_codes> scalar_codes::train(matrix_view sample, distance_kind distance) {
  return train(sample, distance, float_sum_error(sample.dimension()));
}

std::optional<scalar_codes> scalar_codes::train(matrix_view sample, distance_kind distance,
                                                double float_error) {
  if (sample.empty())
    return std::nullopt;
  for (std::size_t i = 0; i < sample.rows(); ++i) {
    const auto row = sample.row(i);
    if (!(static_cast<double>(kernels().squared_norm(row.data(), row.size())) < largest_square))
      return std::nullopt;
  }
  const std::size_t dimension = sample.dimension();
  model learned;
  std::vector<float> column(sample.rows());
  const auto read_column = [&](std::size_t d) {
    for (std::size_t i = 0; i < sample.rows(); ++i)
      column[i] = sample.values()[i * dimension + d];
  };
  if (const auto lowest = lowest_of_bytes(sample.values())) {
    learned.lowest.assign(dimension, *lowest);
    learned.step.assign(dimension, 1);
  } else {
    std::vector<range> ranges;
    ranges.reserve(dimension);
    for (std::size_t d = 0; d < dimension; ++d) {
      read_column(d);
      ranges.push_back(best_range(column));
    }
    choose_steps(ranges, learned);
  }
  for (std::size_t d = 0; d < dimension; ++d) {
    read_column(d);
    const double sum =
        std::accumulate(column.begin(), column.end(), 0.0, [&](double before, float value) {
          return before +
                 code_of(value, learned.lowest[d], 1 / static_cast<double>(learned.step[d]));
        });
    learned.centre.push_back(static_cast<float>(sum / static_cast<double>(sample.rows())));
  }
  return scalar_codes(std::move(learned), distance, float_error);
}

scalar_codes::scalar_codes(model trained, distance_kind distance)
    : scalar_codes(std::move(trained), distance, 0) {
  float_error_ = float_sum_error(dimension_);
}

scalar_codes::scalar_codes(model trained, distance_kind distance, double float_error)
    : model_(std::move(trained)), distance_(distance), dimension_(model_.step.size()),
      row_bytes_(whole_lines(header_bytes + dimension_)), float_error_(float_error),
      kernel_(kernels()) {
  origin_.reserve(dimension_);
  per_step_.reserve(dimension_);
  for (std::size_t d = 0; d < dimension_; ++d)
    origin_.push_back(static_cast<double>(model_.lowest[d]) +
                      static_cast<double>(model_.step[d]) * static_cast<double>(model_.centre[d]));
  for (const float step : model_.step)
    per_step_.push_back(1 / static_cast<double>(step));
}

void scalar_codes::encode(const float* vector, std::byte* row, double uncertainty) const noexcept {
  std::memset(row, 0, row_bytes_);
  std::byte* const codes = row + header_bytes;
  double error = 0;
  double spread = 0;
  double length = 0;
  double norm = 0;
  for (std::size_t d = 0; d < dimension_; ++d) {
    const double value = vector[d];
    const double lowest = model_.lowest[d];
    const double step = model_.step[d];
    const int number = code_of(value, lowest, per_step_[d]);
    codes[d] = static_cast<std::byte>(number);
    const double code = number;
    const double lost = value - (lowest + step * code);
    const double steps = code - static_cast<double>(model_.centre[d]);
    error += lost * lost;
    spread += steps * steps;
    length += step * step * steps * steps;
    norm += value * value;
  }
  header numbers{};
  if (norm < largest_square && length < largest_square && std::isfinite(uncertainty)) {
    double bound = std::sqrt(error) + uncertainty;
    if (distance_ == distance_kind::l2)
      numbers.offset = static_cast<float>(length + error);
    else
      bound += float_error_ * std::sqrt(norm);
    numbers.error = at_least(bound);
    numbers.spread = at_least(std::sqrt(spread));
  } else {
    std::memset(row, 0, row_bytes_);
    numbers.offset = std::numeric_limits<float>::infinity();
  }
  std::memcpy(row, &numbers, sizeof numbers);
}

bool scalar_codes::is_row(const std::byte* row) const noexcept {
  const header& numbers = header_of(row);
  return numbers.offset >= 0 && numbers.error >= 0 && std::isfinite(numbers.error) &&
         numbers.spread >= 0 && std::isfinite(numbers.spread) &&
         std::all_of(row + header_bytes + dimension_, row + row_bytes_,
                     [](std::byte rest) { return rest == std::byte{0}; });
}

bool scalar_codes::prepare(const float* query, prepared_query& prepared, double uncertainty) const {
  const bool l2 = distance_ == distance_kind::l2;
  double norm = 0;
  double square = 0;   // relative to the origin
  double product = 0;  // with the origin
  double sizes = 0;
  double largest = 0;
  for (std::size_t d = 0; d < dimension_; ++d) {
    const double value = query[d];
    const double relative = value - origin_[d];
    norm += value * value;
    square += relative * relative;
    product += value * origin_[d];
    const double weight = std::abs((l2 ? relative : value) * static_cast<double>(model_.step[d]));
    largest = std::max(largest, weight);
    sizes += weight * largest_code + std::abs(value * origin_[d]);
  }
  if (!(norm < largest_square && square < largest_square))
    return false;

  std::byte* const bytes = prepared.bytes_.of(2 * row_bytes_);
  std::memset(bytes, 0, 2 * row_bytes_);
  std::byte* const high = bytes + header_bytes;
  std::byte* const low = high + row_bytes_;
  constexpr double largest_value = 127 * 256;
  const double unit = largest > 0 ? largest / largest_value : 1;
  double high_centre = 0;  // sums of products with the centre
  double centre = 0;
  double high_sizes = 0;
  double high_lost = 0;  // squared lengths of what rounding loses
  double lost = 0;
  for (std::size_t d = 0; d < dimension_; ++d) {
    const double weight = (static_cast<double>(query[d]) - (l2 ? origin_[d] : 0)) *
                          static_cast<double>(model_.step[d]);
    const int value = static_cast<int>(std::lrint(weight / unit));
    const int rounded = (value + 128) >> 8;
    high[d] = static_cast<std::byte>(rounded);
    low[d] = static_cast<std::byte>(value - 256 * rounded);
    const double middle = model_.centre[d];
    centre += middle * value;
    high_centre += middle * 256 * rounded;
    const double rest = weight - unit * value;
    const double high_rest = weight - unit * 256 * rounded;
    lost += rest * rest;
    high_lost += high_rest * high_rest;
    high_sizes += std::abs(rounded);
  }
  const double times = l2 ? 2 : 1;
  const double fixed = l2 ? square : (distance_ == distance_kind::cosine ? 1.0 : 0.0) - product;
  prepared.high = bytes;
  prepared.low = bytes + row_bytes_;
  prepared.scale = -times * unit;
  prepared.base = fixed + times * unit * centre;
  prepared.high_scale = 256 * prepared.scale;
  prepared.high_base = fixed + times * unit * high_centre;
  prepared.high_size = times * unit * 256 * largest_code * high_sizes;
  prepared.spread_error = times * std::sqrt(lost) * upwards;
  prepared.high_spread_error = times * std::sqrt(high_lost) * upwards;
  prepared.reach = l2 ? 0 : std::sqrt(norm) * upwards;
  prepared.uncertainty = l2 ? uncertainty : 0;
  // The last float32 operation of cosine is 1 - <q, x>; sums below float32's range get lost.
  prepared.rounding = float64_error * (square + norm + times * sizes) +
                      (distance_ == distance_kind::cosine ? 4 * half_float_ulp : 0) + 1e-38;
  return true;
}

scalar_codes::estimate scalar_codes::bounded(const prepared_query& query, const header& row,
                                             double sum, double spread_error) const noexcept {
  if (!std::isfinite(row.offset)) [[unlikely]]
    return {0, std::numeric_limits<float>::infinity()};
  const double offset = row.offset;
  const double value = sum + offset;
  double error =
      spread_error * static_cast<double>(row.spread) + query.rounding + half_float_ulp * offset;
  if (distance_ == distance_kind::l2) {
    // |q - x| differs from the distance to the codes by at most the length of both errors.
    const double lost = static_cast<double>(row.error) + query.uncertainty;
    error += (2 * std::sqrt(std::max(value + error, 0.0)) + lost) * lost;
    error += float_error_ * (std::max(value, 0.0) + error);
  } else {
    error += query.reach * static_cast<double>(row.error);
  }
  error += 4 * half_float_ulp * std::abs(value);
  return {static_cast<float>(value), static_cast<float>(error * upwards)};
}

scalar_codes::block_test scalar_codes::test(const prepared_query& query,
                                            float limit) const noexcept {
  const auto scale = static_cast<float>(query.high_scale);
  if (!std::isfinite(limit))
    return {scale, std::numeric_limits<float>::max(), 0, 0};
  const double threshold = limit;
  double most = threshold;
  double per_error = query.reach;
  if (distance_ == distance_kind::l2) {
    // (sqrt(limit) + error)^2 + error^2, of which row_term has the squares of errors.
    const double reach =
        std::sqrt((threshold + query.rounding) * (1 + 2 * float_error_)) + query.uncertainty;
    most = reach * reach;
    per_error = 2 * reach;
  }
  const double rounding =
      query.rounding +
      4 * half_float_ulp * (query.high_size + std::abs(query.high_base) + std::abs(most));
  return {scale, static_cast<float>(most - query.high_base + rounding), at_least(per_error),
          at_least(query.high_spread_error)};
}

float scalar_codes::row_term(const header& row) const noexcept {
  if (!std::isfinite(row.offset)) [[unlikely]]
    return -std::numeric_limits<float>::infinity();
  if (distance_ != distance_kind::l2)
    return 0;
  // Less what float32 may add when the terms are summed up.
  return row.offset * (1 - 1e-6F) - 2.000002F * row.error * row.error;
}

}  // namespace hearth::engine::index
