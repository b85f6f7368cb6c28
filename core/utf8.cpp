#include "core/utf8.hpp"

#include <cstdint>
#include <cstring>

#include "core/value.hpp"

namespace hearth::inline core {

std::size_t utf8_sequence(const char* next, const char* end) noexcept {
  const auto byte = [&](std::ptrdiff_t i) { return static_cast<unsigned char>(next[i]); };
  const auto continues = [&](std::ptrdiff_t i) {
    return i < end - next && (byte(i) & 0xc0U) == 0x80U;
  };
  const auto lead = byte(0);
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead <= 0xdf)
    return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!continues(1) || !continues(2))
      return 0;
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3))
      return 0;
    const bool overlong = lead == 0xf0 && byte(1) < 0x90;
    const bool beyond_unicode = lead == 0xf4 && byte(1) > 0x8f;
    return overlong || beyond_unicode ? 0 : 4;
  }
  return 0;  // a continuation byte, an overlong lead (c0, c1) or a byte that never occurs (f5..ff)
}

bool is_utf8(std::string_view text) noexcept {
  const char* next = text.data();
  const char* end = next + text.size();
  constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
  while (next != end) {
    // Most text is ASCII: eight bytes at a time.
    for (std::uint64_t word = 0; end - next >= 8; next += 8) {
      std::memcpy(&word, next, 8);
      if ((word & high_bits) != 0)
        break;
    }
    // The rest of an ASCII run of less than eight, and what follows it.
    for (int characters = 0; next != end && characters < 8; ++characters) {
      const auto length = utf8_sequence(next, end);
      if (length == 0)
        return false;
      next += length;
    }
  }
  return true;
}

}  // namespace hearth::inline core
