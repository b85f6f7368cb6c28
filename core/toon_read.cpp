// One pass, no going back. What a text makes in memory is bounded by its length: every row and
// every cell has a character of its own in it, and recursion is as deep as values may nest.
#include <algorithm>
#include <charconv>
#include <set>

#include "core/format.hpp"
#include "core/text_forms.hpp"
#include "core/toon.hpp"
#include "core/toon_forms.hpp"
#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

using toon::column_type;

// Appends a character as UTF-8.
void append_character(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0U | code >> 6U);
    out += static_cast<char>(0x80U | (code & 0x3fU));
  } else {
    out += static_cast<char>(0xe0U | code >> 12U);
    out += static_cast<char>(0x80U | (code >> 6U & 0x3fU));
    out += static_cast<char>(0x80U | (code & 0x3fU));
  }
}

class toon_reader {
 public:
  explicit toon_reader(std::string_view text) : text_(text) {}

  result<toon_table> read() {
    HEARTH_TRY(table_.name, read_name("[", "the name of the table"));
    HEARTH_TRY(const auto rows, read_count());
    HEARTH_CHECK(read_header());
    HEARTH_CHECK(expect(':', "':' after the header"));
    for (std::size_t row = 0; row < rows; ++row) {
      if (row > 0)
        HEARTH_CHECK(expect(';', core::format("';' after row {} of {}", row, rows)));
      HEARTH_CHECK(read_row());
    }
    skip_spaces();
    if (!at_end())
      return failure(core::format("expected the end after {} rows", rows));
    return std::move(table_);
  }

 private:
  [[nodiscard]] bool at_end() const noexcept { return position_ == text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }
  void skip_spaces() noexcept {
    while (!at_end() && toon::is_space(peek()))
      ++position_;
  }

  [[nodiscard]] std::unexpected<error> failure(std::string_view what) const {
    const auto rest = text_.substr(position_);
    const auto found =
        rest.empty() ? std::string("the end") : core::format("\"{}\"", printable(rest, 16));
    return fail(errc::invalid_argument,
                core::format("TOON, byte {}: {}, found {}", position_, what, found));
  }

  result<void> expect(char mark, std::string_view what) {
    skip_spaces();
    if (peek() != mark || at_end())
      return failure(core::format("expected {}", what));
    ++position_;
    return {};
  }

  // Up to a mark or one of `ends`, without the spaces around it. May be empty.
  std::string_view read_word(std::string_view ends) {
    skip_spaces();
    const auto begin = position_;
    while (!at_end() && !toon::is_mark(peek()) && ends.find(peek()) == std::string_view::npos)
      ++position_;
    auto word = text_.substr(begin, position_ - begin);
    while (!word.empty() && toon::is_space(word.back()))
      word.remove_suffix(1);
    return word;
  }

  result<std::string> read_name(std::string_view ends, std::string_view what) {
    skip_spaces();
    if (peek() == '"')
      return read_string();
    const auto begin = position_;
    const auto word = read_word(ends);
    if (toon::is_plain_name(word))
      return std::string(word);
    position_ = begin;
    return failure(core::format("expected {}", what));
  }

  result<std::size_t> read_count() {
    HEARTH_CHECK(expect('[', "'[' and the number of rows"));
    const auto begin = position_;
    const auto word = read_word("");
    const auto count = toon::whole_number(word);
    const auto* const rows = count ? count->get_if<std::int64_t>() : nullptr;
    if (rows == nullptr || *rows < 0) {
      position_ = begin;
      return failure("expected the number of rows");
    }
    HEARTH_CHECK(expect(']', "']' after the number of rows"));
    // Rows are at least separated from one another.
    if (static_cast<std::uint64_t>(*rows) > text_.size() - position_ + 1)
      return failure(core::format("{} rows are more than the text holds", *rows));
    return static_cast<std::size_t>(*rows);
  }

  result<void> read_header() {
    HEARTH_CHECK(expect('{', "'{' and the columns"));
    skip_spaces();
    std::set<std::string, std::less<>> names;
    while (peek() != '}') {
      if (!names.empty())
        HEARTH_CHECK(expect(',', "',' or '}' after a column"));
      const auto begin = position_;
      HEARTH_TRY(auto name, read_name(":", "the name of a column"));
      if (!names.insert(name).second) {
        position_ = begin;
        return failure("expected another column: each has its name once");
      }
      table_.columns.push_back(std::move(name));
      HEARTH_TRY(const auto type, read_type());
      types_.push_back(type);
      skip_spaces();
    }
    return expect('}', "'}' after the columns");
  }

