#include "engine/index/exact_engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "engine/index/exact_scan.hpp"
#include "engine/index/nearest_hits.hpp"

namespace hearth::engine::index {
namespace {

// Queries that are compared with a block of rows while that is in the cache. Their packed codes
// stay in L2 at usual dimensions.
constexpr std::size_t batch_queries = 256;
// Fewer are compared one by one: a group of 16 costs about as much as this many alone.
constexpr std::size_t least_group = 5;
constexpr std::size_t crowd = 64;
// With more of the rows than this in the answer, codes would leave out too few vectors to pay.
constexpr std::size_t rows_per_hit = 8;

// Rows of a query that wait for a look at their vectors.
constexpr std::size_t most_open(std::size_t k) noexcept {
  return 128 + 2 * k;
}

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// A row that the codes leave open.
struct open_row {
  float lowest;  // its distance may be
  slot_id slot;
  row_id row;
};

// The working memory of a thread. Per query of the batch, where nothing else is said.
struct exact_scratch {
  std::vector<scalar_codes::prepared_query> prepared;  // for the full codes
  std::vector<scalar_codes::prepared_query> reduced;   // for the reduced ones, where there are some
  std::vector<nearest_hits<float>> nearest;            // by distance
  std::vector<nearest_hits<float>> highest;            // by the highest that the distance may be
  std::vector<std::vector<open_row>> open;             // not looked at yet
  std::vector<bool> given_up;                          // scan_exact has to answer
  std::vector<float> scale;  // this and the next three: what the codes of blocks have to pass
  std::vector<float> fixed;
  std::vector<float> per_error;
  std::vector<float> per_spread;
  std::vector<scalar_codes::block_test> full_tests;
  aligned_row packed;
  aligned_row gathered;        // code_block_rows rows
  std::vector<code_hit> hits;  // of the current block

