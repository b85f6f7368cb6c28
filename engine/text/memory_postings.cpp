#include "engine/text/memory_postings.hpp"

#include <algorithm>

namespace hearth::engine::text {

namespace {

// Postings that wait to be united with the others: bounds memory by the rows, not the postings.
constexpr std::size_t waiting_postings = std::size_t{1} << 20;

impact_frontier frontier_of(std::span<const memory_posting> postings, std::size_t limit) {
  frontier_builder impacts;
  for (const auto& each : postings)
    impacts.add({each.frequency, each.length});
  return impacts.build(limit);
}

std::uint32_t sum(std::uint32_t a, std::uint32_t b) noexcept {
  return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

// Sorts what is behind `sorted` in, and makes one of those with the same row.
void unite(std::vector<memory_posting>& postings, std::size_t sorted) {
  const auto middle = postings.begin() + static_cast<std::ptrdiff_t>(sorted);
  std::ranges::sort(middle, postings.end(), {}, &memory_posting::row);
  std::ranges::inplace_merge(postings, middle, {}, &memory_posting::row);
  std::size_t kept = 0;
  for (const auto& each : postings) {
    if (kept > 0 && postings[kept - 1].row == each.row)
      postings[kept - 1].frequency = sum(postings[kept - 1].frequency, each.frequency);
    else
      postings[kept++] = each;
  }
  postings.resize(kept);
}

}  // namespace

memory_postings::memory_postings(std::vector<memory_posting> postings)
    : postings_(std::move(postings)), frontier_(frontier_of(postings_, term_impacts)) {}

std::span<const memory_posting> memory_postings::block() const noexcept {
  const auto rest = std::span(postings_).subspan(at_);
  return rest.first(std::min(rest.size(), posting_block_rows));
}

result<bool> memory_postings::seek(row_id row) {
  if (head_.count > 0 && at_ < postings_.size() && head_.last >= row)
    return true;
  const auto found =
      std::lower_bound(postings_.begin() + static_cast<std::ptrdiff_t>(at_), postings_.end(), row,
                       [](const memory_posting& each, row_id wanted) { return each.row < wanted; });
  const auto index = static_cast<std::size_t>(found - postings_.begin());
  at_ = index == postings_.size() ? index : index / posting_block_rows * posting_block_rows;
  if (at_ == postings_.size())
    return false;
  const auto rows = block();
  head_ = {rows.front().row, rows.back().row, rows.size(), frontier_of(rows, block_impacts)};
  return true;
}

result<void> memory_postings::decode(posting_block& out) {
  const auto from = block();
  out.count = from.size();
  for (std::size_t i = 0; i < from.size(); ++i) {
    out.rows[i] = from[i].row;
    out.frequencies[i] = from[i].frequency;
    out.lengths[i] = from[i].length;
  }
  return {};
}

result<void> memory_postings::positions(const posting_block&, position_block&) {
  return fail(errc::internal, "a prefix has no positions");
}

result<std::unique_ptr<posting_list>> unite_postings(posting_source& source, std::uint32_t field,
                                                     std::span<const std::string> terms) {
  std::vector<memory_posting> postings;
  std::size_t united = 0;
  posting_block block;
  for (const auto& term : terms) {
    HEARTH_TRY(const auto list, source.open(field, term));
    if (list == nullptr)
      continue;
    for (row_id from = 0;;) {
      HEARTH_TRY(const bool found, list->seek(from));
      if (!found)
        break;
      HEARTH_CHECK(list->decode(block));
      for (std::size_t i = 0; i < block.count; ++i)
        postings.push_back({block.rows[i], block.frequencies[i], block.lengths[i]});
      if (block.rows[block.count - 1] == UINT64_MAX)
        break;
      from = block.rows[block.count - 1] + 1;
    }
    if (postings.size() - united > waiting_postings) {
      unite(postings, united);
      united = postings.size();
    }
  }
  unite(postings, united);
  if (postings.empty())
    return nullptr;
  return std::make_unique<memory_postings>(std::move(postings));
}

}  // namespace hearth::engine::text
