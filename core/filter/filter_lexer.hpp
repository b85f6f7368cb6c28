#pragma once
// Splits the text form of filters into tokens. The grammar is in docs/filters.md.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/filter/filter.hpp"

namespace hearth::inline core {

enum class token_kind : std::uint8_t {
  end,
  word,    ///< one key without backticks, which may be a keyword
  path,    ///< keys with dots between them or in backticks
  string,  ///< content: a string
  number,  ///< content: an int64 or a float64
  symbol,  ///< ( ) , or a comparison
};

struct token {
  token_kind kind = token_kind::end;
  std::string_view text;  ///< as it stands in the filter
  value content;          ///< of string and number
};

class filter_lexer {
 public:
  /// Precondition: `text` is UTF-8.
  explicit filter_lexer(std::string_view text) : text_(text) {}

  /// The next token; `end` again and again once there is none.
  [[nodiscard]] result<token> next();

  /// invalid_argument "filter, line 1, column 12: <message>" for the place where `at` begins, which
  /// is a part of the text. Columns count characters.
  [[nodiscard]] std::unexpected<error> failure(std::string_view at, std::string_view message,
                                               std::string hint = {}) const;

 private:
  [[nodiscard]] bool at_end() const noexcept { return position_ == text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }
  [[nodiscard]] std::string_view since(std::size_t begin) const noexcept {
    return text_.substr(begin, position_ - begin);
  }
  void skip_spaces() noexcept;
  [[nodiscard]] result<token> read_path();
  [[nodiscard]] result<void> skip_quoted_key();
  [[nodiscard]] result<token> read_string();
  [[nodiscard]] result<token> read_number();
  [[nodiscard]] result<token> read_symbol();

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace hearth::inline core
