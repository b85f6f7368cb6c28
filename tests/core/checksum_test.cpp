#include "core/checksum.hpp"

#include <catch2/catch.hpp>
#include <string_view>
#include <vector>

namespace {

std::uint64_t of(std::string_view text, std::uint64_t seed = 0) {
  return hearth::checksum(std::as_bytes(std::span(text)), seed);
}

}  // namespace

// Checksums are on disk: they must never change.
TEST_CASE("checksums are XXH3-64 with the published values") {
  CHECK(of("") == 0x2d06'8005'38d3'94c2);  // XXH3_64bits of nothing
  CHECK(of("hearth") == of("hearth"));
  CHECK(of("hearth") != of("hearth", 1));
}

TEST_CASE("every single flipped bit changes the checksum") {
  std::vector<std::byte> bytes(1'000);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i * 31);
  const auto sound = hearth::checksum(bytes);
  for (auto& byte : bytes)
    for (int bit = 0; bit < 8; ++bit) {
      byte ^= static_cast<std::byte>(1U << bit);
      if (hearth::checksum(bytes) == sound)
        FAIL("a flipped bit went unseen");
      byte ^= static_cast<std::byte>(1U << bit);
    }
  CHECK(hearth::checksum(bytes) == sound);
}
