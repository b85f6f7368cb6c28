#include "core/filter/field_path.hpp"

#include <algorithm>
#include <array>

#include "core/format.hpp"

namespace hearth::inline core {

namespace {

constexpr std::array<std::string_view, 15> keywords{
    "AND",    "OR",   "NOT",  "IN",    "CONTAINS", "PREFIX",    "STARTS", "WITH",
    "EXISTS", "TRUE", "NULL", "FALSE", "INFINITY", "TIMESTAMP", "POINT"};

char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool is_plain_word(std::string_view key) noexcept {
  return !key.empty() && begins_word(key.front()) && std::ranges::all_of(key, continues_word) &&
         !is_filter_keyword(key);
}

std::unexpected<error> malformed(std::string_view text, std::string_view why) {
  return fail(errc::invalid_argument, core::format("the path \"{}\" {}", printable(text), why),
              "keys are separated by dots; a key that is empty or holds a dot or a backtick "
              "stands in backticks: author.`first.name`");
}

// Takes a key in backticks off the front of `rest`; false if it does not end.
bool take_quoted(std::string_view& rest, std::string& key) {
  rest.remove_prefix(1);
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '`') {
      key += c;
    } else if (rest.starts_with('`')) {
      key += c;
      rest.remove_prefix(1);
    } else {
      return true;
    }
  }
  return false;
}

}  // namespace

bool begins_word(char c) noexcept {
  return (upper(c) >= 'A' && upper(c) <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool continues_word(char c) noexcept {
  return begins_word(c) || (c >= '0' && c <= '9') || c == '-';
}

bool is_filter_keyword(std::string_view word) noexcept {
  return std::ranges::any_of(keywords, [word](std::string_view keyword) {
    return std::ranges::equal(word, keyword, {}, upper);
  });
}

result<field_path> parse_path(std::string_view text) {
  field_path path;
  auto rest = text;
  while (true) {
    std::string key;
    if (rest.starts_with('`')) {
      if (!take_quoted(rest, key))
        return malformed(text, "has a backtick without its partner");
      if (!rest.empty() && !rest.starts_with('.'))
        return malformed(text, "goes on after a key in backticks");
    } else {
      key = rest.substr(0, rest.find_first_of(".`"));
      rest.remove_prefix(key.size());
      if (rest.starts_with('`'))
        return malformed(text, "has a backtick inside of a key");
      if (key.empty())
        return malformed(text, text.empty() ? "is empty" : "has an empty key");
    }
    path.push_back(std::move(key));
    if (rest.empty())
      return path;
    rest.remove_prefix(1);
  }
}

std::string path_text(const field_path& path) {
  std::string text;
  for (const auto& key : path) {
    if (&key != &path.front())
      text += '.';
    if (is_plain_word(key)) {
      text += key;
      continue;
    }
    text += '`';
    for (const char c : key)
      text.append(c == '`' ? 2 : 1, c);
    text += '`';
  }
  return text;
}

}  // namespace hearth::inline core
