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

// Takes no more memory than the message has.
result<byte_column> read_column(capnp::Data::Reader bytes, capnp::Data::Reader ends,
                                std::string_view field, std::size_t limit) {
  if (ends.size() > limits::batch_rows * sizeof(std::uint32_t))
    return over_limit(field, ends.size() / sizeof(std::uint32_t), limits::batch_rows, "entries");
  HEARTH_TRY(auto numbers, read_numbers<std::uint32_t>(ends, field));
  return byte_column::from({bytes.asChars().begin(), bytes.size()}, std::move(numbers), field,
                           limit);
}

std::size_t words_of_column(const byte_column& from) {
  return data_words(from.bytes().size()) + data_words(from.size() * sizeof(std::uint32_t));
}

void write_entry(schema::StoredKey::Builder to, const key_value& from) {
  to.setKey(bytes_of(from.key));
  to.setValue(bytes_of(from.value));
  to.setVersion(from.version);
  to.setOwn(from.version == 0);
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
    HEARTH_TRY(one.change, read_enum(each.getChange(), "change", key_change::erase_prefix));
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
  if (from.getFound().size() > limits::batch_rows)
    return over_limit("found", from.getFound().size(), limits::batch_rows, "keys");
  key_result to;
  to.found.reserve(from.getFound().size());
  for (const auto each : from.getFound()) {
    auto& found = to.found.emplace_back();
    if (each.getVersion() == 0 && !each.getOwn())
      continue;
    found.emplace().version = each.getVersion();
    HEARTH_TRY(found->key, read_bytes(each.getKey(), "key", limits::key_bytes));
    HEARTH_TRY(found->value, read_bytes(each.getValue(), "value", limits::value_bytes));
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
  HEARTH_TRY(to.cursor, read_bytes(from.getCursor(), "cursor", key_cursor_bytes));
  HEARTH_TRY(to.delimiter, read_bytes(from.getDelimiter(), "delimiter", key_delimiter_bytes));
  to.reverse = from.getReverse();
  to.values = from.getValues();
  to.limit = from.getLimit();
  return to;
}

result<key_page> read(schema::KeyPage::Reader from) {
  key_page to;
  HEARTH_TRY(auto keys, read_column(from.getKeys(), from.getKeyEnds(), "keys", limits::key_bytes));
  HEARTH_TRY(auto values,
             read_column(from.getValues(), from.getValueEnds(), "values", limits::value_bytes));
  HEARTH_TRY(auto versions, read_numbers<lsn_t>(from.getVersions(), "versions"));
  HEARTH_TRY(to.entries,
             key_columns::from(std::move(keys), std::move(values), std::move(versions)));
  HEARTH_TRY(to.next, read_bytes(from.getNext(), "next", key_cursor_bytes));
  const auto names = from.getNames();
  if (names.size() != 0 && names.size() != to.entries.size())
    return fail(errc::internal, "a listing of names does not say what each of them is");
  to.names.assign(names.begin(), names.end());
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
  to.setDelimiter(bytes_of(from.delimiter));
}

void write(schema::KeyPage::Builder to, const key_page& from) {
  const auto& columns = from.entries;
  to.setKeys(bytes_of(columns.keys().bytes()));
  to.setKeyEnds(to_data(columns.keys().ends()));
  to.setValues(bytes_of(columns.values().bytes()));
  to.setValueEnds(to_data(columns.values().ends()));
  to.setVersions(to_data(columns.versions()));
  to.setNext(bytes_of(from.next));
  to.setNames(to_data(from.names.data(), from.names.size()));
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
         (value.end ? data_words(value.end->size()) : 0) + data_words(value.cursor.size()) +
         data_words(value.delimiter.size());
}

std::size_t words(const key_page& value) {
  const auto& columns = value.entries;
  return fixed_words + data_words(value.next.size()) + data_words(value.names.size()) +
         words_of_column(columns.keys()) + words_of_column(columns.values()) +
         columns.size();  // a version is a word
}

}  // namespace hearth::ipc::wire
