#pragma once
// XXH3-64, the checksum of everything Hearth stores itself.
#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth::inline core {

[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes,
                                     std::uint64_t seed = 0) noexcept;

}  // namespace hearth::inline core