  result<column_type> read_type() {
    skip_spaces();
    if (peek() != ':')
      return column_type::any;
    ++position_;
    const auto begin = position_;
    const auto word = read_word("");
    const auto* const known = std::ranges::find(toon::type_names, word, &toon::type_name::name);
    if (known != toon::type_names.end())
      return known->type;
    position_ = begin;
    return failure("expected a type: str, int, float, bool, bytes or time");
  }

  result<void> read_row() {
    toon_table::row cells;
    for (const auto type : types_) {
      if (!cells.empty())
        HEARTH_CHECK(
            expect(',', core::format("',' and {} more cells", types_.size() - cells.size())));
      HEARTH_TRY(auto cell, read_cell(type));
      cells.push_back(std::move(cell));
    }
    table_.rows.push_back(std::move(cells));
    return {};
  }

  result<std::optional<typed_value>> read_cell(column_type type) {
    skip_spaces();
    if (text_.substr(position_).starts_with(toon::missing)) {
      const auto begin = position_;
      if (read_word("") == toon::missing)
        return std::optional<typed_value>();
      position_ = begin;
    }
    const auto begin = position_;
    HEARTH_TRY(auto cell, type == column_type::any ? read_value(0, "") : read_typed(type));
    if (!fits(cell, type)) {
      position_ = begin;
      return failure("expected a value of the column's type");
    }
    return std::optional(std::move(cell));
  }

  static bool fits(const typed_value& cell, column_type type) {
    switch (type) {
    case column_type::str:
      return cell.is_null() || cell.get_if<std::string>() != nullptr;
    case column_type::whole:
      return cell.is_null() || cell.get_if<std::int64_t>() != nullptr ||
             cell.get_if<std::uint64_t>() != nullptr;
    case column_type::real:
      return cell.is_null() || cell.get_if<double>() != nullptr;
    case column_type::boolean:
      return cell.is_null() || cell.get_if<bool>() != nullptr;
    case column_type::bytes:
      return cell.is_null() || cell.get_if<blob>() != nullptr;
    case column_type::time:
      return cell.is_null() || cell.get_if<timestamp>() != nullptr;
    default:
      return true;
    }
  }

  // A cell whose form the column's type decides, unless it is quoted or null.
  result<typed_value> read_typed(column_type type) {
    if (peek() == '"' || peek() == '[' || peek() == '{' || is_tagged())
      return read_value(0, "");
    const auto begin = position_;
    const auto word = read_word("");
    if (word.empty()) {
      position_ = begin;
      return failure("expected a cell");
    }
    if (word == "null")
      return typed_value();
    if (type == column_type::str && toon::is_bare(word))
      return typed_value(std::string(word));
    if (type == column_type::real)
      if (const auto number = toon::real_number(word))
        return typed_value(*number);
    if (type == column_type::bytes)
      if (auto bytes = read_base64(word))
        return typed_value(blob{*std::move(bytes)});
    if (type == column_type::time)
      if (const auto moment = parse_timestamp(word); moment && is_valid(*moment))
        return typed_value(*moment);
    if (type == column_type::whole || type == column_type::boolean)
      if (auto read = toon::value_of_word(word))
        return *std::move(read);
    position_ = begin;
    return failure("expected a value of the column's type");
  }

  [[nodiscard]] bool is_tagged() const noexcept {
    return peek(1) == '"' && (peek() == 'b' || peek() == 't' || peek() == 'g');
  }

  // `ends` are the marks that end a word here, besides those that end it anywhere.
  result<typed_value> read_value(std::size_t depth, std::string_view ends) {
    skip_spaces();
    if (peek() == '"') {
      HEARTH_TRY(auto text, read_string());
      return typed_value(std::move(text));
    }
    if (peek() == '[')
      return read_list(depth);
    if (peek() == '{')
      return read_object(depth);
    if (is_tagged())
      return read_tagged();
    const auto begin = position_;
    const auto word = read_word(ends);
    if (!word.empty() && word != toon::missing && is_word(word))
      if (auto read = toon::value_of_word(word))
        return *std::move(read);
    position_ = begin;
    return failure("expected a value");
  }

