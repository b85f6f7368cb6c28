#include "engine/index/exact_engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/index/exact_scan.hpp"
#include "engine/index/nearest_hits.hpp"

namespace hearth::engine::index {
namespace {

// Queries that are compared with a block of rows while that is in the cache. Their packed codes
// stay in L2 at usual dimensions.
constexpr std::size_t batch_queries = 256;
// Fewer are compared one by one: a group of 16 costs about as much as this many alone.
constexpr std::size_t least_group = 5;
// With more of the rows than this in the answer, codes would leave out too few vectors to pay.
constexpr std::size_t rows_per_hit = 8;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// The working memory of a thread. Per query of the batch, where nothing else is said.
struct exact_scratch {
  std::vector<scalar_codes::prepared_query> prepared;  // for the full codes
  std::vector<scalar_codes::prepared_query> reduced;   // for the reduced ones, where there are some
  std::vector<nearest_hits<float>> nearest;
  std::vector<bool> given_up;  // scan_exact has to answer
  std::vector<scalar_codes::block_test> tests;
  std::vector<float> scales;
  std::vector<float> limits;  // of the current block
  aligned_row packed;
  aligned_row gathered;  // block_rows rows
  std::vector<code_hit> hits;

  static exact_scratch& of_this_thread() {
    thread_local exact_scratch mine;
    return mine;
  }
};

// Rows that are compared together, wherever they lie.
struct row_block {
  std::size_t count = 0;
  std::array<slot_id, block_rows> slots{};
  std::array<row_id, block_rows> ids{};
};

class batch_search {
 public:
  batch_search(const exact_view& view, matrix_view queries, std::size_t k)
      : view_(view), full_(view.codes.codes()),
        codes_(view.reduced != nullptr ? view.reduced->codes().codes() : full_), queries_(queries),
        k_(k), scratch_(exact_scratch::of_this_thread()) {
    prepare();
  }

  std::vector<std::vector<neighbor>> run();

 private:
  void prepare();
  void pack(std::size_t query);
  void scan_rows();
  void compare(const row_block& block, const std::byte* codes);
  void compare_groups(const row_block& block, const code_block& what);
  void compare_alone(const row_block& block, const code_block& what);
  void check(std::size_t query, slot_id slot, row_id row);
  void tighten(std::size_t query) noexcept;
  void give_up(std::size_t query) noexcept;
  // In the codes that blocks are compared by.
  [[nodiscard]] const std::byte* row_at(slot_id slot) const noexcept {
    return view_.reduced != nullptr ? view_.reduced->at(slot) : view_.codes.at(slot);
  }
  [[nodiscard]] const scalar_codes::prepared_query& query_at(std::size_t query) const noexcept {
    return view_.reduced != nullptr ? scratch_.reduced[query] : scratch_.prepared[query];
  }
  [[nodiscard]] query_distance distance_from(std::size_t query) const noexcept {
    return {view_.vectors, queries_.row(query).data()};
  }

