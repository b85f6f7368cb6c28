#pragma once
// Record ids: a string or an unsigned 64-bit number, the user's or assigned by the namespace.
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "error.hpp"

namespace hearth::inline core {

/// The id of a record. The number 7 and the string "7" are different ids. Numbers sort before
/// strings; strings sort by byte.
class record_id {
 public:
  record_id() = default;
  record_id(std::uint64_t number) : data_(number) {}         // NOLINT: ids read as literals
  record_id(std::string text) : data_(std::move(text)) {}    // NOLINT
  record_id(const char* text) : data_(std::string(text)) {}  // NOLINT

  [[nodiscard]] bool is_number() const noexcept { return data_.index() == 0; }
  /// Precondition: is_number().
  [[nodiscard]] std::uint64_t number() const { return std::get<std::uint64_t>(data_); }
  /// Precondition: !is_number().
  [[nodiscard]] const std::string& text() const { return std::get<std::string>(data_); }

  friend auto operator<=>(const record_id&, const record_id&) = default;
  friend bool operator==(const record_id&, const record_id&) = default;

 private:
  std::variant<std::uint64_t, std::string> data_;
};

/// For messages and terminals: 7, or 'seven' in quotes with control characters escaped.
[[nodiscard]] std::string to_string(const record_id& id);

/// Refuses the empty string, strings over limits::id_bytes, and text that is not UTF-8.
[[nodiscard]] result<void> validate_id(const record_id& id, const std::string& field);

}  // namespace hearth::inline core

template <>
struct std::hash<hearth::record_id> {
  std::size_t operator()(const hearth::record_id& id) const noexcept {
    return id.is_number() ? std::hash<std::uint64_t>{}(id.number() + 0x9e3779b97f4a7c15U)
                          : std::hash<std::string>{}(id.text());
  }
};
