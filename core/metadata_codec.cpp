#include "core/metadata_codec.hpp"

#include <string>
#include <tuple>
#include <variant>

#include "core/limits.hpp"

namespace hearth::inline core {

namespace {

// Metadata arrives validated to limits::metadata_depth; the map itself is one level more.
constexpr std::size_t deepest = limits::metadata_depth + 1;

std::uint64_t zigzag(std::int64_t number) noexcept {
  return (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
}

std::int64_t unzigzag(std::uint64_t number) noexcept {
  return static_cast<std::int64_t>((number >> 1) ^ (~(number & 1) + 1));
}

class value_writer {
 public:
  explicit value_writer(byte_writer& out) : out_(out) {}

  void write_map(const value_map& items) {
    out_.varint(items.size());
    for (const auto& [key, item] : items) {
      out_.text(key);
      std::visit(*this, item.data());
    }
  }

  void operator()(std::monostate) { put(value_tag::null); }
  void operator()(bool flag) { put(flag ? value_tag::yes : value_tag::no); }
  void operator()(std::int64_t number) {
    put(value_tag::int64);
    out_.varint(zigzag(number));
  }
  void operator()(double number) {
    put(value_tag::float64);
    out_.f64(number);
  }
  void operator()(const std::string& text) {
    put(value_tag::string);
    out_.text(text);
  }
  void operator()(const value_list& items) {
    put(value_tag::list);
    out_.varint(items.size());
    for (const auto& item : items)
      std::visit(*this, item.data());
  }
  void operator()(const value_map& items) {
    put(value_tag::map);
    write_map(items);
  }
  void operator()(timestamp moment) {
    put(value_tag::timestamp);
    out_.varint(zigzag(moment.microseconds));
    newer_ = true;
  }
  void operator()(geo_point point) {
    put(value_tag::geo_point);
    out_.f64(point.lat);
    out_.f64(point.lon);
    newer_ = true;
  }

  [[nodiscard]] bool newer() const noexcept { return newer_; }

 private:
  void put(value_tag tag) { out_.u8(static_cast<std::uint8_t>(tag)); }

  byte_writer& out_;
  bool newer_ = false;
};

value_map read_map(byte_reader& in, std::size_t depth);

value read_value(byte_reader& in, std::size_t depth);

value_list read_list(byte_reader& in, std::size_t depth) {
  value_list items;
  const auto count = read_count(in);
  // Grown item by item: a count is believed only as far as there are values.
  for (std::uint64_t i = 0; i < count && in.ok(); ++i)
    items.push_back(read_value(in, depth));
  return items;
}

value read_value(byte_reader& in, std::size_t depth) {
  switch (read_tag(in)) {
  case value_tag::null:
    return {};
  case value_tag::no:
    return false;
  case value_tag::yes:
    return true;
  case value_tag::int64:
    return read_int64(in);
  case value_tag::float64:
    return in.f64();
  case value_tag::string:
    return std::string(in.text());
  case value_tag::timestamp:
    return read_timestamp(in);
  case value_tag::geo_point:
    return read_geo_point(in);
  case value_tag::list:
    if (depth != 0)
      return read_list(in, depth - 1);
    break;
  case value_tag::map:
    if (depth != 0)
      return read_map(in, depth - 1);
    break;
  }
  in.fail();
  return {};
}

value_map read_map(byte_reader& in, std::size_t depth) {
  value_map items;
  const auto count = read_count(in);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto key = in.text();
    if (!items.empty() && !(items.rbegin()->first < key)) {
      in.fail();  // keys are written in order, each once
      break;
    }
    auto item = read_value(in, depth);
    items.emplace_hint(items.end(), std::string(key), std::move(item));
  }
  return items;
}

void skip(byte_reader& in, value_tag tag, std::size_t depth) noexcept {
  switch (tag) {
  case value_tag::null:
  case value_tag::no:
  case value_tag::yes:
    return;
  case value_tag::int64:
  case value_tag::timestamp:
    std::ignore = in.varint();
    return;
  case value_tag::float64:
    std::ignore = in.bytes(sizeof(double));
    return;
  case value_tag::geo_point:
    std::ignore = in.bytes(2 * sizeof(double));
    return;
  case value_tag::string:
    std::ignore = in.text();
    return;
  case value_tag::list:
  case value_tag::map:
    break;
  }
  if (depth == 0)
    return in.fail();
  const auto count = read_count(in);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    if (tag == value_tag::map)
      std::ignore = in.text();
    skip(in, read_tag(in), depth - 1);
  }
}

}  // namespace

bool encode_metadata(const value_map& metadata, byte_writer& out) {
  value_writer writer(out);
  writer.write_map(metadata);
  return writer.newer();
}

value_map decode_metadata(byte_reader& in) {
  return read_map(in, deepest);
}

value_tag read_tag(byte_reader& in) noexcept {
  const auto tag = in.u8();
  if (tag <= static_cast<std::uint8_t>(value_tag::geo_point))
    return static_cast<value_tag>(tag);
  in.fail();
  return value_tag::null;
}

std::int64_t read_int64(byte_reader& in) noexcept {
  return unzigzag(in.varint());
}

timestamp read_timestamp(byte_reader& in) noexcept {
  const timestamp moment{unzigzag(in.varint())};
  if (!is_valid(moment))
    in.fail();
  return moment;
}

geo_point read_geo_point(byte_reader& in) noexcept {
  const double lat = in.f64();
  const double lon = in.f64();
  const geo_point point{lat, lon};
  if (!is_valid(point))
    in.fail();
  return point;
}

std::uint64_t read_count(byte_reader& in) noexcept {
  const auto count = in.varint();
  if (count <= in.remaining())  // every item takes at least a byte
    return count;
  in.fail();
  return 0;
}

void skip_content(byte_reader& in, value_tag tag) noexcept {
  skip(in, tag, deepest);
}

void skip_value(byte_reader& in) noexcept {
  skip_content(in, read_tag(in));
}

bool find_key(byte_reader& in, std::string_view key) noexcept {
  const auto count = read_count(in);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto found = in.text();
    if (const int order = found.compare(key); order >= 0)
      return order == 0 && in.ok();
    skip_value(in);
  }
  return false;
}

}  // namespace hearth::inline core
