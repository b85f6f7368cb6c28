// What lies behind a correct checksum and is still no record: decoders refuse it or give a record
// that encodes and decodes again.
#include "core/metadata_codec.hpp"
#include "storage/bytes.hpp"
#include "storage/record_codec.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hearth;
using namespace hearth::storage;

namespace {

constexpr row_id row = 9;

void check_record(byte_span body) {
  std::vector<std::byte> bytes;
  begin_checked(bytes);
  bytes.insert(bytes.end(), body.begin(), body.end());
  finish_checked(bytes, row);
  const auto record = decode_record(row, bytes, {});
  const auto bare = decode_record(row, bytes, {.metadata = false, .text = false});
  const auto metadata = encoded_metadata(row, bytes);
  fuzz::require(bare.has_value() == metadata.has_value(), "both step over metadata alike");
  if (!record)
    return;
  fuzz::require(bare.has_value(), "what decodes whole decodes in part");
  byte_reader in(*metadata);
  std::vector<std::byte> first;
  std::vector<std::byte> second;
  byte_writer from_record(first);
  byte_writer in_place(second);
  encode_metadata(record->metadata, from_record);
  encode_metadata(metadata->empty() ? value_map() : decode_metadata(in), in_place);
  // As bytes, because a NaN does not equal itself.
  fuzz::require(first == second, "metadata in place is the metadata of the record");
  std::vector<std::byte> again;
  encode_record(row, record->id, record->version, record->has_vector, record->metadata,
                record->text, again);
  const auto twice = decode_record(row, again, {});
  fuzz::require(twice.has_value() && twice->id == record->id && twice->text == record->text &&
                    twice->version == record->version && twice->has_vector == record->has_vector,
                "a record survives encoding");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_record(fuzz::bytes_of(data, size));
  return 0;
}
