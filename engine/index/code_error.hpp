#pragma once
// What one search learns of how good its codes are. Internal to engine/index.
#include <cmath>

namespace hearth::engine::index {

/// How far distances between codes are from those between vectors, as seen so far in one search
/// (Welford, "Note on a method for calculating corrected sums of squares and products", 1962).
class code_error {
 public:
  void add(double seen) noexcept {
    const double change = seen - mean_;
    mean_ += change / ++count_;
    squares_ += change * (seen - mean_);
  }
  /// Errors are seldom less than this: so many standard deviations below their mean.
  [[nodiscard]] double least(double deviations = 4) const noexcept {
    return mean_ - deviations * std::sqrt(squares_ / count_);
  }

 private:
  double count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

}  // namespace hearth::engine::index
