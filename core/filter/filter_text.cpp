#include "core/filter/filter_text.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "core/filter/filter_lexer.hpp"
#include "core/filter/filter_names.hpp"
#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

struct comparison {
  std::string_view symbol;
  filter_op op;
  bool negated = false;
};

constexpr std::array comparisons{
    comparison{"==", filter_op::equal},       comparison{"=", filter_op::equal},
    comparison{"!=", filter_op::equal, true}, comparison{"<>", filter_op::equal, true},
    comparison{">", filter_op::greater},      comparison{">=", filter_op::greater_equal},
    comparison{"<", filter_op::less},         comparison{"<=", filter_op::less_equal}};

char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// Recursive descent with one token of look-ahead. Only parentheses and NOT recurse, and they are
// counted.
class filter_parser {
 public:
  explicit filter_parser(std::string_view text) : lexer_(text) {}

  result<filter> parse() {
    HEARTH_CHECK(advance());
    HEARTH_TRY(auto tree, read_disjunction(1));
    if (next_.kind != token_kind::end)
      return expected("AND, OR or the end");
    return tree;
  }

 private:
  result<void> advance() {
    HEARTH_TRY(next_, lexer_.next());
    return {};
  }

  [[nodiscard]] bool at_word(std::string_view keyword) const noexcept {
    return next_.kind == token_kind::word &&
           std::ranges::equal(next_.text, keyword, {}, upper, upper);
  }
  [[nodiscard]] bool at_symbol(std::string_view symbol) const noexcept {
    return next_.kind == token_kind::symbol && next_.text == symbol;
  }

  [[nodiscard]] std::unexpected<error> expected(std::string_view what,
                                                std::string hint = {}) const {
    const auto found =
        next_.kind == token_kind::end ? std::string("the end") : printable(next_.text, 32);
    return lexer_.failure(next_.text, core::format("expected {}, found {}", what, found),
                          std::move(hint));
  }

  // Takes the symbol that has to come now.
  result<void> take(std::string_view symbol) {
    if (!at_symbol(symbol))
      return expected(core::format("\"{}\"", symbol));
    return advance();
  }

  result<filter> read_disjunction(std::size_t depth) {
    std::vector<filter> parts;
    do {
      if (!parts.empty())
        HEARTH_CHECK(advance());
      HEARTH_TRY(auto part, read_conjunction(depth));
      parts.push_back(std::move(part));
    } while (at_word("OR"));
    return any_of(std::move(parts));
  }

  result<filter> read_conjunction(std::size_t depth) {
    std::vector<filter> parts;
    do {
      if (!parts.empty())
        HEARTH_CHECK(advance());
      HEARTH_TRY(auto part, read_negation(depth));
      parts.push_back(std::move(part));
    } while (at_word("AND"));
    return all_of(std::move(parts));
  }

  result<filter> read_negation(std::size_t depth) {
    if (depth > limits::filter_depth)
      return over(next_.text, core::format("nested deeper than {} levels", limits::filter_depth));
    if (++nodes_ > limits::filter_nodes)
      return over(next_.text, core::format("more than {} nodes", limits::filter_nodes));
    if (at_word("NOT")) {
      HEARTH_CHECK(advance());
      HEARTH_TRY(auto inner, read_negation(depth + 1));
      return !std::move(inner);
    }
    if (at_symbol("(")) {
      HEARTH_CHECK(advance());
      HEARTH_TRY(auto inner, read_disjunction(depth + 1));
      HEARTH_CHECK(take(")"));
      return inner;
    }
    return read_condition();
  }

  result<filter> read_condition() {
    if (at_word("TRUE")) {
      HEARTH_CHECK(advance());
      return filter{};
    }
    if (at_word("EXISTS")) {
      HEARTH_CHECK(advance());
      const auto field = next_.text;
      HEARTH_TRY(auto path, read_path());
      return checked({.op = filter_op::exists, .path = std::move(path)}, field);
    }
    const auto begin = next_.text;
    const bool radius = at_word("GEO_RADIUS");
    if (!radius && !at_word("GEO_BOX"))
      return read_comparison();
    HEARTH_CHECK(advance());
    // A field may have the name of a function: only the parenthesis tells.
    if (at_symbol("("))
      return read_geo(radius ? filter_op::geo_radius : filter_op::geo_box, begin);
    return read_comparison_of({std::string(begin)});
  }

  result<filter> read_comparison() {
    HEARTH_TRY(auto path, read_path());
    return read_comparison_of(std::move(path));
  }

  result<filter> read_comparison_of(field_path path) {
    filter leaf{.path = std::move(path)};
    if (at_word("NOT")) {
      HEARTH_CHECK(advance());
      if (!at_word("IN"))
        return expected("IN");
      HEARTH_TRY(auto listed, read_list(std::move(leaf)));
      return !std::move(listed);
    }
    if (at_word("IN"))
      return read_list(std::move(leaf));
    bool negated = false;
    if (at_word("CONTAINS")) {
      leaf.op = filter_op::contains;
    } else if (at_word("PREFIX")) {
      leaf.op = filter_op::prefix;
    } else if (at_word("STARTS")) {
      HEARTH_CHECK(advance());
      if (!at_word("WITH"))
        return expected("WITH");
      leaf.op = filter_op::prefix;
    } else {
      const auto* found = std::ranges::find(comparisons, next_.text, &comparison::symbol);
      if (next_.kind != token_kind::symbol || found == comparisons.end())
        return expected("a comparison (== != > >= < <= IN, NOT IN, CONTAINS, PREFIX, STARTS WITH)");
      leaf.op = found->op;
      negated = found->negated;
    }
    HEARTH_CHECK(advance());
    const auto begin = next_.text;
    HEARTH_TRY(auto operand, read_value());
    leaf.operands.push_back(std::move(operand));
    HEARTH_TRY(auto whole, checked(std::move(leaf), begin));
    return negated ? !std::move(whole) : std::move(whole);
  }

