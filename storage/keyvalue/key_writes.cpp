#include "storage/keyvalue/key_writes.hpp"

#include <algorithm>
#include <charconv>

#include "core/format.hpp"
#include "storage/corruption.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view state_key = "keys";
/// Of an entry in a reply, beside its key and value; no less than it takes there.
constexpr std::size_t entry_overhead = 48;
constexpr char cursor_mark = 'k';

byte_span bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

std::string_view text_of(byte_span bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The whole number that a value says in decimal.
std::optional<std::int64_t> number_in(byte_span value) noexcept {
  const auto* const begin = reinterpret_cast<const char*>(value.data());
  const auto* const end = begin + value.size();
  std::int64_t number = 0;
  const auto parsed = std::from_chars(begin, end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end && begin != end ? std::optional(number)
                                                                       : std::nullopt;
}

result<void> write_key_state(lmdb::write_transaction& in, const tables& to,
                             const key_state& state) {
  return write_meta(in, to.meta, state_key, [&](byte_writer& out) {
    out.varint(state.next_node);
    out.varint(state.count);
  });
}

}  // namespace

result<key_state> read_key_state(const lmdb::transaction& in, const tables& from) {
  HEARTH_TRY(auto data, read_meta(in, from.meta, state_key));
  key_state state;
  if (!data)
    return state;
  state.next_node = data->varint();
  state.count = data->varint();
  if (!data->done() || state.next_node == 0)
    return corrupt("\"keys\" in the meta table");
  return state;
}

result<void> key_applier::prepare() {
  for (std::size_t row = 0; row < writes_.size(); ++row)
    HEARTH_CHECK(check(writes_[row], row));
  return {};
}

result<void> key_applier::check(const key_write& each, std::size_t row) {
  HEARTH_TRY(const auto stored, find_key(transaction_, tables_.keys, bytes_of(each.key)));
  there_.push_back(stored.has_value());
  const lsn_t version = stored ? stored->version : 0;
  if (each.expected && *each.expected != version) {
    const auto is = [](lsn_t number) {
      return number == 0 ? std::string("not there") : core::format("at version {}", number);
    };
    return fail(errc::conflict,
                core::format("keys[{}]: '{}' is {}; the batch expects it {}", row,
                             printable(each.key), is(version), is(*each.expected)),
                "read the key again and repeat the change");
  }
  if (each.change != key_change::add)
    return {};
  const auto number = stored ? number_in(stored->bytes) : std::optional<std::int64_t>(0);
  if (!number)
    return fail(errc::invalid_argument,
                core::format("keys[{}]: the value of '{}' is not a whole number in decimal", row,
                             printable(each.key)));
  std::int64_t sum = 0;
  if (__builtin_add_overflow(*number, each.amount, &sum))
    return fail(
        errc::invalid_argument,
        core::format("keys[{}]: {} and {} are more than 64 bits hold", row, *number, each.amount));
  sums_.push_back(sum);
  return {};
}

result<void> key_applier::execute(lsn_t version) {
  if (writes_.empty())
    return {};
  HEARTH_TRY(auto state, read_key_state(transaction_, tables_));
  key_writer writer(transaction_, tables_.keys, state.next_node);
  std::size_t next_sum = 0;
  for (std::size_t row = 0; row < writes_.size(); ++row) {
    const auto& each = writes_[row];
    const auto key = bytes_of(each.key);
    if (each.change == key_change::erase) {
      HEARTH_TRY(const bool erased, writer.erase(key));
      affected_ += erased ? 1 : 0;
      state.count -= erased ? 1 : 0;
      continue;
    }
    const auto sum =
        each.change == key_change::add ? std::to_string(sums_[next_sum++]) : std::string();
    const auto& value = each.change == key_change::add ? sum : each.value;
    HEARTH_CHECK(writer.put(key, bytes_of(value), version));
    ++affected_;
    state.count += there_[row] ? 0 : 1;
  }
  return write_key_state(transaction_, tables_, state);
}

result<key_result> get_keys(const lmdb::transaction& in, const tables& from, const key_query& query,
                            std::size_t max_bytes) {
  key_result answer;
  answer.found.reserve(query.keys.size());
  std::size_t bytes = 0;
  for (const auto& key : query.keys) {
    HEARTH_TRY(const auto stored, find_key(in, from.keys, bytes_of(key)));
    auto& found = answer.found.emplace_back();
    if (!stored)
      continue;
    bytes += key.size() + entry_overhead + (query.values ? stored->bytes.size() : 0);
    if (bytes > max_bytes)
      return fail(errc::limit_exceeded,
                  core::format("the values asked for take more than {}", format_bytes(max_bytes)),
                  "ask for fewer keys at a time");
    found = key_value{key, {}, stored->version};
    if (query.values)
      found->value = text_of(stored->bytes);
  }
  return answer;
}

namespace {

// The first bytes behind all that begin with `prefix`; nothing if there are none.
std::optional<std::string> behind(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff)
    prefix.pop_back();
  if (prefix.empty())
    return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// Where a scan begins and ends.
struct key_range {
  std::string first;
  std::optional<std::string> end;
};

key_range range_of(const key_scan& scan) {
  key_range range{std::max(scan.start, scan.prefix), scan.end};
  if (auto bound = behind(scan.prefix); bound && (!range.end || *bound < *range.end))
    range.end = std::move(bound);
  return range;
}

// To the first key of the page.
result<bool> start(key_cursor& cursor, const key_scan& scan, const key_range& range) {
  if (!scan.cursor.empty() && scan.cursor.front() != cursor_mark)
    return fail(errc::invalid_argument, "cursor is not one that a scan answered",
                "start without a cursor");
  const bool resumed = !scan.cursor.empty();
  const auto last = resumed ? scan.cursor.substr(1) : std::string();
  if (scan.reverse) {
    if (resumed)
      return cursor.seek_before(bytes_of(last));
    return range.end ? cursor.seek_before(bytes_of(*range.end)) : cursor.last();
  }
  HEARTH_TRY(const bool found, cursor.seek(bytes_of(resumed ? last : range.first)));
  if (found && resumed && text_of(cursor.key()) == last)
    return cursor.next();
  return found;
}

}  // namespace

result<key_page> scan_keys(const lmdb::transaction& in, const tables& from, const key_scan& scan,
                           std::size_t max_bytes) {
  const auto range = range_of(scan);
  HEARTH_TRY(auto cursor, key_cursor::open(in, from.keys));
  HEARTH_TRY(bool more, start(cursor, scan, range));
  key_page page;
  std::size_t bytes = 0;
  while (more) {
    const auto key = text_of(cursor.key());
    if (scan.reverse ? key < range.first : range.end && key >= *range.end)
      break;
    HEARTH_TRY(const auto stored, cursor.value());
    const auto value = scan.values ? text_of(stored.bytes) : std::string_view();
    bytes += key.size() + value.size() + entry_overhead;
    if (page.entries.size() >= scan.limit || (bytes > max_bytes && !page.entries.empty())) {
      page.next = cursor_mark;
      page.next += page.entries.back().key;
      break;
    }
    page.entries.append(key, value, stored.version);
    HEARTH_TRY(more, scan.reverse ? cursor.previous() : cursor.next());
  }
  return page;
}

}  // namespace hearth::storage