  const exact_view& view_;
  const scalar_codes& full_;
  const scalar_codes& codes_;  // that blocks are compared by
  const matrix_view queries_;
  const std::size_t k_;
  exact_scratch& scratch_;
  std::size_t groups_ = 0;  // 0: queries are compared one by one
};

void batch_search::prepare() {
  const std::size_t count = queries_.rows();
  groups_ = count < least_group ? 0 : (count + group_queries - 1) / group_queries;
  const std::size_t padded = std::max(count, groups_ * group_queries);
  const auto at_least = [](auto& values, std::size_t size) {
    if (values.size() < size)
      values.resize(size);
  };
  at_least(scratch_.prepared, count);
  at_least(scratch_.reduced, count);
  at_least(scratch_.nearest, count);
  scratch_.given_up.assign(count, false);
  scratch_.tests.assign(padded, {0, nan, 0, 0});
  scratch_.scales.assign(padded, 0);
  scratch_.limits.resize(padded);
  at_least(scratch_.hits, groups_ * group_queries * block_rows);
  const std::size_t packed_bytes = groups_ * group_queries * codes_.row_bytes();
  if (packed_bytes > 0)
    std::memset(scratch_.packed.of(packed_bytes), 0, packed_bytes);
  for (std::size_t query = 0; query < count; ++query) {
    const float* values = queries_.row(query).data();
    scratch_.nearest[query].start(k_);
    if (full_.prepare(values, scratch_.prepared[query]) &&
        (view_.reduced == nullptr ||
         view_.reduced->codes().prepare(values, scratch_.reduced[query]))) {
      if (groups_ > 0)
        pack(query);
      tighten(query);
    } else {
      give_up(query);
    }
  }
}

// As code_block::queries says.
void batch_search::pack(std::size_t query) {
  const std::size_t row_bytes = codes_.row_bytes();
  std::byte* to = scratch_.packed.of(groups_ * group_queries * row_bytes) +
                  query / group_queries * group_queries * row_bytes + query % group_queries * 4;
  const std::byte* from = query_at(query).high;
  for (std::size_t at = 0; at < row_bytes; at += 4)
    std::memcpy(to + at * group_queries, from + at, 4);
}

// After the query's k-th nearest changed.
void batch_search::tighten(std::size_t query) noexcept {
  auto& test = scratch_.tests[query];
  test = codes_.test(query_at(query), scratch_.nearest[query].limit());
  scratch_.scales[query] = test.scale;
}

void batch_search::give_up(std::size_t query) noexcept {
  scratch_.given_up[query] = true;
  scratch_.tests[query].fixed = nan;  // meets no row any more
}

// Blocks whose rows are all visible are compared where they lie; the rows of others are gathered
// first, so that the bytes of a hidden one, which the writer may be changing, are never read.
void batch_search::scan_rows() {
  const std::size_t row_bytes = codes_.row_bytes();
  std::byte* const gathered = scratch_.gathered.of(block_rows * row_bytes);
  row_block rest;
  for (slot_id first = 0; first < view_.bound; first += block_rows) {
    const std::size_t slots = std::min<std::size_t>(block_rows, view_.bound - first);
    row_block block;
    for (std::size_t i = 0; i < slots; ++i) {
      const slot_id slot = first + static_cast<slot_id>(i);
      if (const auto row = view_.rows.row_at(slot)) {
        block.slots[block.count] = slot;
        block.ids[block.count++] = *row;
      }
    }
    if (block.count == block_rows) {
      compare(block, row_at(first));
      continue;
    }
    for (std::size_t i = 0; i < block.count; ++i) {
      std::memcpy(gathered + rest.count * row_bytes, row_at(block.slots[i]), row_bytes);
      rest.slots[rest.count] = block.slots[i];
      rest.ids[rest.count++] = block.ids[i];
      if (rest.count == block_rows) {
        compare(rest, gathered);
        rest.count = 0;
      }
    }
  }
  if (rest.count > 0)
    compare(rest, gathered);
}

// One limit per query and block: that of the row with the greatest errors.
void batch_search::compare(const row_block& block, const std::byte* codes) {
  std::array<float, block_rows> terms;
  terms.fill(nan);
  float error = 0;
  float spread = 0;
  for (std::size_t row = 0; row < block.count; ++row) {
    const auto& header = scalar_codes::header_of(codes + row * codes_.row_bytes());
    terms[row] = codes_.row_term(header);
    error = std::max(error, header.error);
    spread = std::max(spread, header.spread);
  }
  for (std::size_t query = 0; query < scratch_.tests.size(); ++query) {
    const auto& test = scratch_.tests[query];
    scratch_.limits[query] = test.fixed + test.per_error * error + test.per_spread * spread;
  }
  const code_block what{
      codes,   codes_.row_bytes(), codes_.first_byte(),    codes_.end_byte(),     nullptr,
      groups_, terms.data(),       scratch_.scales.data(), scratch_.limits.data()};
  if (groups_ > 0)
    compare_groups(block, what);
  else
    compare_alone(block, what);
}

void batch_search::compare_groups(const row_block& block, const code_block& what) {
  auto packed = what;
  packed.queries = scratch_.packed.of(groups_ * group_queries * codes_.row_bytes());
  const std::size_t count = view_.vectors.kernel().code_hits(packed, scratch_.hits.data());
  for (std::size_t i = 0; i < count; ++i) {
    const auto [row, query] = scratch_.hits[i];
    check(query, block.slots[row], block.ids[row]);
  }
}

void batch_search::compare_alone(const row_block& block, const code_block& what) {
  std::array<std::int32_t, block_rows> sums;
  for (std::size_t query = 0; query < queries_.rows(); ++query) {
    if (scratch_.given_up[query])
      continue;
    view_.vectors.kernel().code_block_sums(what.rows, what.row_bytes, query_at(query).high,
                                           sums.data());
    const float scale = what.scales[query];
    for (std::size_t row = 0; row < block.count; ++row)
      if (what.row_terms[row] + scale * static_cast<float>(sums[row]) <= what.limits[query])
        check(query, block.slots[row], block.ids[row]);
  }
}

void batch_search::check(std::size_t query, slot_id slot, row_id row) {
  auto& nearest = scratch_.nearest[query];
  if (scratch_.given_up[query] ||
      full_.distance(scratch_.prepared[query], view_.codes.at(slot)).lowest() > nearest.limit())
    return;
  const float distance = distance_from(query)(slot);
  if (!std::isfinite(distance))
    give_up(query);
  else if (nearest.offer({distance, row}) && nearest.full())
    tighten(query);
}

std::vector<std::vector<neighbor>> batch_search::run() {
  scan_rows();
  std::vector<std::vector<neighbor>> found;
  found.reserve(queries_.rows());
  for (std::size_t query = 0; query < queries_.rows(); ++query) {
    const auto distance = distance_from(query);
    if (scratch_.given_up[query])
      found.push_back(scan_exact(view_.rows, distance, k_));
    else
      found.push_back(
          reported(scratch_.nearest[query], [&](float value) { return distance.reported(value); }));
  }
  return found;
}

}  // namespace

std::vector<std::vector<neighbor>> search_exact(const exact_view& view, matrix_view queries,
                                                std::size_t k) {
  std::vector<std::vector<neighbor>> found;
  found.reserve(queries.rows());
  if (k == 0 || k > view.rows.size() / rows_per_hit) {
    for (std::size_t query = 0; query < queries.rows(); ++query)
      found.push_back(
          scan_exact(view.rows, query_distance(view.vectors, queries.row(query).data()), k));
    return found;
  }
  for (std::size_t first = 0; first < queries.rows(); first += batch_queries) {
    const std::size_t count = std::min(batch_queries, queries.rows() - first);
    auto part =
        batch_search(view, {queries.row(first).data(), count, queries.dimension()}, k).run();
    std::ranges::move(part, std::back_inserter(found));
  }
  return found;
}

}  // namespace hearth::engine::index
