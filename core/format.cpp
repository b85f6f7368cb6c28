#include "core/format.hpp"

#include <array>

namespace hearth::inline core {

std::string format_bytes(std::uint64_t bytes) {
  if (bytes == 1)
    return "1 byte";
  if (bytes < 1024)
    return core::format("{} bytes", bytes);
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would print as "1024.0": the next unit reads better.
  while (size >= 1023.95 && unit + 1 < units.size()) {
    size /= 1024;
    ++unit;
  }
  auto text = core::format("{:.1f}", size);
  if (text.ends_with(".0"))
    text.resize(text.size() - 2);
  return core::format("{} {}", text, units[unit]);
}

}  // namespace hearth::inline core
