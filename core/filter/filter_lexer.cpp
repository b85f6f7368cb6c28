#include "core/filter/filter_lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "core/format.hpp"

namespace hearth::inline core {

namespace {

// Longer ones before those that they begin with.
constexpr std::array<std::string_view, 11> symbols{"==", "!=", "<>", ">=", "<=", "=",
                                                   ">",  "<",  "(",  ")",  ","};

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::optional<char> unescaped(char c) noexcept {
  switch (c) {
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  case '\\':
  case '"':
  case '\'':
    return c;
  default:
    return std::nullopt;
  }
}

}  // namespace

void filter_lexer::skip_spaces() noexcept {
  while (is_space(peek()))
    ++position_;
}

result<token> filter_lexer::next() {
  skip_spaces();
  if (at_end())
    return token{token_kind::end, text_.substr(position_), {}};
  const char c = peek();
  if (begins_word(c) || c == '`')
    return read_path();
  if (c == '"' || c == '\'')
    return read_string();
  if (is_digit(c) || c == '-')
    return read_number();
  return read_symbol();
}

// Only finds the end: what stands in backticks is read by parse_path.
result<void> filter_lexer::skip_quoted_key() {
  const auto begin = position_++;
  while (!at_end()) {
    if (peek() != '`')
      ++position_;
    else if (peek(1) == '`')
      position_ += 2;
    else {
      ++position_;
      return {};
    }
  }
  return failure(text_.substr(begin), "a key in backticks that does not end");
}

result<token> filter_lexer::read_path() {
  const auto begin = position_;
  auto kind = token_kind::word;
  while (true) {
    if (peek() == '`') {
      kind = token_kind::path;
      HEARTH_CHECK(skip_quoted_key());
    } else if (begins_word(peek())) {
      while (!at_end() && continues_word(peek()))
        ++position_;
    } else {
      return failure(text_.substr(position_), "expected a key after the dot",
                     "keys that are not words stand in backticks: `1`");
    }
    if (peek() != '.')
      return token{kind, since(begin), {}};
    ++position_;
    kind = token_kind::path;
  }
}

result<token> filter_lexer::read_string() {
  const auto begin = position_;
  const char quote = text_[position_++];
  std::string content;
  while (!at_end()) {
    const char c = text_[position_++];
    if (c == quote)
      return token{token_kind::string, since(begin), std::move(content)};
    if (c != '\\') {
      content += c;
      continue;
    }
    const auto escaped = unescaped(peek());
    if (at_end() || !escaped)
      return failure(text_.substr(position_ - 1), "a backslash that means nothing",
                     R"(escapes are \\ \" \' \n \r \t)");
    content += *escaped;
    ++position_;
  }
  return failure(text_.substr(begin), "a string that does not end");
}

result<token> filter_lexer::read_number() {
  const auto begin = position_;
  const bool negative = peek() == '-';
  position_ += negative ? 1 : 0;
  while (!at_end() &&
         (continues_word(peek()) || peek() == '.' ||
          (peek() == '+' && (text_[position_ - 1] == 'e' || text_[position_ - 1] == 'E'))))
    ++position_;
  const auto text = since(begin);
  const auto digits = text.substr(negative ? 1 : 0);
  if (negative && std::ranges::equal(digits, std::string_view("INFINITY"), {}, [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      }))
    return token{token_kind::number, text, -std::numeric_limits<double>::infinity()};
  if (digits.empty() || !is_digit(digits.front()) || !is_digit(digits.back()))
    return failure(text_.substr(begin), core::format("\"{}\" is no number", printable(text)));
  const char* end = text.data() + text.size();
  if (std::ranges::all_of(digits, is_digit)) {
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec != std::errc{})
      return failure(text_.substr(begin), "an integer outside of -2^63 to 2^63-1",
                     "with a decimal point it is a float64");
    return token{token_kind::number, text, number};
  }
  double number = 0;
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec == std::errc::result_out_of_range)
    return failure(text_.substr(begin), "a number outside of what float64 holds");
  if (read.ec != std::errc{} || read.ptr != end)
    return failure(text_.substr(begin), core::format("\"{}\" is no number", printable(text)));
  return token{token_kind::number, text, number};
}

result<token> filter_lexer::read_symbol() {
  const auto rest = text_.substr(position_);
  for (const auto symbol : symbols)
    if (rest.starts_with(symbol)) {
      position_ += symbol.size();
      return token{token_kind::symbol, rest.substr(0, symbol.size()), {}};
    }
  return failure(rest, core::format("\"{}\" means nothing here", printable(rest.substr(0, 1))),
                 "a filter is written like: year >= 2020 AND NOT tag IN (\"a\", \"b\")");
}

std::unexpected<error> filter_lexer::failure(std::string_view at, std::string_view message,
                                             std::string hint) const {
  const auto before = text_.substr(0, static_cast<std::size_t>(at.data() - text_.data()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto begin = before.find_last_of('\n');
  const auto column = std::ranges::count_if(
                          before.substr(begin == std::string_view::npos ? 0 : begin + 1),
                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }) +
                      1;
  return fail(errc::invalid_argument,
              core::format("filter, line {}, column {}: {}", line, column, message),
              std::move(hint));
}

}  // namespace hearth::inline core
