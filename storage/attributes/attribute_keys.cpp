#include "storage/attributes/attribute_keys.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

namespace hearth::storage {

namespace {

// Strings end in 00 and one of these; a zero byte in them is 00 FF. So none begins with another.
constexpr std::byte zero{0x00};
constexpr std::byte whole{0x00};
constexpr std::byte cut{0x01};
constexpr std::byte escaped_zero{0xFF};
constexpr std::size_t string_end_bytes = 2;

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
constexpr double two_to_63 = 9'223'372'036'854'775'808.0;

// Doubles in the order of their bits, once negative ones are inverted and the others get the sign.
std::uint64_t sortable(double real) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(real == 0 ? 0.0 : real);
  return (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
}

double unsortable(std::uint64_t bits) noexcept {
  return std::bit_cast<double>((bits & sign_bit) != 0 ? bits & ~sign_bit : ~bits);
}

// An integer is the nearest double and what it is away from that: at most 512, because doubles
// below 2^63 are at most 1024 apart. Rounding keeps the order, so the pair has the exact order.
std::int64_t distance_to(double nearest, std::int64_t number) noexcept {
  return nearest == two_to_63 ? number - INT64_MAX - 1
                              : number - static_cast<std::int64_t>(nearest);
}

void append_number(double nearest, std::int64_t distance, attribute_bytes& out) {
  append_big_endian(sortable(nearest), out);
  append_big_endian(static_cast<std::uint16_t>(0x8000 + distance), out);
}

value decode_number(byte_span bytes) {
  const double nearest = unsortable(read_big_endian<std::uint64_t>(bytes));
  const auto distance = std::int64_t{read_big_endian<std::uint16_t>(bytes.subspan(8))} - 0x8000;
  if (nearest == two_to_63 && distance < 0)
    return INT64_MAX + (distance + 1);
  if (!(nearest >= -two_to_63 && nearest < two_to_63))
    return nearest;
  const auto number = static_cast<std::int64_t>(nearest);
  if (static_cast<double>(number) != nearest)
    return nearest;
  std::int64_t sum = 0;
  return __builtin_add_overflow(number, distance, &sum) ? number : sum;
}

// As much of `text` as fits into `limit` bytes.
bool append_escaped(std::string_view text, std::size_t limit, attribute_bytes& out) {
  const auto end = out.size() + limit;
  for (const char c : text) {
    if (out.size() + (c == '\0' ? 2 : 1) > end)
      return false;
    out.push_back(static_cast<std::byte>(c));
    if (c == '\0')
      out.push_back(escaped_zero);
  }
  return true;
}

std::optional<attribute_value> decode_string(byte_span bytes) {
  std::string text;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    if (bytes[i] != zero) {
      text.push_back(static_cast<char>(bytes[i]));
      continue;
    }
    const auto second = bytes[++i];
    if (second == escaped_zero)
      text.push_back('\0');
    else if (i + 1 == bytes.size() && (second == whole || second == cut))
      return attribute_value{std::move(text), second == cut};
    else
      break;
  }
  return std::nullopt;
}

}  // namespace

void begin_attribute(std::uint32_t field, attribute_kind kind, attribute_bytes& out) {
  out.clear();
  append_big_endian(field, out);
  out.push_back(static_cast<std::byte>(kind));
}

