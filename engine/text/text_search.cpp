#include "engine/text/text_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/text/plan_matcher.hpp"

namespace hearth::engine::text {

namespace {

// Sums of bounds are rounded, and in another order than scores are.
constexpr double slack = 1 + 1e-9;

constexpr std::size_t least_dense_lists = 3;
constexpr double least_density = 1.0 / 16;  // postings per row
constexpr row_id dense_rows = 4096;

bool better(const scored_row& a, const scored_row& b) noexcept {
  return a.score > b.score || (a.score == b.score && a.row < b.row);
}

// The best k rows. They come in rising order, so one that only equals the worst is too late.
class best_rows {
 public:
  explicit best_rows(const text_search_options& options) : k_(options.k) {
    if (options.min_score)
      threshold_ = std::nextafter(*options.min_score, -std::numeric_limits<double>::infinity());
  }

  // What a row must be above.
  [[nodiscard]] double threshold() const noexcept { return threshold_; }

  void offer(const scored_row& candidate) {
    if (!(candidate.score > threshold_))
      return;
    if (heap_.size() == k_) {
      std::ranges::pop_heap(heap_, better);
      heap_.back() = candidate;
    } else {
      heap_.push_back(candidate);
    }
    std::ranges::push_heap(heap_, better);
    if (heap_.size() == k_)
      threshold_ = heap_.front().score;
  }

  [[nodiscard]] std::vector<scored_row> take() {
    std::ranges::sort(heap_, better);
    return std::move(heap_);
  }

 private:
  std::size_t k_;
  double threshold_ = -std::numeric_limits<double>::infinity();
  std::vector<scored_row> heap_;  // the worst in front
};

// Candidates come from the lists of a cover. Those whose bounds together do not reach the threshold
// are not essential: a row that is only in them cannot count. They are looked at for rows of the
// essential ones alone.
class ranking {
 public:
  ranking(plan_matcher& matcher, const text_search_options& options)
      : matcher_(matcher), options_(options), best_(options) {
    auto cover = matcher.cover();
    std::ranges::sort(cover, {}, [&](std::size_t leaf) { return matcher.leaf(leaf).bound(); });
    auto others = matcher.scored_leaves();
    std::erase_if(others,
                  [&](std::size_t leaf) { return std::ranges::find(cover, leaf) != cover.end(); });
    std::ranges::sort(others, {}, [&](std::size_t leaf) { return matcher.leaf(leaf).bound(); });
    first_ = others.size();
    for (const auto leaf : others)
      leaves_.push_back(&matcher.leaf(leaf));
    for (const auto leaf : cover)
      leaves_.push_back(&matcher.leaf(leaf));
    double sum = 0;
    below_.push_back(sum);
    for (const auto* leaf : leaves_)
      below_.push_back(sum += leaf->bound());
  }

  text_search_result run() {
    row_id from = 0;
    while (!matcher_.state().failure && drop_what_cannot_count()) {
      auto end = open_window(from);
      if (end == no_row && from_ == no_row)
        break;
      if (!hopeless(window_bound_)) {
        if (first_ + 1 == leaves_.size()) {
          scan_one(end);
        } else if (is_dense()) {
          end = std::min(end, from_ + (dense_rows - 1));
          scan_dense(end);
        } else {
          scan(end);
        }
      }
      if (end == no_row)
        break;
      from = end + 1;
    }
    text_search_result found;
    found.hits = best_.take();
    found.work.rows_scored = rows_scored_;
    return found;
  }

 private:
  [[nodiscard]] bool hopeless(double bound) const noexcept {
    return bound * slack <= best_.threshold();
  }

  // Moves the border as the threshold rises; false if no row can count any more.
  bool drop_what_cannot_count() {
    while (first_ < leaves_.size() && hopeless(below_[first_ + 1]))
      ++first_;
    return first_ < leaves_.size();
  }

  // Up to the answer the essential lists stay in their current blocks.
  row_id open_window(row_id from) {
    row_id end = no_row;
    from_ = no_row;
    for (auto i = first_; i < leaves_.size(); ++i) {
      const auto block = leaves_[i]->seek_block(from);
      from_ = std::min(from_, std::max(from, block));
      end = std::min(end, leaves_[i]->block_last());
    }
    window_bound_ = below_[first_];
    for (auto i = first_; i < leaves_.size(); ++i)
      if (leaves_[i]->block_first() <= end)
        window_bound_ += leaves_[i]->block_bound();
    return end;
  }

