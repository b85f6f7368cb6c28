#include "storage/transaction/own_values.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "storage/attributes/attribute_keys.hpp"
#include "storage/attributes/attribute_values.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

namespace {

// Kind and value as a key has them, but whole: in the order of values, and equal where they are.
std::string key_of(const scalar& item) {
  attribute_bytes bytes;
  append_attribute(item, bytes, std::numeric_limits<std::size_t>::max() / 2);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::set<std::string> keys_of(byte_span metadata, const field_path& path) {
  attribute_values values;
  std::set<std::string> keys;
  if (find_values(metadata, path, values))
    for (const auto& item : values.items)
      keys.insert(key_of(item));
  return keys;
}

}  // namespace

value_counts::value_counts(std::vector<facet> stored) {
  for (auto& each : stored) {
    const auto key = key_of(scalar_of(each.item));
    counts_.emplace(key, std::move(each));
  }
}

void value_counts::add(byte_span metadata, const field_path& path) {
  for (const auto& key : keys_of(metadata, path)) {
    auto& counted = counts_[key];
    if (counted.count++ > 0)
      continue;
    const auto bytes = lmdb::as_key(key);
    if (auto value = decode_attribute(static_cast<attribute_kind>(bytes.front()), bytes.subspan(1)))
      counted.item = std::move(value->item);
  }
}

std::vector<facet> value_counts::most_frequent(std::size_t limit) const {
  std::vector<facet> all;
  all.reserve(counts_.size());
  for (const auto& [key, counted] : counts_)
    all.push_back(counted);
  std::ranges::stable_sort(all, std::ranges::greater(), &facet::count);
  all.resize(std::min(limit, all.size()));
  return all;
}

void ordered_rows::add(row_id row, byte_span metadata) {
  const auto keys = keys_of(metadata, path_);
  placed_row placed{std::nullopt, row};
  if (!keys.empty())
    placed.value = descending_ ? *keys.rbegin() : *keys.begin();
  rows_.push_back(std::move(placed));
}

std::vector<row_id> ordered_rows::take(std::size_t offset, std::size_t limit) {
  std::ranges::sort(rows_, [this](const placed_row& a, const placed_row& b) {
    if (a.value.has_value() != b.value.has_value())
      return a.value.has_value();
    if (a.value != b.value)
      return descending_ ? *b.value < *a.value : *a.value < *b.value;
    return a.row < b.row;
  });
  std::vector<row_id> rows;
  for (auto at = std::min(offset, rows_.size()); at < rows_.size() && rows.size() < limit; ++at)
    rows.push_back(rows_[at].row);
  return rows;
}

}  // namespace hearth::storage
