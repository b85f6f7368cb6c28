#include "storage/transaction/read_set.hpp"

#include <algorithm>

namespace hearth::storage {

void read_set::add_record(const record_id& id) {
  if (all_records_)
    return;
  records_.insert(id);
  if (records_.size() > most_names)
    add_all_records();
}

void read_set::add_all_records() noexcept {
  all_records_ = true;
  records_.clear();
}

// The first key behind another one is that one and a zero byte.
void read_set::add_key(std::string_view key) {
  if (!has_key(key))
    add_keys(std::string(key), std::string(key) + '\0');
}

void read_set::add_keys(std::string first, std::optional<std::string> end) {
  if (end && *end <= first)
    return;
  // Ranges that it touches become part of it.
  auto at = ranges_.upper_bound(first);
  if (at != ranges_.begin()) {
    const auto before = std::prev(at);
    if (!before->second || *before->second >= first) {
      first = before->first;
      at = before;
    }
  }
  while (at != ranges_.end() && (!end || at->first <= *end)) {
    if (end && (!at->second || *at->second > *end))
      end = at->second;
    at = ranges_.erase(at);
  }
  ranges_.emplace(std::move(first), std::move(end));
  if (ranges_.size() > most_names) {
    ranges_.clear();
    ranges_.emplace(std::string(), std::nullopt);
  }
}

bool read_set::has_key(std::string_view key) const {
  auto at = ranges_.upper_bound(key);
  if (at == ranges_.begin())
    return false;
  --at;
  return !at->second || key < *at->second;
}

}  // namespace hearth::storage
