#pragma once
// Keys of the tables. Numbers are big-endian, so that LMDB's byte order is their order.
#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "core/disk.hpp"
#include "core/record.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

inline constexpr std::size_t key_limit = 511;  ///< LMDB's, as Debian builds it

/// The order of LMDB: by bytes, and what begins with another one behind it.
[[nodiscard]] inline std::strong_ordering compare_keys(byte_span a, byte_span b) noexcept {
  const auto shared = std::min(a.size(), b.size());
  const int order = shared == 0 ? 0 : std::memcmp(a.data(), b.data(), shared);  // not of null
  return order != 0 ? order <=> 0 : a.size() <=> b.size();
}

/// A number as a key has it.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::array<std::byte, sizeof(T)> big_endian(T number) noexcept {
  return std::bit_cast<std::array<std::byte, sizeof(T)>>(std::byteswap(number));
}
/// The number that `from` begins with. Precondition: it is that long.
template <std::unsigned_integral T>
[[nodiscard]] T read_big_endian(byte_span from) noexcept {
  T number = 0;
  std::memcpy(&number, from.data(), sizeof number);
  return std::byteswap(number);
}
/// Appends a number to a key, which is made of bytes or of characters.
template <std::unsigned_integral T, class Key>
void append_big_endian(T number, Key& key) {
  for (const auto byte : big_endian(number))
    key.push_back(static_cast<typename Key::value_type>(byte));
}

using row_key = std::array<std::byte, 8>;
using change_key = std::array<std::byte, 12>;

[[nodiscard]] inline row_key encode_row(row_id row) noexcept {
  return big_endian(row);
}

/// Nothing if `key` is not 8 bytes long.
[[nodiscard]] inline std::optional<row_id> decode_row(byte_span key) noexcept {
  if (key.size() != sizeof(row_key))
    return std::nullopt;
  return read_big_endian<row_id>(key);
}

struct change_position {
  lsn_t lsn = 0;
  std::uint32_t part = 0;
};

[[nodiscard]] change_key encode_change(change_position position) noexcept;
[[nodiscard]] std::optional<change_position> decode_change(byte_span key) noexcept;

/// 128 bits of a string id too long for a key. Replaceable, so that tests can make ids collide.
using id_hash = std::array<std::uint64_t, 2> (*)(std::string_view id);

/// Two XXH3 checksums with different seeds.
[[nodiscard]] std::array<std::uint64_t, 2> default_id_hash(std::string_view id);

/// The key of a record id in table `ids`. Numbers: 0x01, big-endian. Strings: 0x02, then up to
/// `direct_id_bytes` bytes as they are. Longer strings: 0x02, their first `direct_id_bytes` bytes,
/// 16 bytes of hash; such a key can stand for several ids, and no direct key is as long. So numbers
/// sort before strings and strings by byte, except that ids which share their first
/// `direct_id_bytes` bytes sort by hash.
class id_key {
 public:
  static constexpr std::size_t direct_id_bytes = key_limit - 1 - 16;

  id_key(const record_id& id, id_hash hash) noexcept;

  [[nodiscard]] byte_span bytes() const noexcept { return std::span(data_).first(size_); }

 private:
  std::size_t size_ = 0;
  std::array<std::byte, key_limit> data_;  // only the first size_ bytes are initialized
};

/// True if `key` holds a hash and may therefore stand for several ids.
[[nodiscard]] inline bool is_hashed(byte_span key) noexcept {
  return key.size() == key_limit;
}

}  // namespace hearth::storage
