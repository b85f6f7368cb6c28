#include "storage/keyvalue/key_writes.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <unordered_set>
#include <utility>

#include "core/format.hpp"
#include "storage/change_codec.hpp"
#include "storage/corruption.hpp"
#include "storage/keyvalue/key_names.hpp"
#include "storage/keyvalue/key_number.hpp"
#include "storage/keyvalue/key_range.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view state_key = "keys";
/// Of an entry in a reply, beside its key and value; no less than it takes there.
constexpr std::size_t entry_overhead = 48;
/// Keys that are gathered before they are erased.
constexpr std::size_t gathered_bytes = std::size_t{1} << 20;

bool begins_with(byte_span key, std::string_view prefix) noexcept {
  return key.size() >= prefix.size() &&
         std::ranges::equal(key.first(prefix.size()), bytes_of(prefix));
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
  erased_count erased;
  for (std::size_t row = 0; row < writes_.size(); ++row) {
    if (writes_[row].change == key_change::erase_prefix) {
      there_.push_back(false);
      HEARTH_CHECK(count_below(writes_[row].key, erased));
    } else {
      HEARTH_CHECK(check(writes_[row], row));
    }
  }
  return {};
}

// Counts on; limit_exceeded past the limits, before anything has been written.
result<void> key_applier::count_below(const std::string& prefix, erased_count& erased) {
  HEARTH_TRY(auto cursor, key_cursor::open(transaction_, tables_.keys));
  HEARTH_TRY(bool more, cursor.seek(bytes_of(prefix)));
  while (more && begins_with(cursor.key(), prefix)) {
    erased.bytes += cursor.key().size();
    if (++erased.keys > most_.keys || erased.bytes > most_.bytes)
      return fail(errc::limit_exceeded,
                  core::format("too many keys begin with the prefixes to erase (the last is '{}'); "
                               "the limit of one batch is {} keys of {} together",
                               printable(prefix), most_.keys, format_bytes(most_.bytes)),
                  "erase longer prefixes one after the other, or keys page by page");
    HEARTH_TRY(more, cursor.next());
  }
  return {};
}

// Writing ends a cursor, so keys are gathered, and then erased, a few at a time.
result<void> key_applier::erase_below(key_writer& writer, const std::string& prefix,
                                      key_state& state) {
  for (;;) {
    std::vector<std::vector<std::byte>> found;
    {
      HEARTH_TRY(auto cursor, key_cursor::open(transaction_, tables_.keys));
      HEARTH_TRY(bool more, cursor.seek(bytes_of(prefix)));
      std::size_t bytes = 0;
      while (more && begins_with(cursor.key(), prefix) && bytes < gathered_bytes) {
        const auto key = cursor.key();
        found.emplace_back(key.begin(), key.end());
        bytes += key.size() + entry_overhead;
        HEARTH_TRY(more, cursor.next());
      }
    }
    if (found.empty())
      return {};
    for (const auto& key : found) {
      HEARTH_CHECK(writer.erase(key));
      erased_below_.append(text_of(key));
    }
    affected_ += found.size();
    state.count -= found.size();
  }
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
  const auto field = core::format("keys[{}]: the value of '{}'", row, printable(each.key));
  HEARTH_TRY(const auto sum,
             add_to_number(stored ? text_of(stored->bytes) : "0", each.amount, field));
  sums_.push_back(sum);
  return {};
}

result<void> key_applier::execute(lsn_t version) {
  if (writes_.empty())
    return {};
  HEARTH_TRY(auto state, read_key_state(transaction_, tables_));
  key_writer writer(transaction_, tables_.keys, state.next_node);
  bool prefixes = false;
  for (const auto& each : writes_)
    if (each.change == key_change::erase_prefix) {
      HEARTH_CHECK(erase_below(writer, each.key, state));
      prefixes = true;
    }
  std::size_t next_sum = 0;
  for (std::size_t row = 0; row < writes_.size(); ++row) {
    const auto& each = writes_[row];
    const auto key = bytes_of(each.key);
    if (each.change == key_change::erase_prefix)
      continue;
    if (each.change == key_change::erase) {
      HEARTH_TRY(const bool erased, writer.erase(key));
      affected_ += erased ? 1 : 0;
      state.count -= erased ? 1 : 0;
      continue;
    }
    const auto sum =
        each.change == key_change::add ? std::to_string(sums_[next_sum++]) : std::string();
    const auto& value = each.change == key_change::add ? sum : each.value;
    // What was there when the batch was checked, a prefix of the batch may have erased.
    bool there = there_[row];
    if (there && prefixes) {
      HEARTH_TRY(const auto stored, find_key(transaction_, tables_.keys, key));
      there = stored.has_value();
    }
    HEARTH_CHECK(writer.put(key, bytes_of(value), version));
    ++affected_;
    state.count += there ? 0 : 1;
  }
  return write_key_state(transaction_, tables_, state);
}

