#pragma once
// Many keys with their values, in columns: a few blocks of memory, however many keys there are.
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "record.hpp"

namespace hearth::inline core {

/// Strings of bytes, one behind the other. Less than 4 GiB in all.
class byte_column {
 public:
  byte_column() = default;
  /// Strings that lie end to end in `bytes`, each ending where `ends` says. errc::invalid_argument,
  /// naming `field`, unless the ends rise to bytes.size(); errc::limit_exceeded if one of the
  /// strings is longer than `most`.
  [[nodiscard]] static result<byte_column> from(std::string bytes, std::vector<std::uint32_t> ends,
                                                std::string_view field, std::size_t most);

  void append(std::string_view one) {
    bytes_.append(one);
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  }

  [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
  /// In place.
  [[nodiscard]] std::string_view operator[](std::size_t i) const noexcept {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_.data() + begin, ends_[i] - begin};
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] const std::vector<std::uint32_t>& ends() const noexcept { return ends_; }

  friend bool operator==(const byte_column&, const byte_column&) = default;

 private:
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
};

/// One of key_columns, in place: valid as long as they are, and nothing is appended.
struct key_entry {
  std::string_view key{};
  std::string_view value{};
  lsn_t version = 0;  ///< LSN of the batch that wrote it

  friend bool operator==(const key_entry&, const key_entry&) = default;
};

/// Keys, values and versions: one of each per entry.
class key_columns {
 public:
  key_columns() = default;
  key_columns(std::initializer_list<key_entry> entries) {
    for (const auto& each : entries)
      append(each.key, each.value, each.version);
  }
  /// errc::invalid_argument unless the columns are equally long.
  [[nodiscard]] static result<key_columns> from(byte_column keys, byte_column values,
                                                std::vector<lsn_t> versions);

  void append(std::string_view key, std::string_view value, lsn_t version) {
    keys_.append(key);
    values_.append(value);
    versions_.push_back(version);
  }

  [[nodiscard]] std::size_t size() const noexcept { return versions_.size(); }
  [[nodiscard]] bool empty() const noexcept { return versions_.empty(); }
  [[nodiscard]] std::string_view key(std::size_t i) const noexcept { return keys_[i]; }
  [[nodiscard]] std::string_view value(std::size_t i) const noexcept { return values_[i]; }
  [[nodiscard]] lsn_t version(std::size_t i) const noexcept { return versions_[i]; }
  [[nodiscard]] key_entry operator[](std::size_t i) const noexcept {
    return {keys_[i], values_[i], versions_[i]};
  }
  [[nodiscard]] key_entry back() const noexcept { return (*this)[size() - 1]; }

  [[nodiscard]] const byte_column& keys() const noexcept { return keys_; }
  [[nodiscard]] const byte_column& values() const noexcept { return values_; }
  [[nodiscard]] const std::vector<lsn_t>& versions() const noexcept { return versions_; }

  /// For `for (const auto& [key, value, version] : columns)`.
  class iterator {
   public:
    using value_type = key_entry;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    iterator(const key_columns& of, std::size_t at) noexcept : of_(&of), at_(at) {}
    [[nodiscard]] key_entry operator*() const noexcept { return (*of_)[at_]; }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    iterator operator++(int) noexcept { return {*of_, at_++}; }
    friend bool operator==(const iterator&, const iterator&) = default;

   private:
    const key_columns* of_ = nullptr;
    std::size_t at_ = 0;
  };
  [[nodiscard]] iterator begin() const noexcept { return {*this, 0}; }
  [[nodiscard]] iterator end() const noexcept { return {*this, size()}; }

  friend bool operator==(const key_columns&, const key_columns&) = default;

 private:
  byte_column keys_;
  byte_column values_;
  std::vector<lsn_t> versions_;
};
static_assert(std::input_iterator<key_columns::iterator>);

}  // namespace hearth::inline core
