#include "storage/attributes/attribute_tables.hpp"

#include <algorithm>
#include <string>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"
#include "storage/keys.hpp"

namespace hearth::storage {

namespace {

// Keys of table `fields` that are no paths. The text of a path begins with none of these.
constexpr std::string_view next_number_key{"\x00", 1};
constexpr std::string_view all_rows_key{"\x01", 1};
constexpr char leaving_tag = '\x02';

std::string key_of(const field_path& path) {
  return path.empty() ? std::string(all_rows_key) : path_text(path);
}

std::string leaving_key(std::uint32_t number) {
  std::string key(1, leaving_tag);
  append_big_endian(number, key);
  return key;
}

template <class Encode>
result<void> write_entry(lmdb::write_transaction& in, lmdb::table to, std::string_view key,
                         Encode&& encode) {
  std::vector<std::byte> data;
  begin_checked(data);
  byte_writer out(data);
  encode(out);
  finish_checked(data, checksum(lmdb::as_key(key)));
  return in.put(to, lmdb::as_key(key), data);
}

result<void> write_next_number(lmdb::write_transaction& in, const attribute_tables& to,
                               std::uint32_t number) {
  return write_entry(in, to.fields, next_number_key, [&](byte_writer& out) { out.varint(number); });
}

std::uint32_t read_number(byte_reader& in) noexcept {
  const auto number = in.varint();
  if (number == 0 || number > UINT32_MAX)
    in.fail();
  return static_cast<std::uint32_t>(number);
}

std::unexpected<error> damaged() {
  return corrupt("an entry of the table of indexed fields");
}

result<void> read_entry(byte_span key, byte_span data, attribute_fields& into) {
  const std::string_view name(reinterpret_cast<const char*>(key.data()), key.size());
  auto in = open_checked(data, checksum(key));
  if (name == next_number_key) {
    into.next_number = read_number(in);
    return in.done() ? result<void>() : damaged();
  }
  attribute_field field;
  field.number = read_number(in);
  if (name.front() == leaving_tag) {
    into.leaving.push_back(field.number);
    return in.done() && name == leaving_key(field.number) ? result<void>() : damaged();
  }
  field.done = in.varint();
  if (name != all_rows_key) {
    auto path = parse_path(name);
    if (!path || path->empty())
      return damaged();
    field.path = *std::move(path);
  }
  into.indexed.push_back(std::move(field));
  return in.done() ? result<void>() : damaged();
}

result<void> check_field(const field_path& path) {
  if (path.empty())
    return fail(errc::invalid_argument, "a field to index has no name");
  const auto text = path_text(path);
  if (const auto again = parse_path(text); !again || *again != path)
    return fail(errc::invalid_argument, core::format("{} is no path to a field", text),
                "name keys of maps with dots between them");
  if (path.size() > limits::metadata_depth)
    return fail(errc::limit_exceeded, core::format("the path {} has {} keys; the limit is {}", text,
                                                   path.size(), limits::metadata_depth));
  if (text.size() > limits::indexed_field_bytes)
    return fail(errc::limit_exceeded,
                core::format("a field to index has a path of {} bytes; the limit is {}",
                             text.size(), limits::indexed_field_bytes));
  return {};
}

// The index under this number stays behind, to be removed by upkeep.
result<void> set_aside(lmdb::write_transaction& in, const attribute_tables& to,
                       const attribute_field& field) {
  HEARTH_TRY(const bool there, in.erase(to.fields, lmdb::as_key(key_of(field.path))));
  if (!there)
    return damaged();
  return write_entry(in, to.fields, leaving_key(field.number),
                     [&](byte_writer& out) { out.varint(field.number); });
}

}  // namespace

result<attribute_tables> attribute_tables::open(lmdb::write_transaction& in) {
  attribute_tables both;
  HEARTH_TRY(both.fields, in.open_table("attribute_fields", true));
  HEARTH_TRY(both.entries, in.open_table("attributes", true));
  return both;
}

const attribute_field* attribute_fields::find(const field_path& path) const noexcept {
  const auto found = std::ranges::find(indexed, path, &attribute_field::path);
  return found == indexed.end() ? nullptr : &*found;
}

result<attribute_fields> read_attribute_fields(const lmdb::transaction& in,
                                               const attribute_tables& from) {
  attribute_fields all;
  HEARTH_TRY(auto entries, in.open_cursor(from.fields));
  HEARTH_TRY(bool found, entries.first());
  while (found) {
    HEARTH_CHECK(read_entry(entries.key(), entries.value(), all));
    HEARTH_TRY(found, entries.next());
  }
  if (!all.indexed.empty() && !all.indexed.front().is_all_rows())
    return corrupt("the table of indexed fields");
  return all;
}

result<void> write_attribute_field(lmdb::write_transaction& in, const attribute_tables& to,
                                   const attribute_field& field) {
  return write_entry(in, to.fields, key_of(field.path), [&](byte_writer& out) {
    out.varint(field.number);
    out.varint(field.done);
  });
}

result<bool> declare_attributes(lmdb::write_transaction& in, const attribute_tables& to,
                                std::span<const field_path> fields) {
  HEARTH_TRY(auto known, read_attribute_fields(in, to));
  const auto first_new = known.indexed.size();
  for (const auto& path : fields) {
    HEARTH_CHECK(check_field(path));
    if (known.find({}) == nullptr)
      known.indexed.push_back({known.next_number++, {}, 0});
    if (known.find(path) == nullptr)
      known.indexed.push_back({known.next_number++, path, 0});
  }
  if (known.indexed.size() == first_new)
    return false;
  if (known.indexed.size() - 1 > limits::indexed_fields)
    return fail(errc::limit_exceeded,
                core::format("{} fields would be indexed; the limit is {}",
                             known.indexed.size() - 1, limits::indexed_fields),
                "drop an index that is not needed");
  for (auto i = first_new; i < known.indexed.size(); ++i)
    HEARTH_CHECK(write_attribute_field(in, to, known.indexed[i]));
  HEARTH_CHECK(write_next_number(in, to, known.next_number));
  return true;
}

result<void> withdraw_attribute(lmdb::write_transaction& in, const attribute_tables& to,
                                const field_path& field) {
  HEARTH_TRY(const auto known, read_attribute_fields(in, to));
  const auto* const found = field.empty() ? nullptr : known.find(field);
  if (found == nullptr)
    return fail(errc::not_found, core::format("{} has no index", path_text(field)));
  HEARTH_CHECK(set_aside(in, to, *found));
  if (known.indexed.size() == 2)  // nothing is left that needs to know all rows
    HEARTH_CHECK(set_aside(in, to, known.indexed.front()));
  return {};
}

result<void> restart_attributes(lmdb::write_transaction& in, const attribute_tables& to,
                                std::span<const attribute_field> fields) {
  HEARTH_TRY(const auto known, read_attribute_fields(in, to));
  auto next_number = known.next_number;
  for (const auto& field : fields) {
    HEARTH_CHECK(set_aside(in, to, field));
    HEARTH_CHECK(write_attribute_field(in, to, {next_number++, field.path, 0}));
  }
  return write_next_number(in, to, next_number);
}

result<void> forget_attribute(lmdb::write_transaction& in, const attribute_tables& to,
                              std::uint32_t number) {
  HEARTH_TRY(const bool there, in.erase(to.fields, lmdb::as_key(leaving_key(number))));
  return there ? result<void>() : damaged();
}

}  // namespace hearth::storage
