#include "core/key_value.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

result<void> check_bound(std::string_view field, const std::string& key) {
  if (key.size() <= limits::key_bytes)
    return {};
  return validation::too_large(core::format("{} is", field), key.size(), limits::key_bytes);
}

// The name of the field is made only for a key that is refused.
result<void> check_key(std::size_t row, const std::string& key) {
  return key.size() <= limits::key_bytes ? result<void>()
                                         : check_bound(core::format("keys[{}]", row), key);
}

result<void> check_count(std::size_t count, std::size_t bytes) {
  if (count > limits::batch_rows)
    return fail(errc::limit_exceeded,
                core::format("there are {} keys; the limit is {}", count, limits::batch_rows),
                "split them over several calls");
  if (bytes > limits::batch_key_bytes)
    return validation::too_large("the keys of the call are", bytes, limits::batch_key_bytes,
                                 "split them over several calls");
  return {};
}

// Nothing if `key` begins with none of `prefixes`, which are sorted and none of which begins with
// another.
std::optional<std::string_view> prefix_of(std::string_view key,
                                          const std::vector<std::string_view>& prefixes) {
  const auto after = std::ranges::upper_bound(prefixes, key);
  if (after == prefixes.begin() || !key.starts_with(*std::prev(after)))
    return std::nullopt;
  return *std::prev(after);
}

// That what the batch says of each key has one meaning only.
result<void> check_prefixes(const std::vector<key_write>& writes,
                            std::vector<std::string_view> prefixes) {
  std::ranges::sort(prefixes);
  for (std::size_t i = 1; i < prefixes.size(); ++i)
    if (prefixes[i].starts_with(prefixes[i - 1]))
      return fail(errc::invalid_argument,
                  core::format("prefix '{}' is erased together with prefix '{}', which it begins "
                               "with",
                               printable(prefixes[i]), printable(prefixes[i - 1])),
                  "leave the longer one out");
  for (std::size_t row = 0; row < writes.size(); ++row) {
    const auto& each = writes[row];
    if (each.change != key_change::erase && each.change != key_change::add)
      continue;
    if (const auto prefix = prefix_of(each.key, prefixes))
      return fail(errc::invalid_argument,
                  core::format("keys[{}]: '{}' begins with '{}', which the same batch erases", row,
                               printable(each.key), printable(*prefix)),
                  "a batch may only put keys below a prefix that it erases");
  }
  return {};
}

result<void> check_write(const key_write& each, std::size_t row) {
  HEARTH_CHECK(check_key(row, each.key));
  if (each.value.size() > limits::value_bytes)
    return validation::too_large(core::format("the value of keys[{}] is", row), each.value.size(),
                                 limits::value_bytes);
  if (each.change != key_change::put && !each.value.empty())
    return fail(errc::invalid_argument,
                core::format("keys[{}] has a value, which only a put takes", row));
  if (each.change == key_change::erase_prefix && each.expected)
    return fail(errc::invalid_argument,
                core::format("keys[{}] is a prefix, which has no version", row),
                "compare the version of a key instead");
  return {};
}

}  // namespace

std::size_t value_bytes(const std::vector<key_write>& writes) noexcept {
  std::size_t bytes = 0;
  for (const auto& each : writes)
    bytes += each.value.size();
  return bytes;
}

result<void> validate(const std::vector<key_write>& writes) {
  std::size_t bytes = 0;
  std::vector<std::string_view> names;
  std::vector<std::string_view> prefixes;
  names.reserve(writes.size());
  for (std::size_t row = 0; row < writes.size(); ++row) {
    const auto& each = writes[row];
    HEARTH_CHECK(check_write(each, row));
    bytes += each.key.size();
    (each.change == key_change::erase_prefix ? prefixes : names).push_back(each.key);
  }
  HEARTH_CHECK(check_count(writes.size(), bytes));
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
    return fail(errc::invalid_argument,
                core::format("key '{}' appears twice in the batch", printable(*twice)),
                "a batch names each key once");
  return prefixes.empty() ? result<void>() : check_prefixes(writes, std::move(prefixes));
}

result<void> validate(const key_query& query) {
  std::size_t bytes = 0;
  for (std::size_t row = 0; row < query.keys.size(); ++row) {
    HEARTH_CHECK(check_key(row, query.keys[row]));
    bytes += query.keys[row].size();
  }
  return check_count(query.keys.size(), bytes);
}

result<void> validate(const key_scan& scan) {
  HEARTH_CHECK(validation::in_range("limit", scan.limit, 1, limits::batch_rows));
  HEARTH_CHECK(check_bound("start", scan.start));
  HEARTH_CHECK(check_bound("prefix", scan.prefix));
  if (scan.end)
    HEARTH_CHECK(check_bound("end", *scan.end));
  if (scan.delimiter.size() > key_delimiter_bytes)
    return validation::too_large("delimiter is", scan.delimiter.size(), key_delimiter_bytes);
  if (scan.cursor.size() > key_cursor_bytes)
    return validation::too_large("cursor is", scan.cursor.size(), key_cursor_bytes,
                                 "pass the cursor of the previous page unchanged");
  return {};
}

}  // namespace hearth::inline core
