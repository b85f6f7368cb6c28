#include "core/toon_forms.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace hearth::inline core::toon {

namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// What begins like a number has to be one.
bool looks_numeric(std::string_view word) noexcept {
  return is_digit(word.front()) || word.front() == '-' || word.front() == '+' ||
         word.front() == '.';
}

bool is_keyword(std::string_view word) noexcept {
  return word == "true" || word == "false" || word == "inf" || word == "nan";
}

// Digits, without zeros in front.
bool is_whole(std::string_view digits) noexcept {
  return !digits.empty() && std::ranges::all_of(digits, is_digit) &&
         (digits.size() == 1 || digits.front() != '0');
}

}  // namespace

bool is_mark(char c) noexcept {
  return std::string_view(",;[]{}\"").find(c) != std::string_view::npos;
}

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_bare(std::string_view text) noexcept {
  return !text.empty() && text != missing && text != "null" && !is_space(text.front()) &&
         !is_space(text.back()) &&
         std::ranges::none_of(text, [](char c) { return is_mark(c) || is_control(c); });
}

bool is_plain_string(std::string_view text) noexcept {
  return is_bare(text) && !is_keyword(text) && !looks_numeric(text);
}

bool is_plain_name(std::string_view text) noexcept {
  return is_bare(text) && text.find(':') == std::string_view::npos;
}

std::optional<typed_value> whole_number(std::string_view word) {
  const bool negative = word.starts_with('-');
  if (!is_whole(word.substr(negative ? 1 : 0)))
    return std::nullopt;
  if (negative) {
    std::int64_t number = 0;
    if (std::from_chars(word.data(), word.data() + word.size(), number).ec != std::errc{})
      return std::nullopt;
    return number;
  }
  std::uint64_t number = 0;
  if (std::from_chars(word.data(), word.data() + word.size(), number).ec != std::errc{})
    return std::nullopt;
  return typed_value::of_number(number);
}

std::optional<double> real_number(std::string_view word) {
  if (word == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  const bool negative = word.starts_with('-');
  const auto digits = word.substr(negative ? 1 : 0);
  if (digits == "inf")
    return negative ? -std::numeric_limits<double>::infinity()
                    : std::numeric_limits<double>::infinity();
  // from_chars knows words of its own, and numbers that begin or end with a point.
  const auto whole = digits.substr(0, digits.find_first_of(".e"));
  const bool spelled = is_whole(whole) && is_digit(digits.back()) &&
                       digits.find_first_not_of("0123456789.e+-") == std::string_view::npos;
  if (!spelled)
    return std::nullopt;
  double number = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool whole_word = read.ec == std::errc{} && read.ptr == word.data() + word.size();
  return whole_word ? std::optional(number) : std::nullopt;
}

std::optional<typed_value> value_of_word(std::string_view word) {
  if (word == "null")
    return typed_value();
  if (word == "true" || word == "false")
    return typed_value(word == "true");
  if (is_keyword(word) || looks_numeric(word)) {
    if (auto whole = whole_number(word))
      return whole;
    if (word.find_first_of(".efn") == std::string_view::npos)
      return std::nullopt;  // a whole number that is too large is no float64
    const auto real = real_number(word);
    return real ? std::optional(typed_value(*real)) : std::nullopt;
  }
  return typed_value(std::string(word));
}

}  // namespace hearth::inline core::toon