  void scan(row_id end) {
    row_id row = no_row;
    for (auto i = first_; i < leaves_.size(); ++i)
      row = std::min(row, leaves_[i]->advance(from_));
    while (row <= end && row != no_row) {
      double partial = 0;
      row_id next = no_row;
      for (auto i = first_; i < leaves_.size(); ++i) {
        if (leaves_[i]->row() == row)
          partial += leaves_[i]->score();
      }
      consider(row, partial);
      for (auto i = first_; i < leaves_.size(); ++i)
        next = std::min(next, leaves_[i]->row() == row ? leaves_[i]->next() : leaves_[i]->row());
      row = next;
    }
  }

  // Many lists with most of the rows: adding up each list on its own is faster than finding the
  // next row of all of them again and again.
  [[nodiscard]] bool is_dense() const {
    if (leaves_.size() - first_ < least_dense_lists)
      return false;
    double density = 0;
    for (auto i = first_; i < leaves_.size(); ++i)
      density += leaves_[i]->block_density();
    return density > least_density;
  }

  void scan_dense(row_id end) {
    sums_.assign(static_cast<std::size_t>(end - from_) + 1, -1);  // below 0: not there
    for (auto i = first_; i < leaves_.size(); ++i) {
      auto& leaf = *leaves_[i];
      if (leaf.advance(from_) > end)
        continue;
      const auto [rows, scores] = leaf.scores_of_block();
      for (std::size_t at = 0; at < rows.size() && rows[at] <= end; ++at) {
        auto& sum = sums_[rows[at] - from_];
        sum = std::max(sum, 0.0) + scores[at];
      }
    }
    for (std::size_t i = 0; i < sums_.size(); ++i)
      if (sums_[i] >= 0)
        consider(from_ + i, sums_[i]);
  }

  void scan_one(row_id end) {
    auto& leaf = *leaves_[first_];
    leaf.advance(from_);
    const auto [rows, scores] = leaf.scores_of_block();
    for (std::size_t i = 0; i < rows.size() && rows[i] <= end; ++i) {
      if (hopeless(scores[i] + below_[first_]))
        continue;
      leaf.advance(rows[i]);
      consider(rows[i], scores[i]);
    }
  }

  // `partial`: what the essential lists give.
  void consider(row_id row, double partial) {
    if (hopeless(partial + below_[first_]) || (options_.accepts && !options_.accepts(row)))
      return;
    ++rows_scored_;
    for (auto i = first_; i-- > 0;) {
      auto& leaf = *leaves_[i];
      const auto block = leaf.seek_block(row);
      const auto bound = block <= row ? leaf.block_bound() : 0;
      if (hopeless(partial + bound + below_[i]))
        return;
      if (block <= row && leaf.advance(row) == row)
        partial += leaf.score();
    }
    double score = 0;
    if (!hopeless(partial) && matcher_.matches(row, score))
      best_.offer({row, score});
  }

  plan_matcher& matcher_;
  const text_search_options& options_;
  best_rows best_;
  std::vector<leaf_cursor*> leaves_;  // what only adds to scores, then the cover, by bound
  std::vector<double> below_;         // sums of the bounds of the first so many
  std::size_t first_ = 0;             // of the essential ones
  row_id from_ = 0;
  double window_bound_ = 0;
  std::vector<double> sums_;  // of the rows from from_ on
  std::uint64_t rows_scored_ = 0;
};

}  // namespace

result<text_search_result> search_text(const text_plan& plan, posting_source& source,
                                       const text_search_options& options) {
  if (!plan.root || options.k == 0)
    return text_search_result();
  plan_matcher matcher(plan);
  HEARTH_CHECK(matcher.open(source));
  auto found = ranking(matcher, options).run();
  if (matcher.state().failure)
    return std::unexpected(*std::move(matcher.state().failure));
  found.work.postings = matcher.postings();
  found.work.blocks_read = matcher.state().blocks_read;
  found.work.blocks_decoded = matcher.state().blocks_decoded;
  return found;
}

result<std::vector<double>> score_rows(const text_plan& plan, posting_source& source,
                                       std::span<const row_id> rows) {
  std::vector<double> scores(rows.size());
  if (!plan.root || rows.empty())
    return scores;
  plan_matcher matcher(plan);
  HEARTH_CHECK(matcher.open(source));
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t at) { return rows[at]; });
  for (const auto at : order) {
    double score = 0;
    if (rows[at] != no_row && matcher.matches(rows[at], score))
      scores[at] = score;
  }
  if (matcher.state().failure)
    return std::unexpected(*std::move(matcher.state().failure));
  return scores;
}

}  // namespace hearth::engine::text
