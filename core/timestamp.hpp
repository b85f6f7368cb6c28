#pragma once
// Moments as metadata holds them.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "error.hpp"

namespace hearth::inline core {

/// A moment: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted. A type of its own,
/// so that a moment is never compared with a number.
struct timestamp {
  std::int64_t microseconds = 0;

  friend auto operator<=>(const timestamp&, const timestamp&) = default;
};

/// What can be stored: the years that ISO 8601 writes with four digits, and that Python knows.
inline constexpr timestamp earliest_timestamp{-62'135'596'800'000'000};  // 0001-01-01T00:00:00Z
inline constexpr timestamp latest_timestamp{
    253'402'300'799'999'999};  // 9999-12-31T23:59:59.999999Z

[[nodiscard]] constexpr bool is_valid(timestamp moment) noexcept {
  return moment >= earliest_timestamp && moment <= latest_timestamp;
}

/// ISO 8601 in UTC, with as many decimals as are needed: "2024-02-29T12:30:00Z",
/// "2024-02-29T12:30:00.25Z". One that is not valid is given as its number of microseconds.
[[nodiscard]] std::string to_string(timestamp moment);

/// Reads "2024-02-29T12:30[:00[.123456]]" followed by Z or an offset from UTC as "+01:00".
/// invalid_argument for anything else, also for a text without an offset: it does not say which
/// moment it means.
[[nodiscard]] result<timestamp> parse_timestamp(std::string_view text);

}  // namespace hearth::inline core