  result<filter> read_list(filter leaf) {
    leaf.op = filter_op::one_of;
    HEARTH_CHECK(advance());
    const auto begin = next_.text;
    HEARTH_CHECK(take("("));
    while (!at_symbol(")")) {
      if (!leaf.operands.empty())
        HEARTH_CHECK(take(","));
      if (leaf.operands.size() == limits::filter_list)
        return over(begin, core::format("a list of more than {} values", limits::filter_list));
      HEARTH_TRY(auto operand, read_value());
      leaf.operands.push_back(std::move(operand));
    }
    HEARTH_CHECK(advance());
    return checked(std::move(leaf), begin);
  }

  // (path, point, metres) or (path, south-west, north-east)
  result<filter> read_geo(filter_op op, std::string_view begin) {
    HEARTH_CHECK(take("("));
    HEARTH_TRY(auto path, read_path());
    filter leaf{.op = op, .path = std::move(path)};
    HEARTH_CHECK(take(","));
    HEARTH_TRY(const auto first, read_point());
    leaf.operands.emplace_back(first);
    HEARTH_CHECK(take(","));
    if (op == filter_op::geo_radius) {
      HEARTH_TRY(const auto metres, read_number());
      leaf.operands.emplace_back(metres);
    } else {
      HEARTH_TRY(const auto second, read_point());
      leaf.operands.emplace_back(second);
    }
    HEARTH_CHECK(take(")"));
    return checked(std::move(leaf), begin);
  }

  result<field_path> read_path() {
    if (next_.kind == token_kind::word && is_filter_keyword(next_.text))
      return expected("a path", core::format("a key of this name stands in backticks: `{}`",
                                             printable(next_.text)));
    if (next_.kind != token_kind::word && next_.kind != token_kind::path)
      return expected("a path");
    auto path = parse_path(next_.text);
    if (!path)
      return lexer_.failure(next_.text, path.error().message, path.error().hint);
    HEARTH_CHECK(advance());
    return path;
  }

  result<value> read_value() {
    if (at_word("TIMESTAMP"))
      return read_timestamp();
    if (at_word("POINT")) {
      HEARTH_TRY(const auto point, read_point());
      return value(point);
    }
    value content;
    if (next_.kind == token_kind::string || next_.kind == token_kind::number)
      content = std::move(next_.content);
    else if (at_word("TRUE") || at_word("FALSE"))
      content = at_word("TRUE");
    else if (at_word("INFINITY"))
      content = std::numeric_limits<double>::infinity();
    else if (!at_word("NULL"))
      return expected("a value", "strings stand in quotes");
    HEARTH_CHECK(advance());
    return content;
  }

  result<value> read_timestamp() {
    HEARTH_CHECK(advance());
    HEARTH_CHECK(take("("));
    const auto* text = next_.content.get_if<std::string>();
    if (next_.kind != token_kind::string || text == nullptr)
      return expected("a string");
    const auto moment = core::parse_timestamp(*text);
    if (!moment)
      return lexer_.failure(next_.text, moment.error().message, moment.error().hint);
    HEARTH_CHECK(advance());
    HEARTH_CHECK(take(")"));
    return value(*moment);
  }

  result<geo_point> read_point() {
    const auto begin = next_.text;
    if (!at_word("POINT"))
      return expected("point(latitude, longitude)");
    HEARTH_CHECK(advance());
    HEARTH_CHECK(take("("));
    HEARTH_TRY(const auto lat, read_number());
    HEARTH_CHECK(take(","));
    HEARTH_TRY(const auto lon, read_number());
    HEARTH_CHECK(take(")"));
    const geo_point point{lat, lon};
    if (!is_valid(point))
      return lexer_.failure(begin, core::format("latitude {}, longitude {} is no place", lat, lon),
                            "latitudes are -90 to 90, longitudes -180 to 180");
    return point;
  }

  result<double> read_number() {
    if (next_.kind != token_kind::number)
      return expected("a number");
    const auto* real = next_.content.get_if<double>();
    const auto* whole = next_.content.get_if<std::int64_t>();
    const double number = real != nullptr ? *real : static_cast<double>(*whole);
    HEARTH_CHECK(advance());
    return number;
  }

  // The comparison if it can be; `begin` is what a refusal is about.
  [[nodiscard]] result<filter> checked(filter leaf, std::string_view begin) const {
    const auto fine = check_leaf(leaf);
    if (fine)
      return leaf;
    if (fine.error().code == errc::limit_exceeded)
      return over(begin, fine.error().message);
    return lexer_.failure(begin, fine.error().message, fine.error().hint);
  }

  [[nodiscard]] std::unexpected<error> over(std::string_view begin,
                                            std::string_view message) const {
    auto failure = lexer_.failure(begin, message).error();
    failure.code = errc::limit_exceeded;
    return std::unexpected(std::move(failure));
  }

  filter_lexer lexer_;
  token next_;
  std::size_t nodes_ = 0;
};

}  // namespace

result<filter> parse_filter(std::string_view text) {
  if (text.size() > limits::filter_text_bytes)
    return validation::too_large("the filter is", text.size(), limits::filter_text_bytes);
  if (!is_utf8(text))
    return fail(errc::invalid_argument, "the filter is not valid UTF-8");
  HEARTH_TRY(auto tree, filter_parser(text).parse());
  HEARTH_CHECK(validate(tree));
  return tree;
}

}  // namespace hearth::inline core
