#pragma once
// XXH3-64, the checksum of everything Hearth stores itself.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace hearth::inline core {

[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes,
                                     std::uint64_t seed = 0) noexcept;

/// checksum() of bytes that come in parts.
class checksum_stream {
 public:
  checksum_stream();
  ~checksum_stream();
  checksum_stream(checksum_stream&&) noexcept;
  checksum_stream& operator=(checksum_stream&&) noexcept;
  void add(std::span<const std::byte> bytes) noexcept;
  /// Of all so far.
  [[nodiscard]] std::uint64_t value() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace hearth::inline core
