// Reads the text form of full-text queries. A recursive descent with a bounded depth.
#include <algorithm>
#include <charconv>
#include <optional>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/value.hpp"
#include "engine/text/text_query.hpp"
#include "engine/text/word_breaker.hpp"

namespace hearth::engine::text {

namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_modifier(const text_query& query) noexcept {
  return query.kind == query_kind::required || query.kind == query_kind::excluded;
}

bool is_leaf(const text_query& query) noexcept {
  return query.kind == query_kind::term || query.kind == query_kind::phrase ||
         query.kind == query_kind::prefix;
}

text_query group_of(query_kind kind, std::vector<text_query> children) {
  text_query group;
  group.kind = kind;
  group.children = std::move(children);
  return group;
}

// What stands inside of a restriction to a field and has none of its own.
void restrict(text_query& query, const std::string& field) {
  if (is_leaf(query) && query.field.empty())
    query.field = field;
  for (auto& child : query.children)
    restrict(child, field);
}

class parser {
 public:
  explicit parser(std::string_view text) : text_(text) {}

  result<text_query> parse() {
    HEARTH_TRY(auto query, sequence());
    if (!at_end())
      return failure(position_, "a parenthesis that was not opened", "\\) means the character");
    return query;
  }

 private:
  // What has no special meaning, and whether it ended with an unescaped *.
  struct raw_word {
    std::string text;
    bool prefix = false;
    bool escaped = false;  // somewhere: no keyword
  };

  [[nodiscard]] bool at_end() const noexcept { return position_ == text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }
  void skip_spaces() noexcept {
    while (!at_end() && is_space(peek()))
      ++position_;
  }
  [[nodiscard]] bool ends_word() const noexcept {
    return at_end() || is_space(peek()) || peek() == '(' || peek() == ')' || peek() == '"';
  }

  [[nodiscard]] std::unexpected<error> failure(std::size_t at, std::string_view message,
                                               std::string hint = {}) const {
    const auto column = 1 + std::ranges::count_if(text_.substr(0, at), [](char c) {
                          return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
                        });
    return fail(errc::invalid_argument, core::format("text query, column {}: {}", column, message),
                std::move(hint));
  }

  // AND, OR or NOT as a word of its own, at the current place.
  [[nodiscard]] std::string_view keyword() const noexcept {
    for (const std::string_view word : {"AND", "OR", "NOT"})
      if (text_.substr(position_).starts_with(word)) {
        const auto end = position_ + word.size();
        if (end == text_.size() || is_space(text_[end]) || text_[end] == '(' || text_[end] == ')' ||
            text_[end] == '"')
          return word;
      }
    return {};
  }

  // Of one kind of group: one child is itself, unless it needs a group around it.
  static text_query collapse(query_kind kind, std::vector<text_query> children) {
    if (children.size() == 1 && !is_modifier(children.front()))
      return std::move(children.front());
    return group_of(kind, std::move(children));
  }

  result<text_query> sequence() {
    std::vector<text_query> parts;
    for (skip_spaces(); !at_end() && peek() != ')'; skip_spaces()) {
      HEARTH_TRY(auto part, alternatives());
      parts.push_back(std::move(part));
    }
    return collapse(query_kind::any_of, std::move(parts));
  }

  // `next` and what follows it after each `word`; one alone is itself.
  template <class Next>
  result<text_query> joined(std::string_view word, query_kind kind, Next&& next) {
    std::vector<text_query> parts;
    while (true) {
      HEARTH_TRY(auto part, next());
      parts.push_back(std::move(part));
      skip_spaces();
      if (at_end() || keyword() != word)
        break;
      position_ += word.size();
      skip_spaces();
    }
    if (parts.size() == 1)
      return std::move(parts.front());
    return group_of(kind, std::move(parts));
  }

  result<text_query> alternatives() {
    return joined("OR", query_kind::any_of, [this] {
      return joined("AND", query_kind::all_of, [this] { return modified(); });
    });
  }

  result<text_query> modified() {
    std::optional<query_kind> modifier;
    if (keyword() == "NOT") {
      modifier = query_kind::excluded;
      position_ += 3;
      skip_spaces();
    } else if ((peek() == '+' || peek() == '-') && position_ + 1 < text_.size() &&
               !is_space(peek(1)) && peek(1) != ')') {
      modifier = peek() == '+' ? query_kind::required : query_kind::excluded;
      ++position_;
    }
    HEARTH_TRY(auto inner, boosted());
    if (!modifier)
      return inner;
    std::vector<text_query> child;
    child.push_back(std::move(inner));
    return group_of(*modifier, std::move(child));
  }

