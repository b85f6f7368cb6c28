#include "engine/text/plan_matcher.hpp"

#include <algorithm>
#include <map>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "engine/text/memory_postings.hpp"

namespace hearth::engine::text {

result<std::unique_ptr<posting_list>> plan_matcher::open_leaf(posting_source& source,
                                                              const plan_leaf& leaf) {
  if (!leaf.prefix)
    return source.open(leaf.field, leaf.term);
  HEARTH_TRY(const auto terms, source.terms(leaf.field, leaf.term, limits::text_prefix_terms + 1));
  if (terms.size() > limits::text_prefix_terms)
    return fail(errc::limit_exceeded,
                core::format("the prefix \"{}*\" stands for more than {} terms",
                             printable(leaf.term), limits::text_prefix_terms),
                "ask for a longer prefix");
  if (terms.size() == 1)
    return source.open(leaf.field, terms[0]);
  return unite_postings(source, leaf.field, terms);
}

result<void> plan_matcher::open(posting_source& source) {
  std::map<std::uint32_t, text_statistics> fields;
  for (const auto& leaf : plan_.leaves) {
    auto known = fields.find(leaf.field);
    if (known == fields.end()) {
      HEARTH_TRY(const auto numbers, source.statistics(leaf.field));
      known = fields.emplace(leaf.field, numbers).first;
    }
    HEARTH_TRY(auto list, open_leaf(source, leaf));
    term_scorer scorer;
    if (list != nullptr) {
      if (list->documents() == 0 || list->documents() > known->second.documents ||
          known->second.total_length == 0)
        return fail(errc::corruption,
                    core::format("the full-text index of field {} says that {} of its {} texts "
                                 "have \"{}\"",
                                 leaf.field, list->documents(), known->second.documents,
                                 printable(leaf.term)),
                    "rebuild the full-text index");
      scorer = term_scorer(known->second, list->documents(), leaf.weight);
    }
    leaves_.emplace_back(std::move(list), scorer, state_);
  }
  return {};
}

bool plan_matcher::matches(std::size_t number, row_id row, double& score) {
  const auto& node = plan_.nodes[number];
  switch (node.is) {
  case plan_node::form::leaf: {
    auto& leaf = leaves_[node.first_leaf];
    if (leaf.advance(row) != row)
      return false;
    score += leaf.score();
    return true;
  }
  case plan_node::form::phrase:
    return matches_phrase(node, row, score);
  default:
    return matches_group(node, row, score);
  }
}

bool plan_matcher::matches_phrase(const plan_node& node, row_id row, double& score) {
  const auto words = node.offsets.size();
  std::size_t rarest = 0;
  for (std::size_t i = 0; i < words; ++i) {
    if (leaves_[node.first_leaf + i].advance(row) != row)
      return false;
    if (leaves_[node.first_leaf + i].documents() < leaves_[node.first_leaf + rarest].documents())
      rarest = i;
  }
  const auto follows = [&](std::uint64_t begin) {
    for (std::size_t i = 0; i < words; ++i)
      if (i != rarest && !std::ranges::binary_search(leaves_[node.first_leaf + i].positions(),
                                                     begin + node.offsets[i]))
        return false;
    return true;
  };
  const auto offset = node.offsets[rarest];
  for (const auto position : leaves_[node.first_leaf + rarest].positions())
    if (position >= offset && follows(std::uint64_t{position} - offset)) {
      for (std::size_t i = 0; i < words; ++i)
        score += leaves_[node.first_leaf + i].score();
      return true;
    }
  return false;
}

bool plan_matcher::matches_group(const plan_node& node, row_id row, double& score) {
  const auto before = score;
  const auto refused = [&] {
    score = before;
    return false;
  };
  for (const auto child : node.must)
    if (!matches(child, row, score))
      return refused();
  for (const auto child : node.must_not) {
    double ignored = 0;
    if (matches(child, row, ignored))
      return refused();
  }
  bool any = !node.must.empty();
  for (const auto child : node.should)
    any |= matches(child, row, score);
  return any || refused();
}

plan_matcher::covering plan_matcher::cover(std::size_t number) const {
  const auto& node = plan_.nodes[number];
  const auto of_leaf = [this](std::size_t leaf) -> covering {
    const auto rows = leaves_[leaf].documents();
    return rows == 0 ? covering() : covering{rows, {leaf}};
  };
  covering best;
  if (node.is == plan_node::form::leaf)
    return of_leaf(node.first_leaf);
  if (node.is == plan_node::form::phrase || !node.must.empty()) {
    const bool phrase = node.is == plan_node::form::phrase;
    const auto parts = phrase ? node.offsets.size() : node.must.size();
    for (std::size_t i = 0; i < parts; ++i) {
      auto found = phrase ? of_leaf(node.first_leaf + i) : cover(node.must[i]);
      if (i == 0 || found.rows < best.rows)
        best = std::move(found);
    }
    return best;
  }
  for (const auto child : node.should) {
    const auto found = cover(child);
    best.rows += found.rows;
    best.leaves.insert(best.leaves.end(), found.leaves.begin(), found.leaves.end());
  }
  return best;
}

void plan_matcher::collect_scored(std::size_t number, std::vector<std::size_t>& out) const {
  const auto& node = plan_.nodes[number];
  if (node.is != plan_node::form::group) {
    const auto words = node.is == plan_node::form::leaf ? 1 : node.offsets.size();
    for (std::size_t i = 0; i < words; ++i)
      if (leaves_[node.first_leaf + i].documents() > 0)
        out.push_back(node.first_leaf + i);
    return;
  }
  for (const auto child : node.must)
    collect_scored(child, out);
  for (const auto child : node.should)
    collect_scored(child, out);
}

std::vector<std::size_t> plan_matcher::scored_leaves() const {
  std::vector<std::size_t> leaves;
  collect_scored(*plan_.root, leaves);
  return leaves;
}

std::uint64_t plan_matcher::postings() const {
  std::uint64_t sum = 0;
  for (const auto& leaf : leaves_)
    sum += leaf.documents();
  return sum;
}

}  // namespace hearth::engine::text
