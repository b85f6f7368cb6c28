#pragma once
// Values of table `records` and the entries of table `ids`. docs/storage_format.md has the layout.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/disk.hpp"
#include "core/record.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

/// A record as stored; its vector lives in the vector tables.
struct stored_record {
  record_id id;
  lsn_t version = 0;
  bool has_vector = false;
  value_map metadata;
  std::optional<std::string> text;

  friend bool operator==(const stored_record&, const stored_record&) = default;
};

/// What to build while decoding; the checksum covers everything either way.
struct record_parts {
  bool metadata = true;
  bool text = true;
};

/// Replaces `out` by the encoded record. The checksum is tied to `row`.
void encode_record(row_id row, const record_id& id, lsn_t version, bool has_vector,
                   const value_map& metadata, const std::optional<std::string>& text,
                   std::vector<std::byte>& out);

/// errc::corruption naming the row for anything that encode_record does not make for this row.
[[nodiscard]] result<stored_record> decode_record(row_id row, byte_span data, record_parts parts);

/// The metadata inside of a stored record as core/metadata_codec.hpp walks it, without anything
/// being copied; empty if the record has none. errc::corruption as decode_record.
[[nodiscard]] result<byte_span> encoded_metadata(row_id row, byte_span data);

/// Where the record of an id is.
struct id_entry {
  row_id row = 0;
  bool has_vector = false;

  friend bool operator==(const id_entry&, const id_entry&) = default;
};

/// A value of table `ids`: one entry, or several where hashes of long ids collide.
void encode_id_entries(byte_span key, std::span<const id_entry> entries,
                       std::vector<std::byte>& out);
[[nodiscard]] result<std::vector<id_entry>> decode_id_entries(byte_span key, byte_span data);
/// The same for a key that is not hashed: exactly one entry, nothing allocated.
[[nodiscard]] result<id_entry> decode_id_entry(byte_span key, byte_span data);

}  // namespace hearth::storage
