#include "storage/change_codec.hpp"

#include "storage/bytes.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

// What a batch changed, as lists.
struct named_batch {
  std::vector<row_id> added{};
  std::vector<row_id> removed{};
  std::vector<record_id> put{};
  std::vector<record_id> erased{};
  std::vector<std::string> keys_put{};
  std::vector<std::string> keys_erased{};

  friend bool operator==(const named_batch&, const named_batch&) = default;
};

std::vector<buffer> encode(lsn_t lsn, const named_batch& batch) {
  std::vector<buffer> parts;
  change_encoder out(lsn, [&](change_position at, byte_span bytes) {
    REQUIRE(at.lsn == lsn);
    REQUIRE(at.part == parts.size());
    parts.emplace_back(bytes.begin(), bytes.end());
    return result<void>();
  });
  need(out.rows(change_list::rows_added, batch.added));
  need(out.rows(change_list::rows_removed, batch.removed));
  for (const auto& id : batch.put)
    need(out.record(false, id));
  for (const auto& id : batch.erased)
    need(out.record(true, id));
  for (const auto& key : batch.keys_put)
    need(out.key(false, key));
  for (const auto& key : batch.keys_erased)
    need(out.key(true, key));
  need(out.finish());
  return parts;
}

result<void> decode_into(named_batch& batch, change_position at, byte_span bytes,
                         row_id row_limit = UINT64_MAX) {
  HEARTH_TRY(const auto part, open_change_part(at, bytes));
  if (part.lists_rows()) {
    row_changes rows;
    HEARTH_CHECK(decode_rows(part, row_limit, rows));
    batch.added.insert(batch.added.end(), rows.added.begin(), rows.added.end());
    batch.removed.insert(batch.removed.end(), rows.removed.begin(), rows.removed.end());
    return {};
  }
  HEARTH_TRY(const bool all, decode_names(part, [&](const changed_name& name) -> result<bool> {
               REQUIRE(name.lsn == at.lsn);
               auto& records = name.erased ? batch.erased : batch.put;
               auto& keys = name.erased ? batch.keys_erased : batch.keys_put;
               if (name.kind == name_kind::key)
                 keys.emplace_back(name.text);
               else if (name.kind == name_kind::record)
                 records.emplace_back(std::string(name.text));
               else
                 for (std::uint64_t i = 0; i < name.count; ++i)
                   records.emplace_back(name.first + i);
               return true;
             }));
  REQUIRE(all);
  return {};
}

named_batch decode(lsn_t lsn, const std::vector<buffer>& parts) {
  named_batch batch;
  for (std::uint32_t part = 0; part < parts.size(); ++part) {
    need(decode_into(batch, {lsn, part}, parts[part]));
    const auto opened = need(open_change_part({lsn, part}, parts[part]));
    REQUIRE(opened.last == (part + 1 == parts.size()));
    REQUIRE(opened.names);
  }
  return batch;
}

// A part of its own making, under a checksum that is right.
buffer part_of(change_position at, const std::function<void(byte_writer&)>& write) {
  buffer bytes;
  begin_checked(bytes);
  byte_writer out(bytes);
  write(out);
  finish_checked(bytes, at.lsn * 0x9E3779B97F4A7C15U + at.part);
  return bytes;
}

}  // namespace

TEST_CASE("changes survive encoding in parts that fit a shared page") {
  std::mt19937_64 random(7);
  for (const std::size_t size : {0, 1, 3, 5000}) {
    named_batch batch;
    for (std::size_t i = 0; i < size; ++i) {
      batch.added.push_back(1'000'000 + i);
      batch.removed.push_back((batch.removed.empty() ? 0 : batch.removed.back()) + 1 +
                              random() % 50);
      batch.put.emplace_back(random() % 2 == 0 ? record_id(i) : record_id(std::to_string(i)));
      batch.erased.emplace_back(random());
      batch.keys_put.push_back(std::string(random() % 40, 'k'));
      batch.keys_erased.push_back(std::to_string(random()));
    }
    const auto parts = encode(12, batch);
    REQUIRE((parts.size() > 10) == (size > 100));
    for (const auto& part : parts)
      REQUIRE(part.size() <= change_part_bytes);
    REQUIRE(decode(12, parts) == batch);

    named_batch ignored;
    REQUIRE(code_of(decode_into(ignored, {13, 0}, parts[0])) == errc::corruption);
    if (size > 0)
      REQUIRE(code_of(decode_into(ignored, {12, 0}, parts[0], 1'000'000)) == errc::corruption);
  }
}

