#include "core/format.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/utf8.hpp"

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

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  const char* next = text.data();
  const char* end = next + text.size();
  while (next != end) {
    const auto length = utf8_sequence(next, end);
    const auto byte = static_cast<unsigned char>(*next);
    const bool escaped = length == 0 || byte < 0x20 || byte == 0x7f;
    const auto taken = std::max<std::size_t>(length, 1);
    if (out.size() + (escaped ? 4 : taken) > max_bytes) {
      out += "…";
      break;
    }
    if (escaped)
      core::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    else
      out.append(next, taken);
    next += taken;
  }
  return out;
}

}  // namespace hearth::inline core
