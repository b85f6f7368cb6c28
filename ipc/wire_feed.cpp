// The change feed, wire to core and core to wire.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"

namespace hearth::ipc::wire {

namespace {

// ChangePage.flags
constexpr std::uint8_t of_key = 1;
constexpr std::uint8_t was_erased = 2;
constexpr std::uint8_t is_last = 4;

constexpr std::size_t position_words = 3;
constexpr std::size_t consumer_words = 4;

feed_position read_position(schema::FeedPosition::Reader from) {
  return {from.getLsn(), from.getSkip()};
}

void write_position(schema::FeedPosition::Builder to, const feed_position& from) {
  to.setLsn(from.lsn);
  to.setSkip(from.skip);
}

result<std::vector<std::string>> read_bytes_list(capnp::List<capnp::Data>::Reader from,
                                                 std::string_view field, std::size_t most_bytes) {
  if (from.size() > limits::feed_changes)
    return over_limit(field, from.size(), limits::feed_changes, "entries");
  std::vector<std::string> to;
  to.reserve(from.size());
  for (const auto each : from) {
    if (each.size() > most_bytes)
      return over_limit(field, each.size(), most_bytes, "bytes");
    to.emplace_back(each.asChars().begin(), each.size());
  }
  return to;
}

std::unexpected<error> uneven() {
  return fail(errc::invalid_argument, "the columns of the changes differ in length");
}

// The columns of a page that go with its changes one by one.
struct event_columns {
  std::vector<std::uint64_t> lsns;
  std::vector<std::uint64_t> numbers;
  std::vector<std::uint64_t> versions;
  std::vector<std::uint8_t> flags;
  std::vector<record_id> ids;
  std::vector<std::string> keys;
  std::vector<std::string> values;
};

result<event_columns> read_columns(schema::ChangePage::Reader from) {
  event_columns to;
  HEARTH_TRY(to.lsns, read_numbers<std::uint64_t>(from.getLsns(), "lsns"));
  HEARTH_TRY(to.numbers, read_numbers<std::uint64_t>(from.getNumbers(), "numbers"));
  HEARTH_TRY(to.versions, read_numbers<std::uint64_t>(from.getVersions(), "versions"));
  HEARTH_TRY(to.flags, read_numbers<std::uint8_t>(from.getFlags(), "flags"));
  HEARTH_TRY(to.ids, read_ids(from.getIds(), "ids", limits::feed_changes));
  HEARTH_TRY(to.keys, read_bytes_list(from.getKeys(), "keys", limits::key_bytes));
  HEARTH_TRY(to.values, read_bytes_list(from.getValues(), "values", limits::value_bytes));
  const auto changes = to.lsns.size();
  if (to.numbers.size() != changes || to.versions.size() != changes || to.flags.size() != changes ||
      to.ids.size() + to.keys.size() != changes ||
      (!to.values.empty() && to.values.size() != to.keys.size()))
    return uneven();
  return to;
}

}  // namespace

result<change_query> read(schema::ChangeQuery::Reader from) {
  change_query to;
  if (from.getAfter().isPosition())
    to.after = read_position(from.getAfter().getPosition());
  if (from.getSubject() != schema::FeedSubject::UNSPECIFIED) {
    HEARTH_TRY(to.subject, read_enum(from.getSubject(), "subject", feed_subject::keys));
  }
  HEARTH_TRY(to.where, read_filter(from.getWhere()));
  if (from.hasNear()) {
    auto& near = to.near.emplace();
    HEARTH_TRY(near.vector, read_matrix(from.getNear().getVector(), "near.vector"));
    HEARTH_TRY(near.vector_name, read_text(from.getNear().getVectorName(), "near.vectorName",
                                           limits::namespace_name_bytes));
    near.radius = from.getNear().getRadius();
  }
  if (from.getPrefix().size() > limits::key_bytes)
    return over_limit("prefix", from.getPrefix().size(), limits::key_bytes, "bytes");
  to.prefix = std::string(from.getPrefix().asChars().begin(), from.getPrefix().size());
  to.fields = read_fields(from.getFields());
  to.values = from.getValues();
  to.limit = from.getLimit();
  to.wait_ms = from.getWaitMs();
  return to;
}

result<change_page> read(schema::ChangePage::Reader from) {
  HEARTH_TRY(auto columns, read_columns(from));
  change_page to;
  HEARTH_TRY(to.records, read_records(from.getRecords()));
  std::size_t id = 0;
  std::size_t key = 0;
  std::uint32_t row = 0;
  for (std::size_t i = 0; i < columns.lsns.size(); ++i) {
    auto& event = to.events.emplace_back();
    event.lsn = columns.lsns[i];
    event.number = columns.numbers[i];
    event.version = columns.versions[i];
    event.is_key = (columns.flags[i] & of_key) != 0;
    event.erased = (columns.flags[i] & was_erased) != 0;
    event.last = (columns.flags[i] & is_last) != 0;
    if (event.is_key ? key == columns.keys.size() : id == columns.ids.size())
      return uneven();
    if (event.is_key) {
      if (!columns.values.empty())
        event.value = std::move(columns.values[key]);
      event.key = std::move(columns.keys[key++]);
      continue;
    }
    event.id = std::move(columns.ids[id++]);
    if (!event.erased && event.version != 0)
      event.row = row++;
  }
  if (row != to.records.size())
    return uneven();
  to.next = read_position(from.getNext());
  to.newest = from.getNewest();
  return to;
}

result<consumer_request> read(schema::ConsumerRequest::Reader from) {
  consumer_request to;
  HEARTH_TRY(to.name, read_text(from.getName(), "name", limits::consumer_bytes));
  HEARTH_TRY(to.action, read_enum(from.getAction(), "action", consumer_action::erase));
  if (from.getPosition().isAt())
    to.position = read_position(from.getPosition().getAt());
  return to;
}

feed_position read(schema::FeedPosition::Reader from) {
  return read_position(from);
}

result<std::vector<feed_consumer>> read(capnp::List<schema::Consumer>::Reader from) {
  if (from.size() > limits::feed_consumers)
    return over_limit("consumers", from.size(), limits::feed_consumers, "entries");
  std::vector<feed_consumer> to;
  for (const auto each : from) {
    auto& one = to.emplace_back();
    HEARTH_TRY(one.name, read_text(each.getName(), "name", limits::consumer_bytes));
    one.position = read_position(each.getPosition());
  }
  return to;
}

void write(schema::ChangeQuery::Builder to, const change_query& from) {
  if (from.after)
    write_position(to.getAfter().initPosition(), *from.after);
  to.setSubject(static_cast<schema::FeedSubject>(from.subject));
  if (from.where)
    to.setWhere(to_string(*from.where));
  if (from.near) {
    auto near = to.initNear();
    write_matrix(near.initVector(), from.near->vector);
    near.setVectorName(from.near->vector_name);
    near.setRadius(from.near->radius);
  }
  to.setPrefix(bytes_of(from.prefix));
  write_fields(to.initFields(), from.fields);
  to.setValues(from.values);
  to.setLimit(from.limit);
  to.setWaitMs(from.wait_ms);
}

void write(schema::ChangePage::Builder to, const change_page& from) {
  event_columns columns;
  for (const auto& event : from.events) {
    columns.lsns.push_back(event.lsn);
    columns.numbers.push_back(event.number);
    columns.versions.push_back(event.version);
    columns.flags.push_back(static_cast<std::uint8_t>((event.is_key ? of_key : 0) |
                                                      (event.erased ? was_erased : 0) |
                                                      (event.last ? is_last : 0)));
    if (!event.is_key)
      columns.ids.push_back(event.id);
  }
  to.setLsns(to_data(columns.lsns));
  to.setNumbers(to_data(columns.numbers));
  to.setVersions(to_data(columns.versions));
  to.setFlags(to_data(columns.flags));
  write_ids(to.initIds(), columns.ids);
  const auto count = static_cast<kj::uint>(from.events.size() - columns.ids.size());
  auto keys = to.initKeys(count);
  auto values = to.initValues(count);
  kj::uint at = 0;
  for (const auto& event : from.events)
    if (event.is_key) {
      keys.set(at, bytes_of(event.key));
      values.set(at++, bytes_of(event.value));
    }
  write_records(to.initRecords(), from.records);
  write_position(to.initNext(), from.next);
  to.setNewest(from.newest);
}

void write(schema::ConsumerRequest::Builder to, const consumer_request& from) {
  to.setName(from.name);
  to.setAction(static_cast<schema::ConsumerAction>(from.action));
  if (from.position)
    write_position(to.getPosition().initAt(), *from.position);
}

void write(schema::FeedPosition::Builder to, const feed_position& from) {
  write_position(to, from);
}

void write(capnp::List<schema::Consumer>::Builder to, const std::vector<feed_consumer>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setName(from[i].name);
    write_position(to[i].initPosition(), from[i].position);
  }
}

std::size_t words(const change_query& value) {
  std::size_t total =
      fixed_words + position_words + words(value.where) + data_words(value.prefix.size());
  if (value.near)
    total += fixed_words + words_of_matrix(value.near->vector) +
             data_words(value.near->vector_name.size() + 1);
  return total;
}

std::size_t words(const change_page& value) {
  std::size_t total = fixed_words + 2 * position_words + 4 * value.events.size() + 4 +
                      words_of_records(value.records);
  std::vector<record_id> ids;
  for (const auto& event : value.events) {
    if (event.is_key)
      total += 2 + data_words(event.key.size()) + data_words(event.value.size());
    else
      ids.push_back(event.id);
  }
  return total + words_of_ids(ids);
}

std::size_t words(const consumer_request& value) {
  return fixed_words + position_words + data_words(value.name.size() + 1);
}

std::size_t words(const feed_position&) {
  return fixed_words;
}

std::size_t words(const std::vector<feed_consumer>& value) {
  std::size_t total = fixed_words;
  for (const auto& each : value)
    total += consumer_words + position_words + data_words(each.name.size() + 1);
  return total;
}

}  // namespace hearth::ipc::wire