TEST_CASE("consecutive numbers are named as one run, up to the largest number") {
  named_batch batch;
  for (std::uint64_t i = 0; i < 100'000; ++i)
    batch.put.emplace_back(i);
  batch.put.emplace_back(UINT64_MAX - 1);
  batch.put.emplace_back(UINT64_MAX);
  batch.put.emplace_back(std::uint64_t{0});  // behind the largest number there is none
  const auto parts = encode(1, batch);
  REQUIRE(parts.size() == 1);
  REQUIRE(parts[0].size() < 64);
  REQUIRE(decode(1, parts) == batch);
}

TEST_CASE("names that are longer than a part have parts of their own") {
  named_batch batch;
  batch.put = {"before", record_id(std::string(limits::id_bytes, 'i')), "behind"};
  batch.keys_put = {"", std::string(limits::key_bytes, 'a'), "short",
                    std::string(limits::key_bytes, 'b')};
  batch.keys_erased = {std::string(3000, 'c')};
  const auto parts = encode(5, batch);
  REQUIRE(parts.size() == 8);
  for (const auto& part : parts)
    REQUIRE(part.size() < limits::key_bytes + 32);
  REQUIRE(decode(5, parts) == batch);
}

TEST_CASE("a damaged part of the change table is corruption") {
  named_batch batch;
  batch.added = {4, 5, 6, 90};
  batch.removed = {1, 3};
  batch.put = {std::uint64_t{7}, std::uint64_t{8}, "id"};
  batch.erased = {"other", std::uint64_t{1}};
  batch.keys_put = {"a", "", "ccc"};
  batch.keys_erased = {"zz"};
  const auto parts = encode(12, batch);
  REQUIRE(parts.size() == 6);
  for (std::uint32_t part = 0; part < parts.size(); ++part)
    for_each_damage(parts[part], [&](const buffer& damaged) {
      named_batch out;
      REQUIRE(code_of(decode_into(out, {12, part}, damaged)) == errc::corruption);
    });
}

TEST_CASE("a part with a correct checksum but wrong content is refused and never too large") {
  const change_position at{1, 0};
  const auto refused = [&](const std::function<void(byte_writer&)>& write) {
    named_batch out;
    return code_of(decode_into(out, at, part_of(at, write))) == errc::corruption &&
           out == named_batch();
  };
  const auto list_of = [](std::uint8_t head, std::uint64_t first, std::uint64_t second) {
    return [=](byte_writer& out) {
      out.u8(head);
      out.varint(first);
      out.varint(second);
    };
  };
  REQUIRE(refused(list_of(0x81, 1, std::uint64_t{1} << 50)));  // more rows than any batch has
  REQUIRE(refused(list_of(0xC3, std::uint64_t{1} << 51, 1)));  // more records than any batch has
  REQUIRE(refused(list_of(0xC3, 0, 1)));                       // a run of none
  REQUIRE(refused(list_of(0xC3, 3 << 1, UINT64_MAX)));         // beyond the last number
  REQUIRE(refused(list_of(0xC5, 1 << 20, 1)));                 // a key of which bytes are missing
  REQUIRE(refused(list_of(0x83, 2, 1)));  // names, but not marked as having names
  REQUIRE(refused(list_of(0xC0, 1, 1)));
  REQUIRE(refused(list_of(0xC7, 1, 1)));
  for (const auto& [list, size] :
       {std::pair<std::uint8_t, std::size_t>{0xC3, limits::id_bytes}, {0xC5, limits::key_bytes}})
    REQUIRE(refused([&](byte_writer& out) {
      out.u8(list);
      const auto length = size + 1;
      out.varint(list == 0xC3 ? length << 1 | 1 : length);
      for (std::size_t i = 0; i < length; ++i)
        out.u8(0);
    }));
  std::mt19937_64 random(3);
  for (int round = 0; round < 2000; ++round) {
    const auto bytes = part_of(at, [&](byte_writer& out) {
      out.u8(static_cast<std::uint8_t>(0xC0 | (1 + random() % 6)));
      for (auto left = random() % 60; left > 0; --left)
        out.u8(static_cast<std::uint8_t>(random() % 8));
    });
    named_batch out;
    const auto decoded = decode_into(out, at, bytes, 1 << 20);
    if (!decoded)
      REQUIRE(decoded.error().code == errc::corruption);
  }
}