  static exact_scratch& of_this_thread() {
    thread_local exact_scratch mine;
    return mine;
  }
};

// Rows that are compared together, wherever they lie.
struct row_block {
  std::size_t count = 0;
  std::array<slot_id, code_block_rows> slots{};
  std::array<row_id, code_block_rows> ids{};
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
  void scan_chosen();
  void compare(const row_block& rows, const std::byte* codes);
  [[nodiscard]] std::size_t hits_alone(const code_block& block);
  [[nodiscard]] bool stays_open(std::size_t query, slot_id slot) const noexcept;
  void keep_open(std::size_t query, slot_id slot, row_id row);
  void look_at_vectors(std::size_t query);
  void tighten(std::size_t query) noexcept;
  // No row at a greater distance is among the nearest.
  [[nodiscard]] float limit_of(std::size_t query) const noexcept {
    return std::min(scratch_.nearest[query].limit(), scratch_.highest[query].limit());
  }
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
  at_least(scratch_.highest, count);
  at_least(scratch_.open, count);
  scratch_.given_up.assign(count, false);
  scratch_.scale.assign(padded, 0);
  scratch_.fixed.assign(padded, nan);  // meets no row
  scratch_.per_error.assign(padded, 0);
  scratch_.per_spread.assign(padded, 0);
  scratch_.full_tests.resize(count);
  at_least(scratch_.hits, padded * code_block_rows + 16);
  const std::size_t packed_bytes = groups_ * group_queries * codes_.row_bytes();
  if (packed_bytes > 0)
    std::memset(scratch_.packed.of(packed_bytes), 0, packed_bytes);
  for (std::size_t query = 0; query < count; ++query) {
    const float* values = queries_.row(query).data();
    scratch_.nearest[query].start(k_);
    scratch_.highest[query].start(k_);
    scratch_.open[query].clear();
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

// After the limit changed.
void batch_search::tighten(std::size_t query) noexcept {
  const float limit = limit_of(query);
  const auto test = codes_.test(query_at(query), limit);
  scratch_.scale[query] = test.scale;
  scratch_.fixed[query] = test.fixed;
  scratch_.per_error[query] = test.per_error;
  scratch_.per_spread[query] = test.per_spread;
  if (view_.reduced != nullptr)
    scratch_.full_tests[query] = full_.test(scratch_.prepared[query], limit);
}

void batch_search::give_up(std::size_t query) noexcept {
  scratch_.given_up[query] = true;
  scratch_.fixed[query] = nan;
}

// Blocks whose rows are all visible are compared where they lie; the rows of others are gathered
// first, so that the bytes of a hidden one, which the writer may be changing, are never read.
void batch_search::scan_rows() {
  if (!view_.rows.all())
    return scan_chosen();
  const std::size_t row_bytes = codes_.row_bytes();
  std::byte* const gathered = scratch_.gathered.of(code_block_rows * row_bytes);
  row_block rest;
  for (slot_id first = 0; first < view_.bound; first += code_block_rows) {
    const std::size_t slots = std::min<std::size_t>(code_block_rows, view_.bound - first);
    row_block block;
    for (std::size_t i = 0; i < slots; ++i) {
      const slot_id slot = first + static_cast<slot_id>(i);
      if (const auto row = view_.rows.row_at(slot)) {
        block.slots[block.count] = slot;
        block.ids[block.count++] = *row;
      }
    }
    if (block.count == code_block_rows) {
      compare(block, row_at(first));
      continue;
    }
    for (std::size_t i = 0; i < block.count; ++i) {
      std::memcpy(gathered + rest.count * row_bytes, row_at(block.slots[i]), row_bytes);
      rest.slots[rest.count] = block.slots[i];
      rest.ids[rest.count++] = block.ids[i];
      if (rest.count == code_block_rows) {
        compare(rest, gathered);
        rest.count = 0;
      }
    }
  }
  if (rest.count > 0)
    compare(rest, gathered);
}

// Of a selection no block is whole.
void batch_search::scan_chosen() {
  const std::size_t row_bytes = codes_.row_bytes();
  std::byte* const gathered = scratch_.gathered.of(code_block_rows * row_bytes);
  row_block block;
  const auto compare_block = [&] {
    for (std::size_t i = 0; i < block.count; ++i)
      std::memcpy(gathered + i * row_bytes, row_at(block.slots[i]), row_bytes);
    compare(block, gathered);
    block.count = 0;
  };
  view_.rows.for_each(view_.bound, [&](slot_id slot, row_id row) {
    __builtin_prefetch(row_at(slot));
    block.slots[block.count] = slot;
    block.ids[block.count++] = row;
    if (block.count == code_block_rows)
      compare_block();
    return true;
  });
  if (block.count > 0)
    compare_block();
}

// One limit per query and block: that of a row with the greatest errors.
void batch_search::compare(const row_block& rows, const std::byte* codes) {
  std::array<float, code_block_rows> terms;
  terms.fill(nan);
  code_block block{
      codes, codes_.row_bytes(), codes_.first_byte(), codes_.end_byte(), terms.data(), 0, 0};
  for (std::size_t row = 0; row < rows.count; ++row) {
    const auto& header = scalar_codes::header_of(codes + row * codes_.row_bytes());
    terms[row] = codes_.row_term(header);
    block.error = std::max(block.error, header.error);
    block.spread = std::max(block.spread, header.spread);
  }
  const code_queries queries{scratch_.packed.of(groups_ * group_queries * codes_.row_bytes()),
                             groups_,
                             scratch_.scale.data(),
                             scratch_.fixed.data(),
                             scratch_.per_error.data(),
                             scratch_.per_spread.data()};
  // Of so many queries, some will look at each row's full codes.
  if (view_.reduced != nullptr && queries_.rows() >= crowd)
    for (std::size_t row = 0; row < rows.count; ++row)
      view_.codes.prefetch(rows.slots[row]);
  auto& hits = scratch_.hits;
  std::size_t count = groups_ > 0 ? view_.vectors.kernel().code_hits(block, queries, hits.data())
                                  : hits_alone(block);
  if (view_.reduced != nullptr) {
    const auto closed = [&](const code_hit& hit) {
      return !stays_open(hit.query, rows.slots[hit.row]);
    };
    const auto end = hits.begin() + static_cast<std::ptrdiff_t>(count);
    count = static_cast<std::size_t>(std::remove_if(hits.begin(), end, closed) - hits.begin());
  }
  for (const auto& [query, row] : std::span(hits).first(count))
    keep_open(query, rows.slots[row], rows.ids[row]);
}

// As kernel_table::code_hits, for few queries.
std::size_t batch_search::hits_alone(const code_block& block) {
  std::array<std::int32_t, code_block_rows> sums;
  std::size_t count = 0;
  for (std::size_t query = 0; query < queries_.rows(); ++query) {
    view_.vectors.kernel().code_row_sums(block.rows, block.row_bytes, code_block_rows,
                                         query_at(query).high, sums.data());
    const float scale = scratch_.scale[query];
    const float limit = scratch_.fixed[query] + scratch_.per_error[query] * block.error +
                        scratch_.per_spread[query] * block.spread;
    for (std::size_t row = 0; row < code_block_rows; ++row)
      if (block.terms[row] + scale * static_cast<float>(sums[row]) <= limit)
        scratch_.hits[count++] = {static_cast<std::uint16_t>(query),
                                  static_cast<std::uint16_t>(row)};
  }
  return count;
}

// Whether the full codes of a row, too, leave open if it is one of the nearest.
bool batch_search::stays_open(std::size_t query, slot_id slot) const noexcept {
  const std::byte* const row = view_.codes.at(slot);
  const auto& header = scalar_codes::header_of(row);
  const auto& test = scratch_.full_tests[query];
  std::int32_t sum = 0;
  view_.vectors.kernel().code_row_sums(row, full_.row_bytes(), 1, scratch_.prepared[query].high,
                                       &sum);
  return full_.row_term(header) + test.scale * static_cast<float>(sum) <=
         test.fixed + test.per_error * header.error + test.per_spread * header.spread;
}

// Looking at the vector can wait until the limit is that of the whole scan; most rows are out of
// the question by then.
void batch_search::keep_open(std::size_t query, slot_id slot, row_id row) {
  if (scratch_.given_up[query])
    return;
  const auto estimate = full_.distance(scratch_.prepared[query], view_.codes.at(slot));
  if (estimate.lowest() > limit_of(query))
    return;
  auto& open = scratch_.open[query];
  open.push_back({estimate.lowest(), slot, row});
  const bool nearer = scratch_.highest[query].offer({estimate.highest(), row});
  // Where many rows are equally far, the limit leaves all of them open.
  if (open.size() >= most_open(k_))
    look_at_vectors(query);
  else if (nearer && scratch_.highest[query].full())
    tighten(query);
}

// Gives the open rows of a query their places, or the query up.
void batch_search::look_at_vectors(std::size_t query) {
  auto& open = scratch_.open[query];
  auto& nearest = scratch_.nearest[query];
  const float limit = limit_of(query);
  std::erase_if(open, [&](const open_row& each) { return each.lowest > limit; });
  const auto distance = distance_from(query);
  constexpr std::size_t ahead = 4;
  for (std::size_t i = 0; i < open.size(); ++i) {
    if (i + ahead < open.size())
      distance.prefetch(open[i + ahead].slot);
    const float value = distance(open[i].slot);
    if (!std::isfinite(value))
      return give_up(query);
    nearest.offer({value, open[i].row});
  }
  open.clear();
  tighten(query);
}

std::vector<std::vector<neighbor>> batch_search::run() {
  scan_rows();
  std::vector<std::vector<neighbor>> found;
  found.reserve(queries_.rows());
  for (std::size_t query = 0; query < queries_.rows(); ++query) {
    const auto distance = distance_from(query);
    if (!scratch_.given_up[query])
      look_at_vectors(query);
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
