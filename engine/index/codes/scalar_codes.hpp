#pragma once
// One byte per dimension: distances from a query to stored vectors for a quarter of the bytes, each
// with a bound of its error, so that what is found with them can be proven to be exact.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core/matrix_view.hpp"
#include "core/namespace_config.hpp"
#include "engine/index/codes/aligned_row.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// What a kernel_table's float32 sum of products loses at most, relative to the lengths of the two
/// vectors: eight sums at least run side by side, and there are steps before and after them.
[[nodiscard]] constexpr double float_sum_error(std::size_t terms) noexcept {
  return (static_cast<double>(terms) / 8 + 8) *
         static_cast<double>(std::numeric_limits<float>::epsilon());
}

/// Scalar quantization with a range of its own for each dimension d: a code c stands for
/// lowest[d] + step[d] * c. What lies outside the range is clamped; the length of the difference
/// between a vector and what its codes stand for is part of its row, so outliers cost speed, never
/// correctness.
///
/// A row is three floats (see `header`) and one byte per dimension, zeros up to a multiple of 64
/// bytes, and starts at a multiple of 64. Immutable once trained: any thread.
///
/// How an estimate works: with y the vector that a row stands for, relative to the centre of the
/// data, and p the query, y[d] = step[d] * (c[d] - centre[d]), so <p, y> is the inner product of
/// p[d] * step[d] with the codes. The former is rounded to 16-bit integers with one scale; their
/// high and low bytes are each an inner product of unsigned with signed bytes, which CPUs have
/// instructions for. The rest are terms of the query alone or of the row alone. Errors are bounded
/// by the Cauchy-Schwarz inequality: |<p, x - y>| <= |p| * |x - y|, and likewise for the rounding
/// of the query.
class scalar_codes {
 public:
  /// Vectors with a smaller square of their length, and their distances, float32 can square.
  static constexpr double largest_square = 1e36;

  /// Numbers that decide everything else; each has `dimension` values.
  struct model {
    std::vector<float> lowest;  ///< what code 0 stands for
    std::vector<float> step;    ///< from one code to the next; above 0
    std::vector<float> centre;  ///< the mean of the sample's codes: 0 to 255
  };

  /// A query in the form that rows are compared with. Reused: prepare() allocates only to grow.
  struct prepared_query {
    const std::byte* high = nullptr;  ///< row_bytes signed bytes; zeros where a row has no codes
    const std::byte* low = nullptr;   ///< likewise: a value is 256 * high + low
    double base = 0;                  ///< estimate = base + scale * sum + the row's offset
    double scale = 0;                 ///< of the 16-bit sum
    double high_base = 0;             ///< the same from the high bytes alone
    double high_scale = 0;
    double high_size = 0;          ///< at least what a sum from the high bytes contributes
    double spread_error = 0;       ///< error per unit of a row's spread, from rounding the query
    double high_spread_error = 0;  ///< the same from the high bytes alone
    double reach = 0;  ///< inner products: the query's length. l2: 0, the distance takes its part
    double uncertainty = 0;  ///< l2: how far the true query may be
    double rounding = 0;     ///< of float64 sums and of the float32 kernel, for any row

   private:
    friend class scalar_codes;
    aligned_row bytes_;
  };

  /// What query_distance answers for the row lies in [value - error, value + error]: the float32
  /// result itself, its rounding included.
  struct estimate {
    float value = 0;
    float error = 0;

    [[nodiscard]] float lowest() const noexcept { return value - error; }
    [[nodiscard]] float highest() const noexcept { return value + error; }
  };

  /// Learns from `sample` (unit-length rows if the distance is cosine). Deterministic. Nothing if
  /// its values leave the range in which float32 squares are safe, or there is no row.
  [[nodiscard]] static std::optional<scalar_codes> train(matrix_view sample,
                                                         distance_kind distance);
  /// Where vectors stand for longer ones (see reduced_codes): bounds are widened by float32 errors
  /// of `float_error` relative to the vectors' lengths, in place of those of `dimension` terms.
  [[nodiscard]] static std::optional<scalar_codes> train(matrix_view sample, distance_kind distance,
                                                         double float_error);

  scalar_codes(model trained, distance_kind distance);

  [[nodiscard]] std::size_t row_bytes() const noexcept { return row_bytes_; }
  [[nodiscard]] std::size_t dimension() const noexcept { return dimension_; }
  [[nodiscard]] distance_kind distance() const noexcept { return distance_; }
  [[nodiscard]] const model& trained() const noexcept { return model_; }

  /// Any finite vector; one that is too long for float32 squares gets a row that says nothing.
  /// Bounds hold for every vector that is not farther than `uncertainty` from this one.
  void encode(const float* vector, std::byte* row, double uncertainty = 0) const noexcept;
  /// True for what encode() can write.
  [[nodiscard]] bool is_row(const std::byte* row) const noexcept;

  /// `query` has length 1 (or 0) if the distance is cosine. False, and nothing prepared, if it is
  /// too long for float32 squares: then only the vectors themselves can tell. With l2, bounds hold
  /// for every query that is not farther than `uncertainty` from this one.
  [[nodiscard]] bool prepare(const float* query, prepared_query& prepared,
                             double uncertainty = 0) const;

  /// Orders rows as query_distance does. A row that says nothing has an infinite error.
  [[nodiscard]] estimate distance(const prepared_query& query,
                                  const std::byte* row) const noexcept {
    const auto sums = kernel_.code_dots(row, query.high, query.low, row_bytes_);
    const double sum = 256.0 * sums.high + sums.low;
    return bounded(query, header_of(row), query.base + query.scale * sum, query.spread_error);
  }

  /// Where the codes of a row begin, and the next multiple of 4 behind them.
  [[nodiscard]] static constexpr std::size_t first_byte() noexcept { return sizeof(header); }
  [[nodiscard]] std::size_t end_byte() const noexcept {
    return (sizeof(header) + dimension_ + 3) / 4 * 4;
  }

  /// Floats in front of a row's codes.
  struct header {
    /// l2: the squared length of the codes relative to the centre, plus that of the coding error:
    /// the sum of both is the best guess of the vector's. Inner products: 0. Infinite in a row that
    /// says nothing.
    float offset;
    /// At least the length of the coding error. Inner products: also what float32 sums lose, per
    /// length of the query.
    float error;
    /// At least the length of the codes relative to the centre, counted in codes.
    float spread;
  };
  /// Says of many rows at once which ones cannot be near: only a row with
  ///   row_term(header) + scale * sum(codes * high) <=
  ///       fixed + per_error * header.error + per_spread * header.spread
  /// can have a distance of at most `limit`, both sides computed in float32 in any order. It is
  /// what distance() says, less precise since the low bytes of the query are left out.
  struct block_test {
    float scale;
    float fixed;
    float per_error;
    float per_spread;
  };
  [[nodiscard]] block_test test(const prepared_query& query, float limit) const noexcept;
  [[nodiscard]] float row_term(const header& row) const noexcept;

  [[nodiscard]] static const header& header_of(const std::byte* row) noexcept {
    return *reinterpret_cast<const header*>(row);
  }

 private:
  scalar_codes(model trained, distance_kind distance, double float_error);
  [[nodiscard]] estimate bounded(const prepared_query& query, const header& row, double sum,
                                 double spread_error) const noexcept;

  model model_;
  distance_kind distance_;
  std::size_t dimension_;
  std::size_t row_bytes_;
  double float_error_;          // relative
  std::vector<double> origin_;  // what the centre stands for
  std::vector<double> per_step_;
  const kernel_table& kernel_;
};

}  // namespace hearth::engine::index
