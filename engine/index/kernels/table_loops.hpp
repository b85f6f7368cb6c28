#pragma once
// The 8-bit tables of fast_scan_kernel, in plain loops of sixteen that the compiler turns into the
// instructions of each set. Internal linkage, as in float_loops.hpp.
#include <cstddef>
#include <cstdint>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {
namespace {

inline void make_tables(const float* products, std::size_t parts, float* lows, std::uint8_t* tables,
                        fast_scan_query* query) noexcept {
  constexpr std::size_t entries = 16;
  float widest = 0;
  float base = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const float* const table = products + part * entries;
    float low[entries];
    float high[entries];
    for (std::size_t c = 0; c < entries; ++c)
      low[c] = high[c] = table[c];
    for (std::size_t half = entries / 2; half > 0; half /= 2)
      for (std::size_t c = 0; c < half; ++c) {
        low[c] = low[c + half] < low[c] ? low[c + half] : low[c];
        high[c] = high[c + half] > high[c] ? high[c + half] : high[c];
      }
    lows[part] = low[0];
    base += low[0];
    widest = high[0] - low[0] > widest ? high[0] - low[0] : widest;
  }
  const float step = widest > 0 ? widest / 255 : 1;
  const float per_step = 1 / step;
  for (std::size_t part = 0; part < parts; ++part)
    for (std::size_t c = 0; c < entries; ++c) {
      const float steps = (products[part * entries + c] - lows[part]) * per_step + 0.5F;
      tables[part * entries + c] =
          static_cast<std::uint8_t>(static_cast<int>(steps < 255 ? steps : 255.0F));
    }
  *query = {tables, parts / 8, step, base};
}

}  // namespace
}  // namespace hearth::engine::index
