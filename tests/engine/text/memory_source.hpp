#pragma once
// A small corpus in memory, as a source of postings and as what BM25 is computed from plainly.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/text/posting_source.hpp"

namespace hearth::engine::text::test {

/// Texts by field and row; a text is its words in order.
using corpus = std::map<std::uint32_t, std::map<row_id, std::vector<std::string>>>;

struct corpus_posting {
  row_id row = 0;
  std::uint32_t length = 0;
  std::vector<std::uint32_t> positions;
};

class corpus_list final : public posting_list {
 public:
  corpus_list(const std::vector<corpus_posting>& postings, std::size_t block_rows)
      : postings_(postings), block_rows_(block_rows) {
    frontier_ = frontier_of(0, postings.size(), term_impacts);
  }
  [[nodiscard]] std::uint64_t documents() const override { return postings_.size(); }
  [[nodiscard]] const impact_frontier& frontier() const override { return frontier_; }
  [[nodiscard]] result<bool> seek(row_id row) override {
    while (begin_ < postings_.size() && postings_[end() - 1].row < row)
      begin_ = end();
    if (begin_ == postings_.size())
      return false;
    head_ = {postings_[begin_].row, postings_[end() - 1].row, end() - begin_,
             frontier_of(begin_, end(), block_impacts)};
    return true;
  }
  [[nodiscard]] const posting_block_head& head() const override { return head_; }
  [[nodiscard]] result<void> decode(posting_block& out) override {
    out.count = end() - begin_;
    for (std::size_t i = 0; i < out.count; ++i) {
      out.rows[i] = postings_[begin_ + i].row;
      out.lengths[i] = postings_[begin_ + i].length;
      out.frequencies[i] = static_cast<std::uint32_t>(postings_[begin_ + i].positions.size());
    }
    return {};
  }
  [[nodiscard]] result<void> positions(const posting_block&, position_block& out) override {
    out = {};
    for (auto i = begin_; i < end(); ++i) {
      out.positions.insert(out.positions.end(), postings_[i].positions.begin(),
                           postings_[i].positions.end());
      out.ends.push_back(out.positions.size());
    }
    return {};
  }

 private:
  [[nodiscard]] std::size_t end() const { return std::min(postings_.size(), begin_ + block_rows_); }
  [[nodiscard]] impact_frontier frontier_of(std::size_t begin, std::size_t end,
                                            std::size_t limit) const {
    frontier_builder impacts;
    for (auto i = begin; i < end; ++i)
      impacts.add({static_cast<std::uint32_t>(postings_[i].positions.size()), postings_[i].length});
    return impacts.build(limit);
  }

  const std::vector<corpus_posting>& postings_;
  std::size_t block_rows_;
  std::size_t begin_ = 0;
  posting_block_head head_;
  impact_frontier frontier_;
};

class memory_source final : public posting_source {
 public:
  memory_source(const corpus& texts, std::size_t block_rows) : block_rows_(block_rows) {
    for (const auto& [field, rows] : texts)
      for (const auto& [row, words] : rows) {
        if (words.empty())
          continue;
        statistics_[field].documents += 1;
        statistics_[field].total_length += words.size();
        for (std::uint32_t i = 0; i < words.size(); ++i) {
          auto& postings = terms_[{field, words[i]}];
          if (postings.empty() || postings.back().row != row)
            postings.push_back({row, static_cast<std::uint32_t>(words.size()), {}});
          postings.back().positions.push_back(i);
        }
      }
  }
  [[nodiscard]] result<text_statistics> statistics(std::uint32_t field) override {
    return statistics_[field];
  }
  [[nodiscard]] result<std::unique_ptr<posting_list>> open(std::uint32_t field,
                                                           std::string_view term) override {
    const auto found = terms_.find({field, std::string(term)});
    if (found == terms_.end())
      return nullptr;
    return std::make_unique<corpus_list>(found->second, block_rows_);
  }
  [[nodiscard]] result<std::vector<std::string>> terms(std::uint32_t field, std::string_view prefix,
                                                       std::size_t limit) override {
    std::vector<std::string> found;
    for (auto at = terms_.lower_bound({field, std::string(prefix)});
         at != terms_.end() && at->first.first == field && at->first.second.starts_with(prefix) &&
         found.size() < limit;
         ++at)
      found.push_back(at->first.second);
    return found;
  }

 private:
  std::size_t block_rows_;
  std::map<std::uint32_t, text_statistics> statistics_;
  std::map<std::pair<std::uint32_t, std::string>, std::vector<corpus_posting>> terms_;
};

/// Rows with gaps; some without a text in a field. Words "w0", "w1", …: the first are everywhere.
inline corpus random_corpus(std::mt19937_64& random, std::size_t rows, std::size_t fields) {
  corpus texts;
  row_id row = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    row += 1 + (random() % 4 == 0 ? random() % 50 : 0);
    for (std::uint32_t field = 0; field < fields; ++field) {
      if (random() % 5 == 0)
        continue;
      auto& words = texts[field][row];
      for (auto left = random() % (field == 0 ? 8 : 30); left > 0; --left)
        words.push_back("w" + std::to_string(random() % (1ULL << (1 + random() % 7))));
    }
  }
  return texts;
}

}  // namespace hearth::engine::text::test
