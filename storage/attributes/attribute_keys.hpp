#pragma once
// Keys of table `attributes`: field, kind, value, block of rows. Their byte order is the order of
// the values, so that a comparison is a range of keys. docs/storage_format.md has the layout.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/filter/scalar.hpp"
#include "core/value.hpp"
#include "storage/keys.hpp"

namespace hearth::storage {

/// What an entry is about. The numbers are on disk; those of values rise in the order in which
/// values of different kinds are listed.
enum class attribute_kind : std::uint8_t {
  rows = 0,         ///< the path exists; of the field of all rows: there is a record
  lists = 1,        ///< the path leads to a list, perhaps to other things too
  mixed = 2,        ///< to a list and to something that is none
  left_behind = 3,  ///< erased rows whose entries may still be there: their records were damaged
  unread = 4,       ///< rows whose records were too damaged to be indexed
  null = 16,
  boolean = 17,
  number = 18,
  timestamp = 19,
  string = 20,
  geo_point = 21,
};

/// Rows share an entry with those that have the same row >> 16.
inline constexpr unsigned block_bits = 16;
inline constexpr std::size_t block_rows = std::size_t{1} << block_bits;
inline constexpr std::size_t block_key_bytes = 6;
inline constexpr std::size_t attribute_head_bytes = 5;  ///< field and kind
/// What a value may take of a key. Longer strings are cut.
inline constexpr std::size_t attribute_value_bytes =
    key_limit - attribute_head_bytes - block_key_bytes;

using attribute_bytes = std::vector<std::byte>;

/// Replaces `out` by field and kind.
void begin_attribute(std::uint32_t field, attribute_kind kind, attribute_bytes& out);

/// Appends kind and value. No encoding begins with another one, and a < b by core::sorts_before
/// (kinds in the order above) makes encode(a) < encode(b), except that strings which agree in all
/// that `limit` leaves of them have the same one. False if `item` was cut. Precondition: `item` is
/// not none.
bool append_attribute(const scalar& item, attribute_bytes& out,
                      std::size_t limit = attribute_value_bytes);
/// Appends what the values of all strings begin with that begin with `text`. False if it was cut.
bool append_string_start(std::string_view text, attribute_bytes& out,
                         std::size_t limit = attribute_value_bytes);
/// Appends what the values of all places on a parallel begin with.
void append_latitude(double lat, attribute_bytes& out);
/// Appends the number of the block, which ends a key.
void append_block(std::uint64_t block, attribute_bytes& out);

/// The first key behind all that begin with `start`, which holds a byte below 0xFF.
[[nodiscard]] attribute_bytes behind(attribute_bytes start);

/// A key in parts. `value` lives as long as the key.
struct attribute_key {
  std::uint32_t field = 0;
  attribute_kind kind = attribute_kind::rows;
  byte_span value;
  std::uint64_t block = 0;
};
/// Nothing for what is no such key.
[[nodiscard]] std::optional<attribute_key> parse_attribute_key(byte_span key) noexcept;

/// A value that came out of a key. Numbers that are whole are int64, because 5 and 5.0 share a key.
struct attribute_value {
  value item;
  bool cut = false;  ///< a string that begins like this and goes on
};
[[nodiscard]] std::optional<attribute_value> decode_attribute(attribute_kind kind, byte_span value);
/// The same for a place, without taking memory.
[[nodiscard]] std::optional<geo_point> decode_place(byte_span value) noexcept;

}  // namespace hearth::storage
