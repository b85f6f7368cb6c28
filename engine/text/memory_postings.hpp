#pragma once
// Postings in memory: what the terms of a prefix have together.
#include <vector>

#include "engine/text/posting_source.hpp"

namespace hearth::engine::text {

struct memory_posting {
  row_id row = 0;
  std::uint32_t frequency = 0;
  std::uint32_t length = 0;
};

/// Has no positions.
class memory_postings final : public posting_list {
 public:
  /// Rows rise; at least one.
  explicit memory_postings(std::vector<memory_posting> postings);

  [[nodiscard]] std::uint64_t documents() const override { return postings_.size(); }
  [[nodiscard]] const impact_frontier& frontier() const override { return frontier_; }
  [[nodiscard]] result<bool> seek(row_id row) override;
  [[nodiscard]] const posting_block_head& head() const override { return head_; }
  [[nodiscard]] result<void> decode(posting_block& out) override;
  [[nodiscard]] result<void> positions(const posting_block& block, position_block& out) override;

 private:
  [[nodiscard]] std::span<const memory_posting> block() const noexcept;

  std::vector<memory_posting> postings_;
  impact_frontier frontier_;
  posting_block_head head_;
  std::size_t at_ = 0;  // where the current block begins
};

/// The rows that have any of `terms`, with their frequencies added up; null if there are none.
[[nodiscard]] result<std::unique_ptr<posting_list>>
unite_postings(posting_source& source, std::uint32_t field, std::span<const std::string> terms);

}  // namespace hearth::engine::text
