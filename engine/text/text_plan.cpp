#include "engine/text/text_plan.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/format.hpp"
#include "core/limits.hpp"

namespace hearth::engine::text {

namespace {

class planner {
 public:
  planner(const analyzer& words, std::span<const searched_field> fields)
      : analyzer_(words), fields_(fields) {}

  result<text_plan> plan(const text_query& query) {
    HEARTH_TRY(plan_.root, make(query, 1));
    if (plan_.root && positive(*plan_.root))
      return std::move(plan_);
    return text_plan{};
  }

 private:
  // A part without words that are searched for: it is left out of the group around it.
  using part = std::optional<std::size_t>;

  std::size_t add(plan_node node) {
    plan_.nodes.push_back(std::move(node));
    return plan_.nodes.size() - 1;
  }

  // Can match something. A group of nothing but exclusions cannot.
  [[nodiscard]] bool positive(std::size_t node) const {
    const auto& of = plan_.nodes[node];
    return of.is != plan_node::form::group || !of.must.empty() || !of.should.empty();
  }

  result<std::vector<const searched_field*>> fields_of(const std::string& name) const {
    std::vector<const searched_field*> found;
    for (const auto& field : fields_)
      if (name.empty() ? field.searched : field.name == name)
        found.push_back(&field);
    if (found.empty() && !name.empty()) {
      std::string names;
      for (const auto& field : fields_)
        names.append(names.empty() ? "" : ", ").append(field.name);
      return fail(errc::invalid_argument,
                  core::format("the text query names the field \"{}\"; there are: {}",
                               printable(name), names),
                  "a colon that is not meant for a field is written \\:");
    }
    return found;
  }

  result<part> make(const text_query& query, double boost) {
    boost *= query.boost;
    switch (query.kind) {
    case query_kind::term:
    case query_kind::phrase:
      return words(query, boost);
    case query_kind::words:
      return any_word(query, boost);
    case query_kind::prefix:
      return prefix(query, boost);
    default:
      return group(query, boost);
    }
  }

  result<void> count(std::size_t words) {
    counted_ += words;
    if (counted_ > limits::text_query_clauses)
      return fail(errc::limit_exceeded, core::format("the text query has more than {} words",
                                                     limits::text_query_clauses));
    return {};
  }

  // The same leaf in each of the fields, as one part.
  part in_fields(std::span<const searched_field* const> fields, std::string_view term, bool prefix,
                 double boost) {
    plan_node either;
    for (const auto* field : fields) {
      plan_node leaf;
      leaf.is = plan_node::form::leaf;
      leaf.first_leaf = plan_.leaves.size();
      plan_.leaves.push_back({field->number, std::string(term), prefix, boost * field->weight});
      either.should.push_back(add(std::move(leaf)));
    }
    return either.should.size() == 1 ? either.should[0] : add(std::move(either));
  }

  // A word that the analyzer takes for several, like a phrase, is those one after the other.
  result<part> words(const text_query& query, double boost) {
    HEARTH_TRY(const auto fields, fields_of(query.field));
    token_list list;
    analyzer_.analyze(query.text, list);
    const auto tokens = list.tokens();
    if (tokens.empty())
      return part();
    HEARTH_CHECK(count(tokens.size()));
    if (tokens.size() == 1)
      return in_fields(fields, tokens[0].term, false, boost);
    plan_node either;
    for (const auto* field : fields) {
      plan_node phrase;
      phrase.is = plan_node::form::phrase;
      phrase.first_leaf = plan_.leaves.size();
      for (const auto& token : tokens) {
        phrase.offsets.push_back(token.position - tokens[0].position);
        plan_.leaves.push_back(
            {field->number, std::string(token.term), false, boost * field->weight});
      }
      either.should.push_back(add(std::move(phrase)));
    }
    return either.should.size() == 1 ? either.should[0] : add(std::move(either));
  }

  // A word that is there several times weighs as much more.
  result<part> any_word(const text_query& query, double boost) {
    HEARTH_TRY(const auto fields, fields_of(query.field));
    token_list list;
    analyzer_.analyze(query.text, list);
    std::vector<std::pair<std::string_view, double>> distinct;
    std::unordered_map<std::string_view, std::size_t> known;
    for (const auto& token : list.tokens()) {
      const auto [at, is_new] = known.try_emplace(token.term, distinct.size());
      if (!is_new)
        distinct[at->second].second += 1;
      else if (distinct.size() < limits::text_query_clauses)
        distinct.emplace_back(token.term, 1);
      else
        known.erase(at);
    }
    plan_node either;
    for (const auto& [term, times] : distinct)
      adopt(*in_fields(fields, term, false, boost * times), either);
    return either.should.empty() ? part() : add(std::move(either));
  }

  result<part> prefix(const text_query& query, double boost) {
    HEARTH_TRY(const auto fields, fields_of(query.field));
    const auto folded = analyzer_.fold(query.text);
    if (folded.empty())
      return part();
    if (folded.size() > 1)
      return fail(errc::invalid_argument,
                  core::format("the text query has the prefix \"{}*\", which is {} words",
                               printable(query.text), folded.size()),
                  "a prefix is the beginning of one word");
    HEARTH_CHECK(count(1));
    return in_fields(fields, folded[0], true, boost);
  }

  // Alternatives inside of alternatives are the same as one list of them.
  void adopt(std::size_t child, plan_node& into) {
    const auto& node = plan_.nodes[child];
    if (node.is == plan_node::form::group && node.must.empty() && node.must_not.empty())
      into.should.insert(into.should.end(), node.should.begin(), node.should.end());
    else
      into.should.push_back(child);
  }

  result<part> group(const text_query& query, double boost) {
    const bool all = query.kind == query_kind::all_of;
    plan_node node;
    for (const auto& child : query.children) {
      const bool excluded = child.kind == query_kind::excluded;
      const bool required = child.kind == query_kind::required;
      const bool wrapped = excluded || required;
      if (wrapped && child.children.size() != 1)
        return fail(errc::invalid_argument, "a text query has a modifier without its one operand");
      HEARTH_TRY(const auto made,
                 make(wrapped ? child.children[0] : child, wrapped ? boost * child.boost : boost));
      if (!made)
        continue;
      if (!positive(*made)) {
        // Nothing but exclusions: they hold for the group around them.
        const auto& passed = plan_.nodes[*made].must_not;
        if (!excluded)
          node.must_not.insert(node.must_not.end(), passed.begin(), passed.end());
      } else if (excluded) {
        node.must_not.push_back(*made);
      } else if (all || required) {
        node.must.push_back(*made);
      } else {
        adopt(*made, node);
      }
    }
    if (node.must.empty() && node.should.empty() && node.must_not.empty())
      return part();
    if (node.must.size() + node.should.size() == 1 && node.must_not.empty())
      return node.must.empty() ? node.should[0] : node.must[0];
    return add(std::move(node));
  }

  const analyzer& analyzer_;
  std::span<const searched_field> fields_;
  text_plan plan_;
  std::size_t counted_ = 0;
};

}  // namespace

result<text_plan> make_text_plan(const text_query& query, const analyzer& words,
                                 std::span<const searched_field> fields) {
  for (const auto& field : fields)
    if (!std::isfinite(field.weight) || field.weight < 0)
      return fail(
          errc::invalid_argument,
          core::format("the weight of field \"{}\" is {}; it must be a number of 0 or above",
                       printable(field.name), field.weight));
  return planner(words, fields).plan(query);
}

}  // namespace hearth::engine::text
