#include "core/format.hpp"
#include "engine/text/text_query.hpp"

namespace hearth::engine::text {

namespace {

constexpr std::string_view special = " \t\n\r()\":^*\\";

void print_word(std::string_view word, std::string& out) {
  // At the beginning these are operators, and words can be keywords.
  if (word.starts_with('+') || word.starts_with('-') || word == "AND" || word == "OR" ||
      word == "NOT")
    out += '\\';
  for (const char c : word) {
    if (special.find(c) != std::string_view::npos)
      out += '\\';
    out += c;
  }
}

void print_phrase(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  out += '"';
}

void print(const text_query& query, bool inside, std::string& out) {
  if (query.kind == query_kind::required || query.kind == query_kind::excluded) {
    out += query.kind == query_kind::required ? '+' : '-';
    for (const auto& child : query.children)
      print(child, true, out);
    return;
  }
  if (!query.field.empty()) {
    print_word(query.field, out);
    out += ':';
  }
  const bool group = query.kind == query_kind::all_of || query.kind == query_kind::any_of;
  const bool parenthesis = group && (inside || query.boost != 1);
  switch (query.kind) {
  case query_kind::phrase:
    print_phrase(query.text, out);
    break;
  case query_kind::prefix:
    print_word(query.text, out);
    out += '*';
    break;
  case query_kind::term:
  case query_kind::words:
    print_word(query.text, out);
    break;
  default:
    out += parenthesis ? "(" : "";
    for (std::size_t i = 0; i < query.children.size(); ++i) {
      if (i > 0)
        out += query.kind == query_kind::all_of ? " AND " : " ";
      print(query.children[i], true, out);
    }
    out += parenthesis ? ")" : "";
  }
  if (query.boost != 1)
    out += core::format("^{}", query.boost);
}

}  // namespace

std::string to_string(const text_query& query) {
  std::string out;
  print(query, false, out);
  return out;
}

}  // namespace hearth::engine::text
