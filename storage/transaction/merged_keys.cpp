#include "storage/transaction/merged_keys.hpp"

#include <algorithm>

namespace hearth::storage {

namespace {

/// Keys of one look into the snapshot, when many that it has were written.
constexpr std::uint32_t most_keys = 1024;

}  // namespace

// The first key that such a scan finds and the transaction has left as it is. More at a time the
// more of them it has written.
result<merged_keys::found_key> merged_keys::first_unwritten(key_scan from) const {
  from.values = false;
  from.limit = 1;
  for (;;) {
    HEARTH_TRY(auto page, stored_.scan_keys(from, limits::message_bytes));
    for (const auto& entry : page.entries)
      if (std::string key(entry.key); !own_.contains(key))
        return found_key(std::move(key));
    if (page.next.empty())
      return found_key();
    from.cursor = std::move(page.next);
    from.limit = std::min(from.limit * 4, most_keys);
  }
}

// What was written is looked at no further than to the key that is stored.
result<merged_keys::found_key> merged_keys::first_from(std::string_view bound) const {
  const std::string first(bound);
  HEARTH_TRY(auto found, first_unwritten({.start = first}));
  for (auto at = own_.lower_bound(first); at != own_.end() && (!found || at->first < *found); ++at)
    if (*at->second)
      return found_key(at->first);
  return found;
}

result<bool> merged_keys::move_to(found_key key) {
  if (!key)
    return false;
  key_ = *std::move(key);
  return true;
}

result<bool> merged_keys::seek(std::string_view bound) {
  HEARTH_TRY(auto found, first_from(bound));
  return move_to(std::move(found));
}

result<bool> merged_keys::seek_before(const std::optional<std::string>& bound) {
  HEARTH_TRY(auto found, first_unwritten({.end = bound, .reverse = true}));
  for (auto at = bound ? own_.lower_bound(*bound) : own_.end(); at != own_.begin();) {
    --at;
    if (found && at->first < *found)
      break;
    if (*at->second) {
      found = at->first;
      break;
    }
  }
  return move_to(std::move(found));
}

result<key_value> merged_keys::entry(bool value) {
  HEARTH_TRY(auto found, find(key_, value));
  return found ? *std::move(found) : key_value{.key = key_};
}

result<std::optional<key_value>> merged_keys::find(const std::string& key, bool value) {
  if (const auto own = own_.find(key); own != own_.end()) {
    if (!*own->second)
      return std::optional<key_value>();
    return std::optional(key_value{key, value ? **own->second : std::string(), 0});
  }
  HEARTH_TRY(auto stored, stored_.get_keys({{key}, value}, limits::message_bytes));
  return std::move(stored.found.front());
}

result<bool> merged_keys::any_below(const std::string& prefix) {
  HEARTH_TRY(const auto found, first_from(prefix));
  return found && found->starts_with(prefix);
}

}  // namespace hearth::storage
