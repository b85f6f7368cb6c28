#pragma once
// Room for one row of codes, which start at multiples of 64.
#include <cstddef>
#include <vector>

namespace hearth::engine::index {

/// `bytes` in whole cache lines.
[[nodiscard]] constexpr std::size_t whole_lines(std::size_t bytes) noexcept {
  return (bytes + 63) / 64 * 64;
}

/// Grows, never shrinks; what of() gave before a larger call is gone.
class aligned_row {
 public:
  [[nodiscard]] std::byte* of(std::size_t bytes) {
    lines_.resize((bytes + sizeof(line) - 1) / sizeof(line));
    return reinterpret_cast<std::byte*>(lines_.data());
  }

 private:
  struct alignas(64) line {
    std::byte bytes[64];
  };
  std::vector<line> lines_;
};

}  // namespace hearth::engine::index
