// A name that is a key and has keys below it is met twice in the order of keys: "a" comes before
// "a/x", and "a!" between them. It is listed where its own key is. So that a page need not know
// what the pages before it listed, cursors hold the LSN of the snapshot that the listing began
// with: where the keys below are met, a name whose own key is not younger has been listed, or will
// be. A key that was written meanwhile may make its name appear a second time, never make it
// disappear. (In a transaction, what it has itself written has version 0 and counts as old: a key
// that it writes between two pages of a listing may do either.)
#include "storage/keyvalue/key_names.hpp"

#include <cstring>

#include "core/key_path.hpp"
#include "storage/keyvalue/key_tree.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

namespace {

/// Of a page, beside names and values.
constexpr std::size_t entry_overhead = 48;
constexpr char cursor_mark = 'n';
constexpr std::size_t lsn_bytes = 8;

std::string make_cursor(lsn_t started, const std::string& position) {
  std::string cursor(1, cursor_mark);
  cursor.append(reinterpret_cast<const char*>(&started), lsn_bytes);
  return cursor + position;
}

class name_listing {
 public:
  name_listing(key_walk& keys, lsn_t lsn, const key_scan& scan)
      : keys_(keys), scan_(scan), range_(bounds_of(scan)), started_(lsn) {}

  result<key_page> page(std::size_t max_bytes) {
    HEARTH_TRY(bool more, start());
    key_page page;
    std::size_t bytes = 0;
    while (more) {
      const auto key = keys_.key();
      if (scan_.reverse ? range_.begins_after(key) : range_.ends_before(key))
        break;
      const auto at = find_delimiter(key, scan_.prefix.size(), scan_.delimiter);
      HEARTH_TRY(const auto met,
                 at == std::string::npos ? own_key(key) : keys_below(key.substr(0, at)));
      if (met) {
        bytes += met->entry.key.size() + entry_overhead + met->entry.value.size();
        if (page.entries.size() >= scan_.limit || (bytes > max_bytes && !page.entries.empty())) {
          page.next = make_cursor(started_, position_);
          break;
        }
        page.entries.append(met->entry.key, met->entry.value, met->entry.version);
        page.names.push_back(met->flags);
      }
      HEARTH_TRY(more, step(key, at));
    }
    return page;
  }

 private:
  struct name {
    key_value entry;
    std::uint8_t flags = 0;
  };

  // To the first key of the page.
  result<bool> start() {
    if (scan_.cursor.empty())
      return scan_.reverse ? keys_.seek_before(range_.end) : keys_.seek(range_.first);
    if (scan_.cursor.front() != cursor_mark || scan_.cursor.size() < 1 + lsn_bytes)
      return fail(errc::invalid_argument, "cursor is not one that a listing answered",
                  "start without a cursor");
    std::memcpy(&started_, scan_.cursor.data() + 1, lsn_bytes);
    position_ = scan_.cursor.substr(1 + lsn_bytes);
    return scan_.reverse ? keys_.seek_before(position_) : keys_.seek(position_);
  }

  // The listing stands on a key that is a name.
  result<std::optional<name>> own_key(const std::string& key) {
    HEARTH_TRY(auto entry, keys_.entry(scan_.values));
    name met{std::move(entry), key_name::has_value};
    const auto below = key + scan_.delimiter;
    // Where the key ends in a backslash, the delimiter would be escaped.
    if (find_delimiter(below, scan_.prefix.size(), scan_.delimiter) == key.size()) {
      HEARTH_TRY(const bool found, keys_.any_below(below));
      if (found)
        met.flags |= key_name::has_more;
    }
    return std::optional(std::move(met));
  }

  // The listing stands on a key below `key`; nothing if the name is listed where its own key is.
  result<std::optional<name>> keys_below(std::string key) {
    HEARTH_TRY(auto own, keys_.find(key, scan_.values));
    if (own && range_.has(key) && own->version <= started_)
      return std::optional<name>();
    if (own)
      return std::optional(name{*std::move(own), key_name::has_value | key_name::has_more});
    return std::optional(name{{.key = std::move(key)}, key_name::has_more});
  }

  // Past the name of `key`, whose delimiter is at `at`. position_ is then where a page that begins
  // behind this name resumes.
  result<bool> step(const std::string& key, std::size_t at) {
    if (at == std::string::npos) {
      position_ = scan_.reverse ? key : key + '\0';
      return scan_.reverse ? keys_.previous() : keys_.next();
    }
    position_ = key.substr(0, at) + scan_.delimiter;
    if (scan_.reverse)
      return keys_.seek_before(position_);
    const auto next = behind(position_);
    if (!next)
      return false;
    position_ = *next;
    return keys_.seek(position_);
  }

  key_walk& keys_;
  const key_scan& scan_;
  const key_range range_;
  lsn_t started_;
  std::string position_;
};

class stored_walk final : public key_walk {
 public:
  static result<stored_walk> begin(const lmdb::transaction& in, const tables& from) {
    HEARTH_TRY(auto keys, key_cursor::open(in, from.keys));
    HEARTH_TRY(auto peek, key_cursor::open(in, from.keys));
    return stored_walk(in, from, std::move(keys), std::move(peek));
  }

  result<bool> seek(std::string_view bound) override { return keys_.seek(bytes_of(bound)); }
  result<bool> seek_before(const std::optional<std::string>& bound) override {
    return bound ? keys_.seek_before(bytes_of(*bound)) : keys_.last();
  }
  result<bool> next() override { return keys_.next(); }
  result<bool> previous() override { return keys_.previous(); }

  std::string key() const override { return std::string(text_of(keys_.key())); }
  result<key_value> entry(bool value) override {
    HEARTH_TRY(const auto stored, keys_.value());
    return entry_of(key(), stored, value);
  }
  result<std::optional<key_value>> find(const std::string& key, bool value) override {
    HEARTH_TRY(const auto stored, find_key(in_, from_.keys, bytes_of(key)));
    return stored ? std::optional(entry_of(key, *stored, value)) : std::nullopt;
  }
  result<bool> any_below(const std::string& prefix) override {
    HEARTH_TRY(const bool found, peek_.seek(bytes_of(prefix)));
    return found && text_of(peek_.key()).starts_with(prefix);
  }

 private:
  stored_walk(const lmdb::transaction& in, const tables& from, key_cursor keys, key_cursor peek)
      : in_(in), from_(from), keys_(std::move(keys)), peek_(std::move(peek)) {}

  static key_value entry_of(std::string key, const stored_value& stored, bool value) {
    return {std::move(key), value ? std::string(text_of(stored.bytes)) : std::string(),
            stored.version};
  }

  const lmdb::transaction& in_;
  const tables& from_;
  key_cursor keys_;
  key_cursor peek_;  // for looks ahead
};

}  // namespace

result<key_page> list_names(key_walk& keys, lsn_t lsn, const key_scan& scan,
                            std::size_t max_bytes) {
  return name_listing(keys, lsn, scan).page(max_bytes);
}

result<key_page> list_names(const lmdb::transaction& in, const tables& from, const key_scan& scan,
                            std::size_t max_bytes) {
  HEARTH_TRY(const auto state, read_state(in, from));
  HEARTH_TRY(auto keys, stored_walk::begin(in, from));
  return list_names(keys, state.lsn, scan, max_bytes);
}

// Backwards, a name is left out before its own key has been come to.
key_range covered_names(const key_scan& scan, const std::string& next) {
  auto range = bounds_of(scan);
  if (!scan.reverse && next.size() > 1 + lsn_bytes)
    range.end = next.substr(1 + lsn_bytes);
  return range;
}

}  // namespace hearth::storage
