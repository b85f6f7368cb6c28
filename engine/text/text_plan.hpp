#pragma once
// A full-text query made ready for one set of fields: words are terms, fields are numbers.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/text/analyzer.hpp"
#include "engine/text/text_query.hpp"

namespace hearth::engine::text {

/// A field that queries may look at.
struct searched_field {
  std::string name;
  std::uint32_t number = 0;
  double weight = 1;     ///< multiplies scores; 0 or above
  bool searched = true;  ///< false: only where a query names it
};

/// A term, or all terms with a prefix, in one field.
struct plan_leaf {
  std::uint32_t field = 0;
  std::string term;
  bool prefix = false;
  double weight = 1;
};

/// What has to hold for a row. Scores are sums over the leaves in `must` and `should` that match,
/// in this order.
struct plan_node {
  enum class form : std::uint8_t {
    leaf,    ///< the leaf `first_leaf`
    phrase,  ///< the leaves from `first_leaf` on, at positions that are `offsets` apart
    group,   ///< every one of `must`, none of `must_not`; one of `should` if there is no `must`
  };
  form is = form::group;
  std::size_t first_leaf = 0;
  std::vector<std::uint32_t> offsets;  ///< as many as the phrase has words; the first is 0
  std::vector<std::size_t> must;       ///< numbers of nodes
  std::vector<std::size_t> should;
  std::vector<std::size_t> must_not;
};

/// Immutable; any number of searches may use one at once.
struct text_plan {
  std::vector<plan_leaf> leaves;
  std::vector<plan_node> nodes;
  std::optional<std::size_t> root;  ///< none: nothing matches
};

/// Errors: invalid_argument for a field that there is none of, for weights that are no numbers or
/// below 0, and for a prefix that is several words; limit_exceeded for more than
/// limits::text_query_clauses words (of kind `words`, the first so many distinct ones count).
[[nodiscard]] result<text_plan> make_text_plan(const text_query& query, const analyzer& words,
                                               std::span<const searched_field> fields);

}  // namespace hearth::engine::text
