#include "storage/keyvalue/key_tree.hpp"

#include <algorithm>

#include "storage/bytes.hpp"
#include "storage/corruption.hpp"
#include "storage/keys.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t fragment_bytes = 480;
constexpr std::byte ends{0};
constexpr std::byte goes_on{1};
static_assert(sizeof(key_node) + fragment_bytes + 1 <= key_limit);
constexpr std::size_t most_nodes = limits::key_bytes / fragment_bytes + 1;

// The key of an entry.
class entry_key {
 public:
  entry_key(key_node node, byte_span fragment, std::byte mark = ends) {
    append(big_endian(node));
    append(fragment);
    if (fragment.size() == fragment_bytes)
      append(std::span(&mark, 1));
  }
  [[nodiscard]] byte_span bytes() const noexcept { return std::span(data_).first(size_); }

 private:
  void append(byte_span part) {
    std::ranges::copy(part, data_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += part.size();
  }
  std::array<std::byte, sizeof(key_node) + fragment_bytes + 1> data_;
  std::size_t size_ = 0;
};

bool belongs_to(byte_span entry, key_node node) noexcept {
  return entry.size() >= sizeof node && read_big_endian<key_node>(entry) == node;
}

bool is_link(byte_span entry) noexcept {
  return entry.size() == sizeof(key_node) + fragment_bytes + 1 && entry.back() == goes_on;
}

byte_span fragment_of(byte_span entry) noexcept {
  const auto fragment = entry.subspan(sizeof(key_node));
  return fragment.first(std::min(fragment.size(), fragment_bytes));
}

result<key_node> decode_link(byte_span entry, byte_span value) {
  auto in = open_checked(value, checksum(entry));
  const auto node = in.u64();
  if (!in.done() || node == 0)
    return corrupt("a link between keys");
  return node;
}

result<stored_value> decode_value(byte_span entry, byte_span value) {
  auto in = open_checked(value, checksum(entry));
  stored_value stored;
  stored.version = in.varint();
  stored.bytes = in.bytes(in.remaining());
  if (!in.done())
    return corrupt("the value of a key");
  return stored;
}

// The link under which keys go on that begin with this fragment.
result<std::optional<key_node>> find_link(const lmdb::transaction& in, lmdb::table keys,
                                          const entry_key& link) {
  HEARTH_TRY(const auto value, in.get(keys, link.bytes()));
  if (!value)
    return std::optional<key_node>();
  HEARTH_TRY(const auto node, decode_link(link.bytes(), *value));
  return std::optional(node);
}

}  // namespace

result<std::optional<stored_value>> find_key(const lmdb::transaction& in, lmdb::table keys,
                                             byte_span key) {
  key_node node = 0;
  for (; key.size() > fragment_bytes; key = key.subspan(fragment_bytes)) {
    HEARTH_TRY(const auto below,
               find_link(in, keys, entry_key(node, key.first(fragment_bytes), goes_on)));
    if (!below)
      return std::optional<stored_value>();
    node = *below;
  }
  const entry_key entry(node, key);
  HEARTH_TRY(const auto value, in.get(keys, entry.bytes()));
  if (!value)
    return std::optional<stored_value>();
  HEARTH_TRY(const auto stored, decode_value(entry.bytes(), *value));
  return std::optional(stored);
}

result<void> key_writer::put(byte_span key, byte_span value, lsn_t version) {
  key_node node = 0;
  std::vector<std::byte> data;
  for (; key.size() > fragment_bytes; key = key.subspan(fragment_bytes)) {
    const entry_key link(node, key.first(fragment_bytes), goes_on);
    HEARTH_TRY(auto below, find_link(transaction_, keys_, link));
    if (!below) {
      below = next_node_++;
      begin_checked(data);
      byte_writer(data).u64(*below);
      finish_checked(data, checksum(link.bytes()));
      HEARTH_CHECK(transaction_.put(keys_, link.bytes(), data));
    }
    node = *below;
  }
  const entry_key entry(node, key);
  begin_checked(data);
  data.reserve(data.size() + 10 + value.size());
  byte_writer out(data);
  out.varint(version);
  out.bytes(value);
  finish_checked(data, checksum(entry.bytes()));
  return transaction_.put(keys_, entry.bytes(), data);
}

result<bool> key_writer::is_empty(key_node node) const {
  HEARTH_TRY(auto entries, transaction_.open_cursor(keys_));
  HEARTH_TRY(const bool found, entries.lower_bound(big_endian(node)));
  return !found || !belongs_to(entries.key(), node);
}

// Nodes that nothing is left in go, and the links that lead to them.
result<bool> key_writer::erase(byte_span key) {
  std::vector<std::pair<key_node, byte_span>> above;
  key_node node = 0;
  for (; key.size() > fragment_bytes; key = key.subspan(fragment_bytes)) {
    const auto fragment = key.first(fragment_bytes);
    HEARTH_TRY(const auto below,
               find_link(transaction_, keys_, entry_key(node, fragment, goes_on)));
    if (!below)
      return false;
    above.emplace_back(node, fragment);
    node = *below;
  }
  HEARTH_TRY(const bool erased, transaction_.erase(keys_, entry_key(node, key).bytes()));
  for (; erased && !above.empty(); above.pop_back()) {
    HEARTH_TRY(const bool empty, is_empty(node));
    if (!empty)
      break;
    const auto& [parent, fragment] = above.back();
    HEARTH_CHECK(transaction_.erase(keys_, entry_key(parent, fragment, goes_on).bytes()));
    node = parent;
  }
  return erased;
}

