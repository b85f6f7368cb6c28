#pragma once
// Exact search over the vectors in storage: for queries that ask for it, and for shards whose index
// is being built.
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "actors/nearest_rows.hpp"
#include "core/matrix_view.hpp"
#include "core/namespace_config.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::actors {

/// Distances between some queries and vectors as storage shows them, in the units of
/// distance_kind. Right for every finite input: where float32 ends, a one-row flat index (which
/// goes on in float64) gives the distance. Thread rule: one thread.
class storage_scan {
 public:
  /// `queries` outlive this. `bounds[i]` is how many rows query i wants.
  storage_scan(matrix_view queries, std::span<const std::size_t> bounds, distance_kind distance);

  /// Offers vectors.row(i) as rows[i] to every query; rows that `wanted` refuses are skipped (an
  /// empty function wants all).
  void offer(std::span<const row_id> rows, matrix_view vectors,
             const std::function<bool(row_id)>& wanted);

  /// Rows that were offered and wanted.
  [[nodiscard]] std::uint64_t compared() const noexcept { return compared_; }
  [[nodiscard]] std::vector<neighbor> take(std::size_t query) { return nearest_[query].take(); }

 private:
  void offer_row(row_id row, std::span<const float> vector);
  [[nodiscard]] float distance(std::size_t query, std::span<const float> vector,
                               float vector_norm) const;
  [[nodiscard]] float precise(std::size_t query, std::span<const float> vector) const;

  const matrix_view queries_;
  const distance_kind distance_;
  const engine::index::kernel_table& kernels_;
  std::vector<float> norms_;  // of the queries; cosine only
  std::vector<nearest_rows> nearest_;
  std::uint64_t compared_ = 0;
};

}  // namespace hearth::actors
