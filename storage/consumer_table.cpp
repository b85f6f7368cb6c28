#include "storage/consumer_table.hpp"

#include "core/format.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

result<feed_position> decode(byte_span name, byte_span data) {
  auto in = open_checked(data, checksum(name));
  feed_position position;
  position.lsn = in.varint();
  position.skip = in.varint();
  if (!in.done())
    return corrupt("an entry of the table of consumers");
  return position;
}

result<std::optional<feed_position>> find(const lmdb::transaction& in, const tables& from,
                                          byte_span name) {
  HEARTH_TRY(const auto data, in.get(from.consumers, name));
  if (!data)
    return std::nullopt;
  return decode(name, *data);
}

result<void> put(lmdb::write_transaction& in, const tables& to, byte_span name,
                 feed_position position) {
  std::vector<std::byte> data;
  begin_checked(data);
  byte_writer out(data);
  out.varint(position.lsn);
  out.varint(position.skip);
  finish_checked(data, checksum(name));
  return in.put(to.consumers, name, data);
}

result<void> check_room(const lmdb::transaction& in, const tables& from) {
  HEARTH_TRY(const auto numbers, in.statistics(from.consumers));
  if (numbers.ms_entries < limits::feed_consumers)
    return {};
  return fail(
      errc::limit_exceeded,
      core::format("the namespace has {} consumers, the limit", std::size_t{numbers.ms_entries}),
      "delete those that are not used any more");
}

result<void> check_reached(feed_position position, lsn_t newest) {
  if (position <= feed_position{newest, 0})
    return {};
  return fail(errc::invalid_argument,
              core::format("position is {}, but the newest write of the namespace is {}",
                           to_string(position), newest),
              "give the position of a change that the feed delivered");
}

}  // namespace

result<feed_position> update_consumer(lmdb::write_transaction& in, const tables& to,
                                      const consumer_request& request, lsn_t newest) {
  const auto name = lmdb::as_key(request.name);
  HEARTH_TRY(const auto known, find(in, to, name));
  if (!known && request.action != consumer_action::open)
    return fail(errc::not_found, core::format("there is no consumer \"{}\"", request.name),
                "open it first");
  if (request.action == consumer_action::erase) {
    HEARTH_TRY(const bool erased, in.erase(to.consumers, name));
    return erased ? result<feed_position>(*known) : corrupt("the table of consumers");
  }
  if (known && request.action == consumer_action::open)
    return *known;
  const auto wanted = request.position.value_or(feed_position{newest, 0});
  HEARTH_CHECK(check_reached(wanted, newest));
  if (known && wanted <= *known)
    return *known;
  if (!known)
    HEARTH_CHECK(check_room(in, to));
  HEARTH_CHECK(put(in, to, name, wanted));
  return wanted;
}

result<std::vector<feed_consumer>> list_consumers(const lmdb::transaction& in, const tables& from) {
  std::vector<feed_consumer> all;
  HEARTH_TRY(auto cursor, in.open_cursor(from.consumers));
  HEARTH_TRY(bool more, cursor.first());
  while (more) {
    const auto name = cursor.key();
    HEARTH_TRY(const auto position, decode(name, cursor.value()));
    all.push_back({{reinterpret_cast<const char*>(name.data()), name.size()}, position});
    HEARTH_TRY(more, cursor.next());
  }
  return all;
}

}  // namespace hearth::storage
