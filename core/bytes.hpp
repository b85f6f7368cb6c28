#pragma once
// Writing and reading bytes: little-endian numbers, LEB128 varints, texts. Readers trust nothing:
// past the end they fail instead of reading.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "core/disk.hpp"

namespace hearth::inline core {

static_assert(std::endian::native == std::endian::little,
              "what is stored is little-endian, and vectors are used in place");

/// Appends to a buffer that the caller owns and reuses.
class byte_writer {
 public:
  explicit byte_writer(std::vector<std::byte>& out) noexcept : out_(out) {}

  void u8(std::uint8_t number) { out_.push_back(static_cast<std::byte>(number)); }
  void u32(std::uint32_t number) { raw(&number, sizeof number); }
  void u64(std::uint64_t number) { raw(&number, sizeof number); }
  void f64(double number) { raw(&number, sizeof number); }
  /// LEB128: seven bits per byte, low ones first; 1 to 10 bytes.
  void varint(std::uint64_t number) {
    while (number >= 0x80) {
      u8(static_cast<std::uint8_t>(number | 0x80));
      number >>= 7;
    }
    u8(static_cast<std::uint8_t>(number));
  }
  void bytes(byte_span data) { raw(data.data(), data.size()); }
  /// Its length as a varint, then its bytes.
  void text(std::string_view data) {
    varint(data.size());
    raw(data.data(), data.size());
  }

 private:
  void raw(const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    out_.insert(out_.end(), first, first + size);
  }

  std::vector<std::byte>& out_;
};

/// Reads front to back. The first read that does not fit, or is not well-formed, makes ok() false
/// for good; from then on every read answers zero or nothing.
class byte_reader {
 public:
  explicit byte_reader(byte_span data) noexcept : rest_(data) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  /// ok, and nothing is left.
  [[nodiscard]] bool done() const noexcept { return ok_ && rest_.empty(); }
  [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }
  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }

  [[nodiscard]] std::uint8_t u8() noexcept { return number<std::uint8_t>(); }
  [[nodiscard]] std::uint32_t u32() noexcept { return number<std::uint32_t>(); }
  [[nodiscard]] std::uint64_t u64() noexcept { return number<std::uint64_t>(); }
  [[nodiscard]] double f64() noexcept { return number<double>(); }

  /// Refuses what no writer makes: more than 64 bits, or a last byte of zero.
  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = u8();
      if (!ok_)
        return 0;
      if (shift == 63 && byte > 1)
        break;
      number |= std::uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80) == 0) {
        if (byte == 0 && shift != 0)
          break;
        return number;
      }
    }
    fail();
    return 0;
  }

  [[nodiscard]] byte_span bytes(std::uint64_t count) noexcept {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  /// A length as a varint, then that many bytes.
  [[nodiscard]] std::string_view text() noexcept {
    const auto taken = bytes(varint());
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  template <class T>
  [[nodiscard]] T number() noexcept {
    T value{};
    const auto taken = bytes(sizeof(T));
    if (ok_)
      std::memcpy(&value, taken.data(), sizeof(T));
    return value;
  }

  byte_span rest_;
  bool ok_ = true;
};

}  // namespace hearth::inline core
