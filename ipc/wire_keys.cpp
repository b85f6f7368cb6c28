// The key-value side, wire to core and core to wire.
#include <cstdint>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"

namespace hearth::ipc::wire {

namespace {

constexpr std::size_t write_words = 5;   // of a KeyWrite, and what leads to it
constexpr std::size_t stored_words = 4;  // of a StoredKey

kj::ArrayPtr<const kj::byte> bytes_of(const std::string& from) {
  return to_data(from.data(), from.size());
}

result<std::string> read_bytes(capnp::Data::Reader from, std::string_view field,
                               std::size_t limit) {
  if (from.size() > limit)
    return over_limit(field, from.size(), limit, "bytes");
  return std::string(from.asChars().begin(), from.size());
}

result<std::vector<key_value>> read_entries(capnp::List<schema::StoredKey>::Reader from) {
  if (from.size() > limits::batch_rows)
    return over_limit("entries", from.size(), limits::batch_rows, "keys");
  std::vector<key_value> entries;
  entries.reserve(from.size());
  for (const auto each : from) {
    auto& entry = entries.emplace_back();
    HEARTH_TRY(entry.key, read_bytes(each.getKey(), "key", limits::key_bytes));
    HEARTH_TRY(entry.value, read_bytes(each.getValue(), "value", limits::value_bytes));
    entry.version = each.getVersion();
  }
  return entries;
}

void write_entry(schema::StoredKey::Builder to, const key_value& from) {
  to.setKey(bytes_of(from.key));
  to.setValue(bytes_of(from.value));
  to.setVersion(from.version);
}

std::size_t words_of_entry(const key_value& entry) {
  return stored_words + data_words(entry.key.size()) + data_words(entry.value.size());
}

}  // namespace

result<std::vector<key_write>> read_key_writes(capnp::List<schema::KeyWrite>::Reader from) {
  if (from.size() > limits::batch_rows)
    return over_limit("keys", from.size(), limits::batch_rows, "keys");
  std::vector<key_write> writes;
  writes.reserve(from.size());
  for (const auto each : from) {
    auto& one = writes.emplace_back();
    HEARTH_TRY(one.change, read_enum(each.getChange(), "change", key_change::add));
    HEARTH_TRY(one.key, read_bytes(each.getKey(), "keys", limits::key_bytes));
    HEARTH_TRY(one.value, read_bytes(each.getValue(), "the value of a key", limits::value_bytes));
    one.amount = each.getAmount();
    if (each.getExpected().isStated())
      one.expected = each.getExpected().getStated();
  }
  return writes;
}

void write_key_writes(capnp::List<schema::KeyWrite>::Builder to,
                      const std::vector<key_write>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setKey(bytes_of(from[i].key));
    to[i].setChange(static_cast<schema::KeyChange>(from[i].change));
    to[i].setValue(bytes_of(from[i].value));
    to[i].setAmount(from[i].amount);
    if (from[i].expected)
      to[i].getExpected().setStated(*from[i].expected);
  }
}

std::size_t words_of_key_writes(const std::vector<key_write>& from) {
  std::size_t total = 1;
  for (const auto& each : from)
    total += write_words + data_words(each.key.size()) + data_words(each.value.size());
  return total;
}

result<key_query> read(schema::KeyQuery::Reader from) {
  if (from.getKeys().size() > limits::batch_rows)
    return over_limit("keys", from.getKeys().size(), limits::batch_rows, "keys");
  key_query to;
  for (const auto key : from.getKeys()) {
    HEARTH_TRY(auto one, read_bytes(key, "keys", limits::key_bytes));
    to.keys.push_back(std::move(one));
  }
  to.values = from.getValues();
  return to;
}

result<key_result> read(schema::KeyResult::Reader from) {
  HEARTH_TRY(auto entries, read_entries(from.getFound()));
  key_result to;
  to.found.reserve(entries.size());
  for (auto& entry : entries) {
    auto& found = to.found.emplace_back();
    if (entry.version != 0)
      found = std::move(entry);
  }
  return to;
}

result<key_scan> read(schema::KeyScan::Reader from) {
  key_scan to;
  HEARTH_TRY(to.start, read_bytes(from.getStart(), "start", limits::key_bytes));
  HEARTH_TRY(to.prefix, read_bytes(from.getPrefix(), "prefix", limits::key_bytes));
  if (from.getEnd().isBefore()) {
    HEARTH_TRY(to.end, read_bytes(from.getEnd().getBefore(), "end", limits::key_bytes));
  }
  HEARTH_TRY(to.cursor, read_bytes(from.getCursor(), "cursor", limits::key_bytes + 1));
  to.reverse = from.getReverse();
  to.values = from.getValues();
  to.limit = from.getLimit();
  return to;
}

result<key_page> read(schema::KeyPage::Reader from) {
  key_page to;
  HEARTH_TRY(to.entries, read_entries(from.getEntries()));
  HEARTH_TRY(to.next, read_bytes(from.getNext(), "next", limits::key_bytes + 1));
  return to;
}

void write(schema::KeyQuery::Builder to, const key_query& from) {
  auto keys = to.initKeys(static_cast<kj::uint>(from.keys.size()));
  for (kj::uint i = 0; i < keys.size(); ++i)
    keys.set(i, bytes_of(from.keys[i]));
  to.setValues(from.values);
}

void write(schema::KeyResult::Builder to, const key_result& from) {
  auto found = to.initFound(static_cast<kj::uint>(from.found.size()));
  for (kj::uint i = 0; i < found.size(); ++i)
    if (from.found[i])
      write_entry(found[i], *from.found[i]);
}

void write(schema::KeyScan::Builder to, const key_scan& from) {
  to.setStart(bytes_of(from.start));
  if (from.end)
    to.getEnd().setBefore(bytes_of(*from.end));
  to.setPrefix(bytes_of(from.prefix));
  to.setReverse(from.reverse);
  to.setValues(from.values);
  to.setLimit(from.limit);
  to.setCursor(bytes_of(from.cursor));
}

void write(schema::KeyPage::Builder to, const key_page& from) {
  auto entries = to.initEntries(static_cast<kj::uint>(from.entries.size()));
  for (kj::uint i = 0; i < entries.size(); ++i)
    write_entry(entries[i], from.entries[i]);
  to.setNext(bytes_of(from.next));
}

std::size_t words(const key_query& value) {
  std::size_t total = fixed_words;
  for (const auto& key : value.keys)
    total += 1 + data_words(key.size());
  return total;
}

std::size_t words(const key_result& value) {
  std::size_t total = fixed_words;
  for (const auto& entry : value.found)
    total += entry ? words_of_entry(*entry) : stored_words;
  return total;
}

std::size_t words(const key_scan& value) {
  return fixed_words + data_words(value.start.size()) + data_words(value.prefix.size()) +
         (value.end ? data_words(value.end->size()) : 0) + data_words(value.cursor.size());
}

std::size_t words(const key_page& value) {
  std::size_t total = fixed_words + data_words(value.next.size());
  for (const auto& entry : value.entries)
    total += words_of_entry(entry);
  return total;
}

}  // namespace hearth::ipc::wire
