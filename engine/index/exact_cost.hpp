#pragma once
// What exact searches cost on this machine, for choosing between them and other indexes.
#include <cstddef>
#include <cstdint>

namespace hearth::engine::index {

/// Seconds per query of search_exact on one thread over full codes, by a model with two terms: one
/// per row, one per byte of codes. Upper bounds: reduced codes, where an index has them, are
/// several times as fast. Left out is what does not grow with the rows.
class exact_cost {
 public:
  /// Of this machine, measured at the first call, which takes some 10 ms, and kept for the life of
  /// the process. Any thread.
  [[nodiscard]] static const exact_cost& here();

  /// One query that is searched alone: the time is that of reading the codes.
  [[nodiscard]] double alone(std::size_t rows, std::uint32_t dimension) const noexcept;
  /// One of many queries in a batch, 64 or more: the time is that of the integer products.
  [[nodiscard]] double batched(std::size_t rows, std::uint32_t dimension) const noexcept;

 private:
  struct line {
    double per_row;
    double per_byte;
  };
  exact_cost();

  line alone_;
  line batched_;
};

}  // namespace hearth::engine::index