  result<text_query> boosted() {
    const auto begin = position_;
    HEARTH_TRY(auto query, primary());
    if (peek() != '^')
      return query;
    const auto* first = text_.data() + position_ + 1;
    const auto* last = first;
    while (last != text_.data() + text_.size() && ((*last >= '0' && *last <= '9') || *last == '.'))
      ++last;
    double factor = 0;
    const auto read = std::from_chars(first, last, factor);
    if (read.ec != std::errc{} || read.ptr != last)
      return failure(position_, "expected a number after ^", "\\^ means the character");
    query.boost *= factor;
    constexpr double least = 0.001;
    constexpr double most = 1000;
    if (!(query.boost >= least && query.boost <= most))
      return failure(begin, core::format("^ must be a number from {} to {}", least, most));
    position_ = static_cast<std::size_t>(last - text_.data());
    return query;
  }

  result<text_query> primary() {
    const auto word = keyword();
    if (at_end() || peek() == ')' || !word.empty())
      return failure(position_, "expected a word, a phrase or a parenthesis",
                     word.empty() ? "" : core::format("\\{} means the word", word));
    if (peek() == '(' || peek() == '"')
      return unrestricted();
    const auto begin = position_;
    HEARTH_TRY(auto read, raw(true));
    if (peek() == ':') {
      if (read.text.empty() || read.prefix)
        return failure(begin, "expected the name of a field before the colon",
                       "\\: means the character");
      ++position_;
      if (at_end() || is_space(peek()) || peek() == ')')
        return failure(position_, "expected a word or a phrase after the field",
                       "\\: means the character");
      HEARTH_TRY(auto inner, unrestricted());
      restrict(inner, read.text);
      return inner;
    }
    return leaf(begin, std::move(read));
  }

  result<text_query> unrestricted() {
    const auto begin = position_;
    if (peek() == '(')
      return parenthesis();
    if (peek() == '"')
      return phrase();
    HEARTH_TRY(auto read, raw(false));
    return leaf(begin, std::move(read));
  }

  result<text_query> parenthesis() {
    const auto begin = position_++;
    if (++depth_ > limits::text_query_depth)
      return fail(errc::limit_exceeded, core::format("the text query has more than {} parentheses "
                                                     "inside of each other",
                                                     limits::text_query_depth));
    HEARTH_TRY(auto inner, sequence());
    --depth_;
    if (at_end())
      return failure(begin, "a parenthesis that does not end", "\\( means the character");
    ++position_;
    return inner;
  }

  result<text_query> phrase() {
    const auto begin = position_++;
    text_query query;
    query.kind = query_kind::phrase;
    while (!at_end() && peek() != '"') {
      if (peek() == '\\')
        ++position_;
      if (!at_end())
        query.text += text_[position_++];
    }
    if (at_end())
      return failure(begin, "a phrase that does not end", "\\\" means the character");
    ++position_;
    return counted(std::move(query));
  }

  // Up to what ends a word; up to the colon as well if one means a field.
  result<raw_word> raw(bool may_be_field) {
    raw_word word;
    while (!ends_word() && peek() != '^' && (peek() != ':' || !may_be_field)) {
      if (word.prefix)
        return failure(position_ - 1, "* stands at the end of a word only",
                       "\\* means the character");
      if (peek() == '*') {
        word.prefix = true;
        ++position_;
        continue;
      }
      if (peek() == '\\') {
        word.escaped = true;
        if (++position_ == text_.size())
          return failure(position_ - 1, "a backslash before nothing", "\\\\ means the character");
      }
      word.text += text_[position_++];
    }
    return word;
  }

  result<text_query> leaf(std::size_t begin, raw_word word) {
    if (word.text.empty())
      return failure(begin, word.prefix ? "expected the beginning of a word before *"
                                        : "expected a word, a phrase or a parenthesis");
    text_query query;
    query.kind = word.prefix ? query_kind::prefix : query_kind::term;
    query.text = std::move(word.text);
    return counted(std::move(query));
  }

  result<text_query> counted(text_query query) {
    if (++clauses_ > limits::text_query_clauses)
      return fail(errc::limit_exceeded,
                  core::format("the text query has more than {} words and phrases",
                               limits::text_query_clauses),
                  "ask in the mode \"plain\", or for less");
    return query;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  std::size_t clauses_ = 0;
};

}  // namespace

result<text_query> parse_text_query(std::string_view text) {
  if (text.size() > limits::text_query_bytes)
    return fail(errc::limit_exceeded, core::format("the text query has {} bytes; the limit is {}",
                                                   text.size(), limits::text_query_bytes));
  if (!is_utf8(text))
    return fail(errc::invalid_argument, "the text query is not UTF-8");
  return parser(text).parse();
}

text_query plain_text_query(std::string_view text) {
  text_query query;
  query.kind = query_kind::words;
  query.text = cut_utf8(text, limits::text_query_bytes);
  return query;
}

}  // namespace hearth::engine::text