result<key_cursor> key_cursor::open(const lmdb::transaction& in, lmdb::table keys) {
  HEARTH_TRY(auto entries, in.open_cursor(keys));
  return key_cursor(std::move(entries));
}

// A key in the root is its entry's fragment; the others are put together.
byte_span key_cursor::key() const noexcept {
  return path_.empty() ? fragment_of(entries_.key()) : byte_span(key_);
}

result<stored_value> key_cursor::decode(const stored_entry& entry) {
  return decode_value(entry.key, entry.value);
}

// Where the fragment of the current node begins in key_.
std::size_t key_cursor::node_at() const noexcept {
  return path_.size() * fragment_bytes;
}

void key_cursor::take_key() {
  key_.resize(node_at());
  const auto fragment = fragment_of(entries_.key());
  key_.insert(key_.end(), fragment.begin(), fragment.end());
}

// Into the node that the link leads to on which the cursor stands.
result<void> key_cursor::enter() {
  HEARTH_TRY(const auto below, decode_link(entries_.key(), entries_.value()));
  if (path_.size() == most_nodes)
    return corrupt("a link between keys");
  take_key();
  path_.push_back(below);
  return {};
}

// From a node to the link that leads to it; false at the root.
result<bool> key_cursor::leave() {
  if (path_.empty())
    return false;
  path_.pop_back();
  const auto fragment = std::span<const std::byte>(key_).subspan(node_at(), fragment_bytes);
  HEARTH_TRY(const bool found, entries_.find(entry_key(node(), fragment, goes_on).bytes()));
  if (!found)
    return corrupt("a link between keys");
  return true;
}

// From the root down the links that `bound` leads along; `done` is how much of it they are.
result<void> key_cursor::descend(byte_span bound, std::size_t& done) {
  path_.clear();
  key_.clear();
  done = 0;
  while (bound.size() - done > fragment_bytes) {
    const entry_key link(node(), bound.subspan(done, fragment_bytes), goes_on);
    HEARTH_TRY(const bool found, entries_.find(link.bytes()));
    if (!found)
      break;
    HEARTH_CHECK(enter());
    done += fragment_bytes;
  }
  return {};
}

// From an entry, or from behind the last of a node, to the first key that is there or after.
result<bool> key_cursor::settle_forward(bool found) {
  for (;;) {
    if (!found || !belongs_to(entries_.key(), node())) {
      HEARTH_TRY(const bool left, leave());
      if (!left)
        return false;
      HEARTH_TRY(found, entries_.next());
    } else if (is_link(entries_.key())) {
      HEARTH_CHECK(enter());
      HEARTH_TRY(found, entries_.lower_bound(big_endian(node())));
    } else {
      if (!path_.empty())
        take_key();
      return true;
    }
  }
}

// From an entry, or from before the first of a node, to the last key that is there or before.
result<bool> key_cursor::settle_backward(bool found) {
  for (;;) {
    if (!found || !belongs_to(entries_.key(), node())) {
      HEARTH_TRY(const bool left, leave());
      if (!left)
        return false;
      HEARTH_TRY(found, entries_.previous());
    } else if (is_link(entries_.key())) {
      HEARTH_CHECK(enter());
      HEARTH_TRY(found, last_of_node());
    } else {
      if (!path_.empty())
        take_key();
      return true;
    }
  }
}

result<bool> key_cursor::last_of_node() {
  return entries_.at_or_before(big_endian(node() + 1));  // which no entry is: it has no fragment
}

result<bool> key_cursor::seek(byte_span bound) {
  std::size_t done = 0;
  HEARTH_CHECK(descend(bound, done));
  const auto rest = bound.subspan(done);
  // What is longer than a fragment, and has no link, is behind all that such a link could lead to.
  const bool cut = rest.size() > fragment_bytes;
  const entry_key from(node(), rest.first(std::min(rest.size(), fragment_bytes)),
                       cut ? goes_on : ends);
  HEARTH_TRY(const bool found, entries_.lower_bound(from.bytes()));
  return settle_forward(found);
}

result<bool> key_cursor::seek_before(byte_span bound) {
  std::size_t done = 0;
  HEARTH_CHECK(descend(bound, done));
  const auto rest = bound.subspan(done);
  const bool cut = rest.size() > fragment_bytes;
  const entry_key to(node(), rest.first(std::min(rest.size(), fragment_bytes)),
                     cut ? goes_on : ends);
  HEARTH_TRY(bool found, entries_.at_or_before(to.bytes()));
  if (found && compare_keys(entries_.key(), to.bytes()) == 0) {
    HEARTH_TRY(found, entries_.previous());
  }
  return settle_backward(found);
}

result<bool> key_cursor::last() {
  path_.clear();
  key_.clear();
  HEARTH_TRY(const bool found, last_of_node());
  return settle_backward(found);
}

result<bool> key_cursor::next() {
  HEARTH_TRY(const bool found, entries_.next());
  return settle_forward(found);
}

result<bool> key_cursor::previous() {
  HEARTH_TRY(const bool found, entries_.previous());
  return settle_backward(found);
}

}  // namespace hearth::storage