bool append_attribute(const scalar& item, attribute_bytes& out, std::size_t limit) {
  const auto begin = [&out](attribute_kind kind) { out.push_back(static_cast<std::byte>(kind)); };
  switch (item.kind) {
  case scalar_kind::none:
    break;
  case scalar_kind::null:
    begin(attribute_kind::null);
    break;
  case scalar_kind::boolean:
    begin(attribute_kind::boolean);
    out.push_back(static_cast<std::byte>(item.number != 0));
    break;
  case scalar_kind::int64: {
    begin(attribute_kind::number);
    const auto nearest = static_cast<double>(item.number);
    append_number(nearest, distance_to(nearest, item.number), out);
    break;
  }
  case scalar_kind::float64:
    begin(attribute_kind::number);
    append_number(item.real, 0, out);
    break;
  case scalar_kind::timestamp:
    begin(attribute_kind::timestamp);
    append_big_endian(static_cast<std::uint64_t>(item.number) ^ sign_bit, out);
    break;
  case scalar_kind::geo_point:
    begin(attribute_kind::geo_point);
    append_big_endian(sortable(item.place.lat), out);
    append_big_endian(sortable(item.place.lon), out);
    break;
  case scalar_kind::string: {
    begin(attribute_kind::string);
    const bool fits = append_escaped(item.text, limit - string_end_bytes, out);
    out.push_back(zero);
    out.push_back(fits ? whole : cut);
    return fits;
  }
  }
  return true;
}

bool append_string_start(std::string_view text, attribute_bytes& out, std::size_t limit) {
  out.push_back(static_cast<std::byte>(attribute_kind::string));
  const bool fits = append_escaped(text, limit - string_end_bytes, out);
  if (!fits) {
    out.push_back(zero);
    out.push_back(cut);
  }
  return fits;
}

void append_latitude(double lat, attribute_bytes& out) {
  out.push_back(static_cast<std::byte>(attribute_kind::geo_point));
  append_big_endian(sortable(lat), out);
}

void append_block(std::uint64_t block, attribute_bytes& out) {
  const auto bytes = big_endian(block);
  out.insert(out.end(), bytes.end() - block_key_bytes, bytes.end());
}

attribute_bytes behind(attribute_bytes start) {
  while (!start.empty() && start.back() == std::byte{0xFF})
    start.pop_back();
  if (!start.empty())
    start.back() = static_cast<std::byte>(std::to_integer<unsigned>(start.back()) + 1);
  return start;
}

std::optional<attribute_key> parse_attribute_key(byte_span key) noexcept {
  if (key.size() < attribute_head_bytes + block_key_bytes)
    return std::nullopt;
  attribute_key parts;
  parts.field = read_big_endian<std::uint32_t>(key);
  parts.kind = static_cast<attribute_kind>(key[4]);
  parts.value =
      key.subspan(attribute_head_bytes, key.size() - attribute_head_bytes - block_key_bytes);
  std::array<std::byte, sizeof parts.block> block{};
  std::ranges::copy(key.last(block_key_bytes), block.end() - block_key_bytes);
  parts.block = read_big_endian<std::uint64_t>(block);
  return parts;
}

std::optional<geo_point> decode_place(byte_span value) noexcept {
  if (value.size() != 2 * sizeof(double))
    return std::nullopt;
  const geo_point place{unsortable(read_big_endian<std::uint64_t>(value)),
                        unsortable(read_big_endian<std::uint64_t>(value.subspan(8)))};
  return is_valid(place) ? std::optional(place) : std::nullopt;
}

std::optional<attribute_value> decode_attribute(attribute_kind kind, byte_span value) {
  const auto holds = [value](std::size_t size) { return value.size() == size; };
  switch (kind) {
  case attribute_kind::null:
    if (holds(0))
      return attribute_value{};
    break;
  case attribute_kind::boolean:
    if (holds(1))
      return attribute_value{value[0] != std::byte{0}};
    break;
  case attribute_kind::number:
    if (holds(sizeof(double) + 2))
      return attribute_value{decode_number(value)};
    break;
  case attribute_kind::timestamp:
    if (holds(sizeof(std::int64_t)))
      return attribute_value{
          timestamp{static_cast<std::int64_t>(read_big_endian<std::uint64_t>(value) ^ sign_bit)}};
    break;
  case attribute_kind::string:
    return decode_string(value);
  case attribute_kind::geo_point:
    if (const auto place = decode_place(value))
      return attribute_value{*place};
    break;
  default:
    break;
  }
  return std::nullopt;
}

}  // namespace hearth::storage
