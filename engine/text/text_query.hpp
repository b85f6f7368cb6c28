#pragma once
// A full-text query as a tree, its text form, and back. The grammar is in docs/text_search.md.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace hearth::engine::text {

enum class query_kind : std::uint8_t {
  term,      ///< text: a word, as the user wrote it
  phrase,    ///< text: words that follow each other
  prefix,    ///< text: how a word begins
  words,     ///< text: any of its words counts
  all_of,    ///< every child matches, those under `excluded` excepted
  any_of,    ///< one child matches, and every one under `required`, and none under `excluded`
  required,  ///< one child; only directly inside of a group
  excluded,  ///< one child; only directly inside of a group
};

struct text_query {
  query_kind kind = query_kind::any_of;
  std::string text;
  std::string field;  ///< of term, phrase and prefix: only there; empty: wherever is searched
  double boost = 1;   ///< multiplies scores; above 0
  std::vector<text_query> children;

  friend bool operator==(const text_query&, const text_query&) = default;
};

/// Reads what a user typed. The result is a group, or one term, phrase or prefix. UTF-8. Errors:
/// invalid_argument "text query, column 12: ..." (columns count characters), and limit_exceeded for
/// text_query_bytes, text_query_clauses and text_query_depth.
[[nodiscard]] result<text_query> parse_text_query(std::string_view text);

/// `text` as words only (kind `words`): no character means anything. What is beyond
/// limits::text_query_bytes is cut off.
[[nodiscard]] text_query plain_text_query(std::string_view text);

/// Parses back to the same tree, if the tree is one that parse_text_query makes.
[[nodiscard]] std::string to_string(const text_query& query);

}  // namespace hearth::engine::text
