#include "core/checksum.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hearth::inline core {

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

struct checksum_stream::state {
  XXH3_state_t hash;
};

checksum_stream::checksum_stream() : state_(std::make_unique<state>()) {
  XXH3_64bits_reset(&state_->hash);
}

checksum_stream::~checksum_stream() = default;
checksum_stream::checksum_stream(checksum_stream&&) noexcept = default;
checksum_stream& checksum_stream::operator=(checksum_stream&&) noexcept = default;

void checksum_stream::add(std::span<const std::byte> bytes) noexcept {
  XXH3_64bits_update(&state_->hash, bytes.data(), bytes.size());
}

std::uint64_t checksum_stream::value() const noexcept {
  return XXH3_64bits_digest(&state_->hash);
}

}  // namespace hearth::inline core
