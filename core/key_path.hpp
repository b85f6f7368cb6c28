#pragma once
// Paths: lists of segments as keys of the key-value side. "users/alice/email" is the key of the
// segments users, alice, email: segments are joined by "/", and within a segment a backslash is
// written as two and a slash as "\/". So keys that hold neither escape are paths as they are, the
// keys below a path are those that begin with it and a slash, and every list of segments, empty
// ones included, has a key of its own. Only the list without segments has none: it is the root.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"

namespace hearth::inline core {

inline constexpr std::string_view path_delimiter = "/";

/// The key of a path. Precondition: there is a segment.
[[nodiscard]] std::string encode_path(std::span<const std::string> segments);

/// The segments of a key: at least one. invalid_argument where a backslash stands in front of
/// something that is neither a slash nor a backslash: no path has such a key.
[[nodiscard]] result<std::vector<std::string>> decode_path(std::string_view key);

/// What the keys below a path begin with; nothing for the root.
[[nodiscard]] std::string path_prefix(std::span<const std::string> segments);

/// Where the first `delimiter` at or behind `from` begins that has an even number of backslashes in
/// front of it; npos if there is none. Backslashes in front of `from` do not count.
[[nodiscard]] std::size_t find_delimiter(std::string_view key, std::size_t from,
                                         std::string_view delimiter) noexcept;

}  // namespace hearth::inline core
