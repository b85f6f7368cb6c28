#include "core/metadata_codec.hpp"
#include "storage/bytes.hpp"
#include "storage/record_codec.hpp"
#include "storage/vector_chunk.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

value_map rich_metadata() {
  value_map inner{{"deep", value_list{1, 2.5, "three", value_list{}, nullptr}}, {"", false}};
  return {{"null", nullptr},
          {"yes", true},
          {"int", std::int64_t{-9'000'000'000}},
          {"smallest", INT64_MIN},
          {"largest", INT64_MAX},
          {"float", -0.0},
          {"text", "gr\xC3\xBC\xC3\x9F"},
          {"map", inner},
          {"empty", value_map{}},
          {"first", earliest_timestamp},
          {"last", value_list{latest_timestamp, timestamp{-1}}},
          {"place", geo_point{-33.8568, 151.2153}}};
}

buffer record_bytes(row_id row, const stored_record& record) {
  buffer bytes;
  encode_record(row, record.id, record.version, record.has_vector, record.metadata, record.text,
                bytes);
  return bytes;
}

}  // namespace

TEST_CASE("records survive encoding, and damaged ones are corruption") {
  const std::vector<stored_record> records{
      {record_id(std::uint64_t{0}), 1, false, {}, std::nullopt},
      {record_id(UINT64_MAX), UINT64_MAX, true, {}, ""},
      {record_id("x"), 77, true, rich_metadata(), "a text"},
      {record_id(std::string(4096, 'q')), 5, false, {{"k", 1}}, std::nullopt}};
  for (const auto& record : records) {
    const auto bytes = record_bytes(9, record);
    REQUIRE(need(decode_record(9, bytes, {})) == record);

    auto bare = record;
    bare.metadata.clear();
    bare.text.reset();
    REQUIRE(need(decode_record(9, bytes, {false, false})) == bare);
    byte_reader metadata(need(encoded_metadata(9, bytes)));
    REQUIRE((metadata.remaining() == 0) == record.metadata.empty());
    if (!record.metadata.empty())
      REQUIRE(decode_metadata(metadata) == record.metadata);
    REQUIRE(metadata.done());
    // A record that turns up at another row is not that row's.
    REQUIRE(code_of(decode_record(10, bytes, {})) == errc::corruption);
    REQUIRE(code_of(encoded_metadata(10, bytes)) == errc::corruption);
  }
  for_each_damage(record_bytes(9, records[2]), [](const buffer& damaged) {
    REQUIRE(code_of(decode_record(9, damaged, {})) == errc::corruption);
    REQUIRE(code_of(encoded_metadata(9, damaged)) == errc::corruption);
  });
}

TEST_CASE("record bytes with a correct checksum but wrong content never crash the decoder") {
  // What a checksum cannot catch: a writer gone wrong. Everything behind it must hold on its own.
  const auto good = record_bytes(9, {record_id("id"), 3, true, rich_metadata(), "text"});
  std::size_t refused = 0;
  for_each_damage(buffer(good.begin() + checksum_bytes, good.end()), [&](const buffer& body) {
    buffer bytes;
    begin_checked(bytes);
    bytes.insert(bytes.end(), body.begin(), body.end());
    finish_checked(bytes, 9);
    const auto decoded = decode_record(9, bytes, {});
    if (decoded)
      REQUIRE(record_bytes(9, *decoded).size() > checksum_bytes);
    else
      ++refused;
  });
  REQUIRE(refused > good.size());

  // Lists inside lists, deeper than any metadata may be, must end before the stack does.
  buffer deep;
  begin_checked(deep);
  byte_writer out(deep);
  out.u8(2);      // with metadata
  out.varint(1);  // version
  out.varint(1);  // id
  out.varint(1);  // one key
  out.text("k");
  for (int i = 0; i < 1'000'000; ++i) {
    out.u8(6);  // list
    out.varint(1);
  }
  out.u8(0);
  finish_checked(deep, 9);
  REQUIRE(code_of(decode_record(9, deep, {})) == errc::corruption);
}

TEST_CASE("entries of the id table survive encoding, and damaged ones are corruption") {
  const auto key = lmdb::as_key("some key");
  for (const auto& entries : std::vector<std::vector<id_entry>>{
           {{1, true}}, {{INT64_MAX, false}}, {{5, true}, {3, false}, {900, true}}}) {
    buffer bytes;
    encode_id_entries(key, entries, bytes);
    REQUIRE(need(decode_id_entries(key, bytes)) == entries);
    const auto single = decode_id_entry(key, bytes);
    REQUIRE(single.has_value() == (entries.size() == 1));
    REQUIRE(code_of(decode_id_entries(lmdb::as_key("other"), bytes)) == errc::corruption);
    for_each_damage(bytes, [&](const buffer& damaged) {
      REQUIRE(code_of(decode_id_entries(key, damaged)) == errc::corruption);
      REQUIRE(code_of(decode_id_entry(key, damaged)) == errc::corruption);
    });
  }
}

TEST_CASE("id keys sort numbers before strings and strings by byte") {
  std::vector<record_id> ids{std::uint64_t{0},
                             1,
                             255,
                             256,
                             UINT64_MAX,
                             "",
                             "a",
                             "a\x01",
                             "ab",
                             "b",
                             std::string(494, 'c'),
                             std::string(495, 'c'),
                             "d"};
  std::ranges::sort(ids);
  std::vector<buffer> keys;
  for (const auto& id : ids) {
    const id_key key(id, default_id_hash);
    REQUIRE(key.bytes().size() <= key_limit);
    REQUIRE(is_hashed(key.bytes()) == (!id.is_number() && id.text().size() > 494));
    keys.emplace_back(key.bytes().begin(), key.bytes().end());
  }
  REQUIRE(std::ranges::is_sorted(keys));
  REQUIRE(std::ranges::adjacent_find(keys) == keys.end());
}

TEST_CASE("keys compare by unsigned bytes, and what begins with another one comes behind it") {
  const std::vector<std::string_view> rising{"", "\x01", "a", "ab", "a\x7F", "a\x80", "b"};
  REQUIRE(std::is_eq(compare_keys({}, {})));
  for (std::size_t i = 0; i < rising.size(); ++i)
    for (std::size_t j = 0; j < rising.size(); ++j)
      REQUIRE(compare_keys(lmdb::as_key(rising[i]), lmdb::as_key(rising[j])) == (i <=> j));
}

TEST_CASE("numbers in keys have their first byte first") {
  std::string text;
  append_big_endian(std::uint32_t{0x01'02'03'80}, text);
  append_big_endian(std::uint16_t{0xFF'00}, text);
  REQUIRE(text == std::string("\x01\x02\x03\x80\xFF\x00", 6));
  REQUIRE(read_big_endian<std::uint32_t>(lmdb::as_key(text)) == 0x01'02'03'80);
  REQUIRE(read_big_endian<std::uint16_t>(lmdb::as_key(text).last(2)) == 0xFF'00);
}

namespace {

std::vector<packed_vector> pack(const matrix& vectors, const std::vector<row_id>& rows) {
  std::vector<packed_vector> packed;
  for (std::size_t i = 0; i < rows.size(); ++i)
    packed.push_back(
        {rows[i], vectors.view().row(i).data(), vector_checksum(rows[i], vectors.view().row(i))});
  return packed;
}

buffer chunk_of(const std::vector<packed_vector>& packed, std::uint32_t dimension) {
  buffer bytes(chunk_bytes(packed, dimension), std::byte{0xAA});
  encode_chunk(packed, dimension, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("chunks fill whole pages and waste next to nothing") {
  for (const std::uint32_t dimension : {384U, 768U, 1024U, 1536U, 3072U, 16'384U, 65'536U}) {
    const auto rows = rows_per_chunk(dimension);
    const auto vectors = vectors_of(rows, dimension, 1);
    std::vector<row_id> numbers(rows);
    std::iota(numbers.begin(), numbers.end(), row_id{1000});
    const auto bytes = chunk_of(pack(vectors, numbers), dimension);
    REQUIRE((bytes.size() + 16) % 4096 == 0);
    const auto raw = static_cast<double>(rows * dimension * sizeof(float));
    INFO("dimension " << dimension << ", rows " << rows << ", bytes " << bytes.size());
    REQUIRE(static_cast<double>(bytes.size()) / raw < 1.04);
    if (dimension <= 16'384)
      REQUIRE(bytes.size() > 150 * 1024);
  }
  REQUIRE(rows_per_chunk(1) > 6000);
  REQUIRE(rows_per_chunk(1) <= 8192);
}

TEST_CASE("chunks give back rows and vectors, whether rows are consecutive or far apart") {
  const std::uint32_t dimension = 5;
  for (const auto& rows : std::vector<std::vector<row_id>>{
           {7}, {7, 8, 9}, {1, 3, 4, 900}, {1, UINT64_MAX / 2, UINT64_MAX - 1}}) {
    const auto vectors = vectors_of(rows.size(), dimension, 3);
    const auto bytes = chunk_of(pack(vectors, rows), dimension);
    const auto chunk = need(chunk_view::open(rows.front(), bytes, dimension));
    REQUIRE(chunk.size() == rows.size());
    REQUIRE(chunk.last_row() == rows.back());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      REQUIRE(chunk.row(i) == rows[i]);
      REQUIRE(chunk.find(rows[i]) == i);
      REQUIRE(std::ranges::equal(chunk.vector(i), vectors.view().row(i)));
      REQUIRE(chunk.verify(i).has_value());
    }
    REQUIRE_FALSE(chunk.find(0).has_value());
    REQUIRE_FALSE(chunk.find(2).has_value());
    REQUIRE_FALSE(chunk.find(UINT64_MAX).has_value());
  }
}

TEST_CASE("a damaged chunk is refused, or its damaged vector is") {
  const std::uint32_t dimension = 16;
  const std::vector<row_id> rows{4, 6, 7, 20, 400};
  const auto vectors = vectors_of(rows.size(), dimension, 3);
  const auto bytes = chunk_of(pack(vectors, rows), dimension);
  REQUIRE(code_of(chunk_view::open(5, bytes, dimension)) == errc::corruption);
  REQUIRE(code_of(chunk_view::open(4, bytes, dimension + 1)) == errc::corruption);
  std::size_t in_vectors = 0;
  for_each_damage(bytes, [&](const buffer& damaged) {
    const auto chunk = chunk_view::open(4, damaged, dimension);
    if (!chunk) {
      REQUIRE(chunk.error().code == errc::corruption);
      return;
    }
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      REQUIRE(chunk->row(i) == rows[i]);
      if (std::ranges::equal(chunk->vector(i), vectors.view().row(i))) {
        REQUIRE(chunk->verify(i).has_value());
      } else {
        REQUIRE(code_of(chunk->verify(i)) == errc::corruption);
        ++wrong;
      }
    }
    REQUIRE(wrong <= 1);
    in_vectors += wrong;
  });
  REQUIRE(in_vectors == 2 * rows.size() * dimension * sizeof(float));
}

TEST_CASE("tail values and lists of dead rows detect damage") {
  const auto vectors = vectors_of(1, 6, 9);
  const packed_vector packed{3, vectors.view().data(), vector_checksum(3, vectors.view().row(0))};
  buffer bytes(tail_bytes(6));
  encode_tail(packed, 6, bytes);
  std::vector<float> out(6);
  REQUIRE(need(copy_tail(3, bytes, 6, out.data())) == packed.checksum);
  REQUIRE(std::ranges::equal(out, vectors.view().row(0)));
  for_each_damage(bytes, [&](const buffer& damaged) {
    const auto sum = copy_tail(3, damaged, 6, out.data());
    if (sum)
      REQUIRE(code_of(verify_vector(3, out, *sum)) == errc::corruption);
  });

  dead_rows dead(21);
  REQUIRE(dead.mark(0));
  REQUIRE(dead.mark(20));
  REQUIRE_FALSE(dead.mark(20));
  dead.encode(77, bytes);
  const auto decoded = need(dead_rows::decode(77, bytes));
  REQUIRE(decoded.count() == 2);
  REQUIRE(decoded.size() == 21);
  REQUIRE(decoded.test(20));
  REQUIRE_FALSE(decoded.test(19));
  REQUIRE(code_of(dead_rows::decode(78, bytes)) == errc::corruption);
  for_each_damage(bytes, [&](const buffer& damaged) {
    REQUIRE(code_of(dead_rows::decode(77, damaged)) == errc::corruption);
  });
}
