#pragma once
// A plan with its postings open: says for row after row whether it matches. Internal to
// engine/text.
#include <deque>
#include <vector>

#include "engine/text/leaf_cursor.hpp"
#include "engine/text/text_plan.hpp"

namespace hearth::engine::text {

/// One search, one thread. Rows rise from call to call.
class plan_matcher {
 public:
  explicit plan_matcher(const text_plan& plan) : plan_(plan) {}
  plan_matcher(const plan_matcher&) = delete;
  plan_matcher& operator=(const plan_matcher&) = delete;

  /// Opens every term. limit_exceeded for a prefix with too many.
  [[nodiscard]] result<void> open(posting_source& source);

  /// Whether `row` matches; if so its score is added to `score`. Precondition: the plan has a root.
  [[nodiscard]] bool matches(row_id row, double& score) { return matches(*plan_.root, row, score); }

  /// Every row that matches is in one of these lists: the cheapest such choice.
  [[nodiscard]] std::vector<std::size_t> cover() const { return cover(*plan_.root).leaves; }
  /// The leaves that scores are sums of.
  [[nodiscard]] std::vector<std::size_t> scored_leaves() const;

  [[nodiscard]] leaf_cursor& leaf(std::size_t number) noexcept { return leaves_[number]; }
  [[nodiscard]] search_state& state() noexcept { return state_; }
  [[nodiscard]] std::uint64_t postings() const;

 private:
  struct covering {
    std::uint64_t rows = 0;  // to look at
    std::vector<std::size_t> leaves;
  };

  [[nodiscard]] result<std::unique_ptr<posting_list>> open_leaf(posting_source& source,
                                                                const plan_leaf& leaf);
  [[nodiscard]] bool matches(std::size_t node, row_id row, double& score);
  [[nodiscard]] bool matches_phrase(const plan_node& node, row_id row, double& score);
  [[nodiscard]] bool matches_group(const plan_node& node, row_id row, double& score);
  [[nodiscard]] covering cover(std::size_t node) const;
  void collect_scored(std::size_t node, std::vector<std::size_t>& out) const;

  const text_plan& plan_;
  search_state state_;
  std::deque<leaf_cursor> leaves_;
};

}  // namespace hearth::engine::text
