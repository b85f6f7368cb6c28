#include "core/row_set.hpp"

#include <algorithm>
#include <map>
#include <roaring/roaring.hh>

namespace hearth::inline core {

namespace {

std::uint32_t high(std::uint64_t row) noexcept {
  return static_cast<std::uint32_t>(row >> 32);
}
std::uint32_t low(std::uint64_t row) noexcept {
  return static_cast<std::uint32_t>(row);
}

}  // namespace

// By the upper half of the number, nearly always one bitmap. Each has at least one row.
struct row_set::bitmap {
  std::map<std::uint32_t, Roaring> parts;
};

row_set::row_set() : rows_(std::make_unique<bitmap>()) {}
row_set::~row_set() = default;
row_set::row_set(const row_set& other) : rows_(std::make_unique<bitmap>(*other.rows_)) {}
// What was moved from is empty, not unusable.
row_set::row_set(row_set&& other) noexcept : row_set() {
  std::swap(rows_, other.rows_);
}
row_set& row_set::operator=(const row_set& other) {
  *rows_ = *other.rows_;
  return *this;
}
row_set& row_set::operator=(row_set&& other) noexcept {
  std::swap(rows_, other.rows_);
  return *this;
}

row_set row_set::range(std::uint64_t first, std::uint64_t last) {
  constexpr std::uint64_t part = std::uint64_t{1} << 32;
  row_set all;
  while (first < last) {
    const auto end = std::min(last, (first / part + 1) * part);
    all.rows_->parts[high(first)].addRange(first % part, end - first / part * part);
    first = end;
  }
  return all;
}

void row_set::add(std::uint64_t row) {
  rows_->parts[high(row)].add(low(row));
}

void row_set::add(std::span<const std::uint64_t> rows) {
  thread_local std::vector<std::uint32_t> lower;
  while (!rows.empty()) {
    const auto part = high(rows.front());
    lower.clear();
    for (; !rows.empty() && high(rows.front()) == part; rows = rows.subspan(1))
      lower.push_back(low(rows.front()));
    rows_->parts[part].addMany(lower.size(), lower.data());
  }
}

void row_set::remove(std::uint64_t row) {
  const auto part = rows_->parts.find(high(row));
  if (part == rows_->parts.end())
    return;
  part->second.remove(low(row));
  if (part->second.isEmpty())
    rows_->parts.erase(part);
}

bool row_set::contains(std::uint64_t row) const noexcept {
  const auto part = rows_->parts.find(high(row));
  return part != rows_->parts.end() && part->second.contains(low(row));
}

std::uint64_t row_set::size() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [part, rows] : rows_->parts)
    sum += rows.cardinality();
  return sum;
}

bool row_set::empty() const noexcept {
  return rows_->parts.empty();
}

std::size_t row_set::memory_bytes() const noexcept {
  std::size_t sum = sizeof(bitmap);
  for (const auto& [part, rows] : rows_->parts)
    sum += rows.getSizeInBytes(false);
  return sum;
}

row_set& row_set::operator|=(const row_set& other) {
  for (const auto& [part, rows] : other.rows_->parts)
    rows_->parts[part] |= rows;
  return *this;
}

row_set& row_set::operator&=(const row_set& other) {
  auto& mine = rows_->parts;
  for (auto part = mine.begin(); part != mine.end();) {
    const auto theirs = other.rows_->parts.find(part->first);
    if (theirs == other.rows_->parts.end())
      part->second = Roaring();
    else
      part->second &= theirs->second;
    part = part->second.isEmpty() ? mine.erase(part) : std::next(part);
  }
  return *this;
}

row_set& row_set::operator-=(const row_set& other) {
  auto& mine = rows_->parts;
  for (auto part = mine.begin(); part != mine.end();) {
    if (const auto theirs = other.rows_->parts.find(part->first);
        theirs != other.rows_->parts.end())
      part->second -= theirs->second;
    part = part->second.isEmpty() ? mine.erase(part) : std::next(part);
  }
  return *this;
}

std::uint64_t row_set::common(const row_set& other) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [part, rows] : rows_->parts) {
    const auto theirs = other.rows_->parts.find(part);
    if (theirs != other.rows_->parts.end())
      sum += rows.and_cardinality(theirs->second);
  }
  return sum;
}

std::vector<std::uint64_t> row_set::rows() const {
  std::vector<std::uint64_t> all;
  all.reserve(size());
  std::vector<std::uint32_t> lower;
  for (const auto& [part, rows] : rows_->parts) {
    lower.resize(rows.cardinality());
    rows.toUint32Array(lower.data());
    for (const auto each : lower)
      all.push_back(std::uint64_t{part} << 32 | each);
  }
  return all;
}

bool row_set::equals(const row_set& other) const noexcept {
  return rows_->parts == other.rows_->parts;
}

}  // namespace hearth::inline core
