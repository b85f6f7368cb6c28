#pragma once
// Which keys a scan is about, and the cursors between its pages.
#include <optional>
#include <string>
#include <string_view>

#include "core/key_value.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

inline byte_span bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

inline std::string_view text_of(byte_span bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Keys in [first, end); without an end, all from `first` on.
struct key_range {
  std::string first{};
  std::optional<std::string> end{};

  [[nodiscard]] bool begins_after(std::string_view key) const noexcept { return key < first; }
  [[nodiscard]] bool ends_before(std::string_view key) const noexcept { return end && key >= *end; }
  [[nodiscard]] bool has(std::string_view key) const noexcept {
    return !begins_after(key) && !ends_before(key);
  }
};

/// What the start, end and prefix of a scan leave, wherever its cursor is.
[[nodiscard]] key_range bounds_of(const key_scan& scan);

// Of scans without a delimiter; key_names.hpp has what listings need.

/// What a scan has still to walk: behind its cursor, if it has one (reverse: before it).
/// invalid_argument for a cursor that no scan answered.
[[nodiscard]] result<key_range> range_of(const key_scan& scan);

/// Where a scan goes on that has come to `key`.
[[nodiscard]] std::string cursor_behind(std::string_view key);

/// The keys of `range` that a page has answered for whose `next` this is.
[[nodiscard]] key_range covered(const key_scan& scan, key_range range, const std::string& next);

/// The first key that is behind all that begin with `prefix`; nothing if there are none.
[[nodiscard]] std::optional<std::string> behind(std::string prefix);

}  // namespace hearth::storage
