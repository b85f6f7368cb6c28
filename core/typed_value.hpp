#pragma once
// Values as programs have them: what metadata holds, and unsigned 64-bit numbers, bytes, NaN. TOON
// texts are made of them (core/toon.hpp), and so are the rows of path queries, whose stored bytes
// are read as JSON, text or bytes.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "limits.hpp"
#include "value.hpp"

namespace hearth::inline core {

/// Bytes that are no text.
struct blob {
  std::string bytes;

  friend bool operator==(const blob&, const blob&) = default;
};

class typed_value;
using typed_list = std::vector<typed_value>;
/// In the order given; each name once.
using typed_object = std::vector<std::pair<std::string, typed_value>>;

/// One value. A regular type: copies are deep, comparison is by type and content.
class typed_value {
 public:
  /// A uint64 is always above the largest int64: of_number() sees to that.
  using storage = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double,
                               std::string, blob, timestamp, geo_point, typed_list, typed_object>;

  typed_value() = default;
  typed_value(bool flag) : data_(flag) {}                           // NOLINT: as core::value
  typed_value(int number) : data_(std::int64_t{number}) {}          // NOLINT
  typed_value(std::int64_t number) : data_(number) {}               // NOLINT
  typed_value(double number) : data_(number) {}                     // NOLINT
  typed_value(const char* text) : data_(std::string(text)) {}       // NOLINT
  typed_value(std::string text) : data_(std::move(text)) {}         // NOLINT
  typed_value(blob bytes) : data_(std::move(bytes)) {}              // NOLINT
  typed_value(timestamp moment) : data_(moment) {}                  // NOLINT
  typed_value(geo_point place) : data_(place) {}                    // NOLINT
  typed_value(typed_list items) : data_(std::move(items)) {}        // NOLINT
  typed_value(typed_object members) : data_(std::move(members)) {}  // NOLINT

  [[nodiscard]] static typed_value of_number(std::uint64_t number);
  [[nodiscard]] static typed_value of(const value& from);
  [[nodiscard]] static typed_object of(const value_map& from);

  [[nodiscard]] bool is_null() const noexcept { return data_.index() == 0; }
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return std::get_if<T>(&data_);
  }
  [[nodiscard]] const storage& data() const noexcept { return data_; }

  friend bool operator==(const typed_value&, const typed_value&) = default;

 private:
  storage data_;
};

/// How deep lists and objects may nest: as a column of a row, they then nest as metadata may.
inline constexpr std::size_t typed_value_depth = limits::metadata_depth - 1;

/// What stored bytes say: the value of a JSON text (RFC 8259), else the text if they are UTF-8,
/// else the bytes. A whole number of more than 64 bits, a float64 out of range and what nests
/// deeper than typed_value_depth are no JSON here, so they stay the text that they are.
[[nodiscard]] typed_value typed_value_of(std::string_view stored);

/// The bytes to store, from which typed_value_of() makes the same value: a blob as it is, anything
/// else as a JSON text. invalid_argument for what JSON has no form for: NaN and infinities, bytes,
/// timestamps and places inside of it, or a text that is not UTF-8; limit_exceeded for nesting.
[[nodiscard]] result<std::string> stored_bytes_of(const typed_value& from);

/// The same as one JSON text for people and programs that read JSON: blobs in base64, timestamps in
/// ISO 8601, places as {"lat", "lon"}, NaN and infinities as null.
[[nodiscard]] std::string json_text_of(const typed_value& from);

/// For values of one kind their order (numbers by their exact value, strings and bytes by bytes),
/// and an order between kinds: null, bools, numbers, strings, bytes, timestamps, and all others,
/// which are equal to one another. NaN comes behind all numbers.
[[nodiscard]] std::weak_ordering compare(const typed_value& a, const typed_value& b);

/// The value as metadata, for filters: bytes and NaN become an empty list, which equals nothing; a
/// uint64 becomes the nearest float64.
[[nodiscard]] value metadata_of(const typed_value& from);

}  // namespace hearth::inline core
