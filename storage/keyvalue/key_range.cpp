#include "storage/keyvalue/key_range.hpp"

#include <algorithm>

namespace hearth::storage {

namespace {

constexpr char cursor_mark = 'k';

}  // namespace

std::optional<std::string> behind(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff)
    prefix.pop_back();
  if (prefix.empty())
    return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

key_range bounds_of(const key_scan& scan) {
  key_range range{std::max(scan.start, scan.prefix), scan.end};
  if (auto bound = behind(scan.prefix); bound && (!range.end || *bound < *range.end))
    range.end = std::move(bound);
  return range;
}

std::string cursor_behind(std::string_view key) {
  return cursor_mark + std::string(key);
}

result<key_range> range_of(const key_scan& scan) {
  auto range = bounds_of(scan);
  if (scan.cursor.empty())
    return range;
  if (scan.cursor.front() != cursor_mark)
    return fail(errc::invalid_argument, "cursor is not one that a scan answered",
                "start without a cursor");
  auto last = scan.cursor.substr(1);
  if (scan.reverse)
    range.end = range.end ? std::min(*range.end, last) : last;
  else  // the first key behind another one is that one and a zero byte
    range.first = std::max(range.first, last + '\0');
  return range;
}

key_range covered(const key_scan& scan, key_range range, const std::string& next) {
  if (next.empty())
    return range;
  if (scan.reverse)
    range.first = next.substr(1);
  else
    range.end = next.substr(1) + '\0';
  return range;
}

}  // namespace hearth::storage
