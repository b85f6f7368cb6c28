#pragma once
// Typed metadata values: null, bool, int64, float64, string, list, map, timestamp, geo point.
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "error.hpp"
#include "geo.hpp"
#include "timestamp.hpp"

namespace hearth::inline core {

class value;
using value_list = std::vector<value>;
using value_map = std::map<std::string, value, std::less<>>;

/// One metadata value. A regular type: copies are deep, comparison is by type and content
/// (int64 1 and float64 1.0 are different values).
class value {
 public:
  using storage = std::variant<std::monostate, bool, std::int64_t, double, std::string, value_list,
                               value_map, timestamp, geo_point>;

  value() = default;
  value(std::nullptr_t) {}           // NOLINT: values read as literals
  value(bool flag) : data_(flag) {}  // NOLINT
  value(int number) : data_(static_cast<std::int64_t>(number)) {}  // NOLINT
  value(std::int64_t number) : data_(number) {}                    // NOLINT
  value(double number) : data_(number) {}                          // NOLINT
  value(const char* text) : data_(std::string(text)) {}            // NOLINT
  value(std::string text) : data_(std::move(text)) {}              // NOLINT
  value(value_list items) : data_(std::move(items)) {}             // NOLINT
  value(value_map items) : data_(std::move(items)) {}              // NOLINT
  value(timestamp moment) : data_(moment) {}                       // NOLINT
  value(geo_point point) : data_(point) {}                         // NOLINT

  [[nodiscard]] bool is_null() const noexcept { return data_.index() == 0; }
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return std::get_if<T>(&data_);
  }
  [[nodiscard]] const storage& data() const noexcept { return data_; }

  friend bool operator==(const value&, const value&) = default;

 private:
  storage data_;
};

/// Checks depth, encoded size, that strings and keys are UTF-8, that numbers are not NaN, and that
/// timestamps and geo points are valid.
/// `field` names the value in the message ("metadata[3]").
[[nodiscard]] result<void> validate_metadata(const value_map& metadata, const std::string& field);

/// The size in bytes that limits::metadata_bytes bounds: payload plus a few bytes per value.
[[nodiscard]] std::size_t metadata_size(const value_map& metadata) noexcept;

/// True if `text` is well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms).
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace hearth::inline core
