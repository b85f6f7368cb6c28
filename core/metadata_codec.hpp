#pragma once
// Metadata as bytes: what records hold on disk (docs/storage_format.md has the layout). Keys are in
// rising order and every text says its length, so the bytes can be walked in place: a filter looks
// at a few keys of a record without building the map. Nothing here trusts the bytes, and nothing
// recurses deeper than metadata may nest.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/bytes.hpp"
#include "core/value.hpp"

namespace hearth::inline core {

/// The byte in front of every value. The numbers are on disk.
enum class value_tag : std::uint8_t {
  null = 0,
  no = 1,
  yes = 2,
  int64 = 3,      ///< zigzag varint
  float64 = 4,    ///< 8 bytes
  string = 5,     ///< text
  list = 6,       ///< varint count, values
  map = 7,        ///< varint count, then key (text) and value
  timestamp = 8,  ///< zigzag varint of microseconds
  geo_point = 9,  ///< latitude and longitude, 8 bytes each
};

/// Appends a map without a tag, as records hold it. True if it holds a timestamp or a geo point,
/// which readers of older formats do not know.
bool encode_metadata(const value_map& metadata, byte_writer& out);

/// Reads what encode_metadata wrote; makes `in` fail on anything else.
[[nodiscard]] value_map decode_metadata(byte_reader& in);

/// The tag of the value that `in` stands at; makes `in` fail if no value has it.
[[nodiscard]] value_tag read_tag(byte_reader& in) noexcept;

/// The content behind each tag that is neither null, a bool nor a container. A number that is not a
/// valid timestamp or place makes `in` fail.
[[nodiscard]] std::int64_t read_int64(byte_reader& in) noexcept;
[[nodiscard]] timestamp read_timestamp(byte_reader& in) noexcept;
[[nodiscard]] geo_point read_geo_point(byte_reader& in) noexcept;

/// The count in front of a list or a map; makes `in` fail if there are not that many bytes left.
[[nodiscard]] std::uint64_t read_count(byte_reader& in) noexcept;

/// Steps over the content behind `tag`.
void skip_content(byte_reader& in, value_tag tag) noexcept;
/// Steps over a tag and its content.
void skip_value(byte_reader& in) noexcept;

/// `in` stands at the count of a map. True: it now stands at the tag of the value of `key`. False:
/// the map has no such key (`in` stands somewhere in it), or `in` failed.
[[nodiscard]] bool find_key(byte_reader& in, std::string_view key) noexcept;

}  // namespace hearth::inline core
