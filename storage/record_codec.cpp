#include "storage/record_codec.hpp"

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

enum flag : std::uint8_t { with_vector = 1, with_metadata = 2, with_text = 4, text_id = 8 };
constexpr std::uint8_t all_flags = with_vector | with_metadata | with_text | text_id;

enum class tag : std::uint8_t {
  null = 0,
  no = 1,
  yes = 2,
  int64 = 3,
  float64 = 4,
  string = 5,
  list = 6,
  map = 7,
};

// Metadata arrives validated to limits::metadata_depth; the map itself is one level more.
constexpr std::size_t deepest = limits::metadata_depth + 1;

std::uint64_t zigzag(std::int64_t number) noexcept {
  return (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
}

std::int64_t unzigzag(std::uint64_t number) noexcept {
  return static_cast<std::int64_t>((number >> 1) ^ (~(number & 1) + 1));
}

void write_map(byte_writer& out, const value_map& items);

struct value_writer {
  byte_writer& out;

  void put(tag kind) const { out.u8(static_cast<std::uint8_t>(kind)); }
  void operator()(std::monostate) const { put(tag::null); }
  void operator()(bool flag) const { put(flag ? tag::yes : tag::no); }
  void operator()(std::int64_t number) const {
    put(tag::int64);
    out.varint(zigzag(number));
  }
  void operator()(double number) const {
    put(tag::float64);
    out.f64(number);
  }
  void operator()(const std::string& text) const {
    put(tag::string);
    out.text(text);
  }
  void operator()(const value_list& items) const {
    put(tag::list);
    out.varint(items.size());
    for (const auto& item : items)
      std::visit(*this, item.data());
  }
  void operator()(const value_map& items) const {
    put(tag::map);
    write_map(out, items);
  }
};

void write_map(byte_writer& out, const value_map& items) {
  out.varint(items.size());
  for (const auto& [key, item] : items) {
    out.text(key);
    std::visit(value_writer{out}, item.data());
  }
}

value_map read_map(byte_reader& in, std::size_t depth);

value read_value(byte_reader& in, std::size_t depth) {
  switch (static_cast<tag>(in.u8())) {
  case tag::null:
    return {};
  case tag::no:
    return false;
  case tag::yes:
    return true;
  case tag::int64:
    return unzigzag(in.varint());
  case tag::float64:
    return in.f64();
  case tag::string:
    return std::string(in.text());
  case tag::list: {
    const auto count = in.varint();
    // Every item takes at least a byte, so a count is believed only as far as there are bytes.
    if (depth == 0 || count > in.remaining())
      break;
    value_list items;
    for (std::uint64_t i = 0; i < count && in.ok(); ++i)
      items.push_back(read_value(in, depth - 1));
    return items;
  }
  case tag::map:
    if (depth == 0)
      break;
    return read_map(in, depth - 1);
  }
  in.fail();
  return {};
}

value_map read_map(byte_reader& in, std::size_t depth) {
  value_map items;
  const auto count = in.varint();
  if (count > in.remaining())
    in.fail();
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

std::uint64_t id_seed(byte_span key) noexcept {
  return checksum(key);
}

// Entries are 4 checksum bytes, then varints of row * 2 + has_vector.
byte_reader open_entries(byte_span key, byte_span data) noexcept {
  byte_reader in(data);
  const auto sum = in.u32();
  if (in.ok() &&
      sum != static_cast<std::uint32_t>(checksum(data.subspan(sizeof sum), id_seed(key))))
    in.fail();
  return in;
}

id_entry read_entry(byte_reader& in) noexcept {
  const auto packed = in.varint();
  return {packed >> 1, (packed & 1) != 0};
}

}  // namespace

void encode_record(row_id row, const record_id& id, lsn_t version, bool has_vector,
                   const value_map& metadata, const std::optional<std::string>& text,
                   std::vector<std::byte>& out) {
  begin_checked(out);
  byte_writer writer(out);
  writer.u8(static_cast<std::uint8_t>((has_vector ? with_vector : 0) |
                                      (metadata.empty() ? 0 : with_metadata) |
                                      (text ? with_text : 0) | (id.is_number() ? 0 : text_id)));
  writer.varint(version);
  if (id.is_number())
    writer.varint(id.number());
  else
    writer.text(id.text());
  if (text)
    writer.text(*text);
  if (!metadata.empty())
    write_map(writer, metadata);
  finish_checked(out, row);
}

result<stored_record> decode_record(row_id row, byte_span data, record_parts parts) {
  auto in = open_checked(data, row);
  stored_record record;
  const auto flags = in.u8();
  record.has_vector = (flags & with_vector) != 0;
  record.version = in.varint();
  if ((flags & text_id) != 0)
    record.id = std::string(in.text());
  else
    record.id = in.varint();
  if ((flags & with_text) != 0) {
    const auto text = in.text();
    if (parts.text)
      record.text = std::string(text);
  }
  // The checksum has vouched for what is skipped.
  if ((flags & with_metadata) != 0 && parts.metadata)
    record.metadata = read_map(in, deepest);
  else if ((flags & with_metadata) != 0)
    std::ignore = in.bytes(in.remaining());
  if ((flags & ~all_flags) != 0 || !in.done())
    return corrupt(core::format("the record of row {}", row));
  return record;
}

void encode_id_entries(byte_span key, std::span<const id_entry> entries,
                       std::vector<std::byte>& out) {
  out.assign(sizeof(std::uint32_t), std::byte{0});
  byte_writer writer(out);
  for (const auto& entry : entries)
    writer.varint(entry.row << 1 | (entry.has_vector ? 1 : 0));
  const auto sum = static_cast<std::uint32_t>(
      checksum(std::span(out).subspan(sizeof(std::uint32_t)), id_seed(key)));
  std::memcpy(out.data(), &sum, sizeof sum);
}

result<std::vector<id_entry>> decode_id_entries(byte_span key, byte_span data) {
  auto in = open_entries(key, data);
  std::vector<id_entry> entries;
  while (in.ok() && in.remaining() > 0)
    entries.push_back(read_entry(in));
  if (!in.ok() || entries.empty())
    return corrupt("an entry of the id table");
  return entries;
}

result<id_entry> decode_id_entry(byte_span key, byte_span data) {
  auto in = open_entries(key, data);
  const auto entry = read_entry(in);
  if (!in.done())
    return corrupt("an entry of the id table");
  return entry;
}

}  // namespace hearth::storage