  // A word without control characters; "null" is one.
  static bool is_word(std::string_view word) { return word == "null" || toon::is_bare(word); }

  result<typed_value> read_list(std::size_t depth) {
    HEARTH_CHECK(enter(depth));
    typed_list items;
    skip_spaces();
    while (peek() != ']') {
      if (!items.empty())
        HEARTH_CHECK(expect(',', "',' or ']' in a list"));
      HEARTH_TRY(auto item, read_value(depth + 1, ""));
      items.push_back(std::move(item));
      skip_spaces();
    }
    ++position_;
    return typed_value(std::move(items));
  }

  result<typed_value> read_object(std::size_t depth) {
    HEARTH_CHECK(enter(depth));
    typed_object members;
    std::set<std::string, std::less<>> names;
    skip_spaces();
    while (peek() != '}') {
      if (!members.empty())
        HEARTH_CHECK(expect(',', "',' or '}' in an object"));
      HEARTH_TRY(auto name, read_name(":", "the name of a member"));
      if (!names.insert(name).second)
        return failure("a member that the object has already");
      HEARTH_CHECK(expect(':', "':' after the name of a member"));
      HEARTH_TRY(auto member, read_value(depth + 1, ""));
      members.emplace_back(std::move(name), std::move(member));
      skip_spaces();
    }
    ++position_;
    return typed_value(std::move(members));
  }

  result<void> enter(std::size_t depth) {
    if (depth >= typed_value_depth)
      return fail(errc::limit_exceeded, core::format("TOON, byte {}: nests deeper than {} levels",
                                                     position_, typed_value_depth));
    ++position_;
    return {};
  }

  result<typed_value> read_tagged() {
    const auto begin = position_;
    const char tag = text_[position_++];
    HEARTH_TRY(const auto text, read_string());
    if (tag == 'b')
      if (auto bytes = read_base64(text))
        return typed_value(blob{*std::move(bytes)});
    if (tag == 't')
      if (const auto moment = parse_timestamp(text); moment && is_valid(*moment))
        return typed_value(*moment);
    if (tag == 'g') {
      const auto comma = text.find(',');
      const auto lat = toon::real_number(std::string_view(text).substr(0, comma));
      const auto lon = comma == std::string::npos
                           ? std::nullopt
                           : toon::real_number(std::string_view(text).substr(comma + 1));
      if (lat && lon && is_valid(geo_point{*lat, *lon}))
        return typed_value(geo_point{*lat, *lon});
    }
    position_ = begin;
    return failure(tag == 'b'   ? "expected base64"
                   : tag == 't' ? "expected a moment in ISO 8601 with an offset"
                                : "expected a place as latitude,longitude");
  }

  result<std::string> read_string() {
    const auto begin = position_++;
    std::string out;
    while (!at_end()) {
      const char c = text_[position_];
      if (c == '"') {
        ++position_;
        return out;
      }
      if (c == '\\') {
        HEARTH_CHECK(read_escape(out));
        continue;
      }
      out += c;
      ++position_;
    }
    position_ = begin;
    return failure("a string that does not end");
  }

  result<void> read_escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/nrtbf";
    constexpr std::string_view meant = "\"\\/\n\r\t\b\f";
    if (const auto at = letters.find(peek(1)); at != std::string_view::npos && peek(1) != '\0') {
      out += meant[at];
      position_ += 2;
      return {};
    }
    std::uint32_t code = 0;
    const auto digits = text_.substr(std::min(position_ + 2, text_.size()), 4);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (peek(1) != 'u' || digits.size() != 4 || read.ptr != digits.data() + 4 ||
        (code >= 0xd800 && code < 0xe000))
      return failure(R"(expected one of \" \\ \/ \n \r \t \b \f \uXXXX, without surrogates)");
    append_character(out, code);
    position_ += 6;
    return {};
  }

  const std::string_view text_;
  std::size_t position_ = 0;
  toon_table table_;
  std::vector<column_type> types_;
};

}  // namespace

result<toon_table> parse_toon(std::string_view text) {
  if (text.size() > limits::table_text_bytes)
    return validation::too_large("the TOON text is", text.size(), limits::table_text_bytes);
  if (!is_utf8(text))
    return fail(errc::invalid_argument, "the TOON text is not UTF-8");
  return toon_reader(text).read();
}

}  // namespace hearth::inline core
