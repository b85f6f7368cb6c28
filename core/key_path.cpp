#include "core/key_path.hpp"

#include "core/format.hpp"

namespace hearth::inline core {

namespace {

constexpr char slash = '/';
constexpr char backslash = '\\';

}  // namespace

std::string encode_path(std::span<const std::string> segments) {
  std::string key;
  for (const auto& segment : segments) {
    if (&segment != segments.data())
      key += slash;
    for (const char c : segment) {
      if (c == slash || c == backslash)
        key += backslash;
      key += c;
    }
  }
  return key;
}

result<std::vector<std::string>> decode_path(std::string_view key) {
  std::vector<std::string> segments(1);
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i] == slash) {
      segments.emplace_back();
      continue;
    }
    if (key[i] == backslash) {
      ++i;
      if (i == key.size() || (key[i] != slash && key[i] != backslash))
        return fail(errc::invalid_argument,
                    core::format("path \"{}\": the backslash at byte {} escapes neither a slash "
                                 "nor a backslash",
                                 printable(key), i - 1),
                    R"(a backslash in a segment is written as \\, or give a list of segments)");
    }
    segments.back() += key[i];
  }
  return segments;
}

std::string path_prefix(std::span<const std::string> segments) {
  return segments.empty() ? std::string() : encode_path(segments) + slash;
}

std::size_t find_delimiter(std::string_view key, std::size_t from,
                           std::string_view delimiter) noexcept {
  for (auto at = key.find(delimiter, from); at != std::string_view::npos;
       at = key.find(delimiter, at + 1)) {
    auto first = at;
    while (first > from && key[first - 1] == backslash)
      --first;
    if ((at - first) % 2 == 0)
      return at;
  }
  return std::string_view::npos;
}

}  // namespace hearth::inline core
