#pragma once
// Stored values under a checksum.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/checksum.hpp"

namespace hearth::storage {

inline constexpr std::size_t checksum_bytes = sizeof(std::uint64_t);

/// Empties `out` and leaves room in front for the checksum that finish_checked puts there.
inline void begin_checked(std::vector<std::byte>& out) {
  out.assign(checksum_bytes, std::byte{0});
}

/// Puts the checksum of everything behind it in front. `seed` ties a value to its key, so that a
/// value found under another key is refused too.
inline void finish_checked(std::vector<std::byte>& out, std::uint64_t seed) noexcept {
  const auto sum = checksum(std::span(out).subspan(checksum_bytes), seed);
  std::memcpy(out.data(), &sum, sizeof sum);
}

/// A reader of what is behind a correct checksum; one that is not ok() if the checksum is wrong.
[[nodiscard]] inline byte_reader open_checked(byte_span data, std::uint64_t seed) noexcept {
  byte_reader reader(data);
  const auto sum = reader.u64();
  if (reader.ok() && sum != checksum(data.subspan(checksum_bytes), seed))
    reader.fail();
  return reader;
}

}  // namespace hearth::storage
