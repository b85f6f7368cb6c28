#include "storage/record_codec.hpp"

#include "core/format.hpp"
#include "core/metadata_codec.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

enum flag : std::uint8_t { with_vector = 1, with_metadata = 2, with_text = 4, text_id = 8 };
constexpr std::uint8_t all_flags = with_vector | with_metadata | with_text | text_id;

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
    encode_metadata(metadata, writer);
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
    record.metadata = decode_metadata(in);
  else if ((flags & with_metadata) != 0)
    std::ignore = in.bytes(in.remaining());
  if ((flags & ~all_flags) != 0 || !in.done())
    return corrupt(core::format("the record of row {}", row));
  return record;
}

result<byte_span> encoded_metadata(row_id row, byte_span data) {
  auto in = open_checked(data, row);
  const auto flags = in.u8();
  std::ignore = in.varint();  // version
  if ((flags & text_id) != 0)
    std::ignore = in.text();
  else
    std::ignore = in.varint();
  if ((flags & with_text) != 0)
    std::ignore = in.text();
  const auto metadata = in.bytes((flags & with_metadata) != 0 ? in.remaining() : 0);
  if ((flags & ~all_flags) != 0 || !in.done())
    return corrupt(core::format("the record of row {}", row));
  return metadata;
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