// What was put first: the change table has its lists in this order. A key that a prefix of the
// batch has erased and that was put then is one that was put.
result<void> key_applier::name_changes(change_encoder& out) const {
  std::unordered_set<std::string_view> put;
  for (const auto& each : writes_) {
    if (each.change != key_change::put && each.change != key_change::add)
      continue;
    HEARTH_CHECK(out.key(false, each.key));
    if (erased_below_.size() != 0)
      put.insert(each.key);
  }
  for (std::size_t row = 0; row < writes_.size(); ++row)
    if (writes_[row].change == key_change::erase && there_[row])
      HEARTH_CHECK(out.key(true, writes_[row].key));
  for (std::size_t i = 0; i < erased_below_.size(); ++i)
    if (!put.contains(erased_below_[i]))
      HEARTH_CHECK(out.key(true, erased_below_[i]));
  return {};
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

// To the first key of the page.
result<bool> start(key_cursor& cursor, const key_scan& scan, const key_range& range) {
  if (!scan.reverse)
    return cursor.seek(bytes_of(range.first));
  return range.end ? cursor.seek_before(bytes_of(*range.end)) : cursor.last();
}

// Fills a page from entries that are awaited from memory together: they lie anywhere in the file,
// and looked at one by one each would be waited for in its turn.
class page_filler {
 public:
  page_filler(const key_scan& scan, const key_range& range, std::size_t max_bytes)
      : scan_(scan), range_(range), max_bytes_(max_bytes),
        most_ahead_(std::min<std::size_t>(scan.limit, most_awaited - 1) + 1) {}

  /// Takes the key on which the cursor stands; false: the page has ended before it.
  [[nodiscard]] result<bool> take(const key_cursor& cursor) {
    const auto entry = cursor.entry();
    for (std::size_t at = 0; at < std::min(entry.value.size(), prefetched); at += cache_line)
      __builtin_prefetch(entry.value.data() + at);
    ahead_[count_++] = {text_of(cursor.key()), entry};
    return count_ < most_ahead_ && cursor.key_stays() ? true : look();
  }
  [[nodiscard]] result<key_page> finish() {
    HEARTH_TRY([[maybe_unused]] const bool open, look());
    return std::move(page_);
  }

 private:
  static constexpr std::size_t cache_line = 64;
  static constexpr std::size_t prefetched = 512;  // from there on the hardware sees it coming
  static constexpr std::size_t most_awaited = 32;

  struct awaited {
    std::string_view key{};
    key_cursor::stored_entry entry{};
  };

  // At all that was taken.
  [[nodiscard]] result<bool> look() {
    const auto taken = std::span(ahead_).first(std::exchange(count_, 0));
    for (const auto& [key, entry] : taken) {
      if (ended_ || (scan_.reverse ? range_.begins_after(key) : range_.ends_before(key))) {
        ended_ = true;
        break;
      }
      HEARTH_TRY(const auto stored, key_cursor::decode(entry));
      add(key, stored);
    }
    return !ended_;
  }

  void add(std::string_view key, const stored_value& stored) {
    const auto value = scan_.values ? text_of(stored.bytes) : std::string_view();
    bytes_ += key.size() + value.size() + entry_overhead;
    auto& entries = page_.entries;
    if (entries.size() >= scan_.limit || (bytes_ > max_bytes_ && !entries.empty())) {
      page_.next = cursor_behind(entries.back().key);
      ended_ = true;
      return;
    }
    entries.append(key, value, stored.version);
  }

  const key_scan& scan_;
  const key_range& range_;
  const std::size_t max_bytes_;
  const std::size_t most_ahead_;  // one more than are wanted says whether there are more
  std::array<awaited, most_awaited> ahead_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  bool ended_ = false;
  key_page page_;
};

}  // namespace

result<key_page> scan_keys(const lmdb::transaction& in, const tables& from, const key_scan& scan,
                           std::size_t max_bytes) {
  if (!scan.delimiter.empty())
    return list_names(in, from, scan, max_bytes);
  HEARTH_TRY(const auto range, range_of(scan));
  HEARTH_TRY(auto cursor, key_cursor::open(in, from.keys));
  HEARTH_TRY(bool more, start(cursor, scan, range));
  page_filler page(scan, range, max_bytes);
  while (more) {
    HEARTH_TRY(more, page.take(cursor));
    if (more) {
      HEARTH_TRY(more, scan.reverse ? cursor.previous() : cursor.next());
    }
  }
  return page.finish();
}

}  // namespace hearth::storage
