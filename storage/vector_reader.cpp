#include <algorithm>

#include "storage/corruption.hpp"
#include "storage/keys.hpp"
#include "storage/vector_table.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t tail_block_rows = 64;

}  // namespace

result<vector_reader> vector_reader::open(const lmdb::transaction& in, const vector_tables& from,
                                          std::uint32_t dimension) {
  HEARTH_TRY(auto chunks, in.open_cursor(from.chunks));
  HEARTH_TRY(auto dead, in.open_cursor(from.dead));
  HEARTH_TRY(auto tail, in.open_cursor(from.tail));
  return vector_reader(std::move(chunks), std::move(dead), std::move(tail), dimension);
}

// Takes over the chunk that the cursor stands on, but for its list of dead rows.
result<void> vector_reader::open_chunk() {
  chunk_.reset();
  dead_known_ = false;
  const auto first_row = decode_row(chunks_.key());
  if (!first_row)
    return corrupt("a key of the chunk table");
  HEARTH_TRY(chunk_, chunk_view::open(*first_row, chunks_.value(), dimension_));
  return {};
}

result<void> vector_reader::load_chunk() {
  HEARTH_CHECK(open_chunk());
  return load_dead();
}

result<void> vector_reader::load_dead() {
  chunk_dead_ = {};
  HEARTH_TRY(const bool has_dead, dead_.find(encode_row(chunk_->first_row())));
  if (has_dead) {
    HEARTH_TRY(chunk_dead_, dead_rows::decode(chunk_->first_row(), dead_.value()));
    if (chunk_dead_.size() != chunk_->size())
      return corrupt("the list of dead rows of a chunk");
  }
  dead_known_ = true;
  return {};
}

result<vector_reader::place> vector_reader::find(row_id row) {
  const auto key = encode_row(row);
  if (!chunk_ || row < chunk_->first_row() || row > chunk_->last_row()) {
    HEARTH_TRY(const bool in_tail, tail_.find(key));
    if (in_tail)
      return place{true, {}};
    HEARTH_TRY(const bool found, chunks_.at_or_before(key));
    if (!found)
      return place{};
    HEARTH_CHECK(open_chunk());
  }
  return place{false, chunk_->find(row)};
}

result<bool> vector_reader::contains(row_id row) {
  HEARTH_TRY(const auto found, find(row));
  return found.in_tail || found.in_chunk;
}

result<bool> vector_reader::copy(row_id row, float* out) {
  HEARTH_TRY(const auto found, find(row));
  if (found.in_tail) {
    HEARTH_TRY(const auto sum, copy_tail(row, tail_.value(), dimension_, out));
    HEARTH_CHECK(verify_vector(row, {out, dimension_}, sum));
    return true;
  }
  if (found.in_chunk && !dead_known_)
    HEARTH_CHECK(load_dead());
  if (!found.in_chunk || chunk_dead_.test(*found.in_chunk))
    return false;
  HEARTH_CHECK(chunk_->verify(*found.in_chunk));
  std::ranges::copy(chunk_->vector(*found.in_chunk), out);
  return true;
}

result<void> vector_reader::announce(row_id row) {
  if (!chunk_ || row < chunk_->first_row() || row > chunk_->last_row()) {
    HEARTH_TRY(const bool found, chunks_.at_or_before(encode_row(row)));
    if (!found)
      return {};
    HEARTH_CHECK(open_chunk());
  }
  if (const auto index = chunk_->find(row))
    lmdb::will_need(std::as_bytes(chunk_->vector(*index)));
  return {};
}

result<vector_reader::block> vector_reader::next_block(row_id after) {
  for (;;) {
    HEARTH_TRY(auto found, chunk_block(after));
    if (!found.rows.empty())
      return found;
    if (found.last == 0)
      return tail_block(after);
    after = found.last;  // a chunk without live rows
  }
}

// A block with last 0 when no chunk reaches behind `after`.
result<vector_reader::block> vector_reader::chunk_block(row_id after) {
  if (after == UINT64_MAX)
    return block{};
  const auto key = encode_row(after + 1);
  HEARTH_TRY(bool found, chunks_.at_or_before(key));
  if (found)
    HEARTH_CHECK(load_whole_chunk());
  if (!found || chunk_->last_row() <= after) {
    HEARTH_TRY(found, chunks_.lower_bound(key));
    if (!found)
      return block{};
    HEARTH_CHECK(load_whole_chunk());
  }

  std::size_t begin = 0;
  while (begin < chunk_->size() && chunk_->row(begin) <= after)
    ++begin;
  block_rows_.clear();
  for (auto index = begin; index < chunk_->size(); ++index) {
    if (chunk_dead_.test(index))
      continue;
    HEARTH_CHECK(chunk_->verify(index));
    block_rows_.push_back(chunk_->row(index));
  }
  block out{block_rows_, {}, chunk_->last_row()};
  if (block_rows_.size() == chunk_->size() - begin) {  // all alive: no copy
    out.vectors = {chunk_->vector(begin).data(), block_rows_.size(), dimension_};
    return out;
  }
  block_vectors_.clear();
  for (auto index = begin; index < chunk_->size(); ++index)
    if (!chunk_dead_.test(index)) {
      const auto vector = chunk_->vector(index);
      block_vectors_.insert(block_vectors_.end(), vector.begin(), vector.end());
    }
  out.vectors = {block_vectors_.data(), block_rows_.size(), dimension_};
  return out;
}

result<vector_reader::block> vector_reader::tail_block(row_id after) {
  block_rows_.clear();
  block_vectors_.resize(tail_block_rows * dimension_);
  if (after == UINT64_MAX)
    return block{};
  HEARTH_TRY(bool found, tail_.lower_bound(encode_row(after + 1)));
  while (found && block_rows_.size() < tail_block_rows) {
    const auto row = decode_row(tail_.key());
    if (!row)
      return corrupt("a key of the tail table");
    auto* const out = block_vectors_.data() + block_rows_.size() * dimension_;
    HEARTH_TRY(const auto sum, copy_tail(*row, tail_.value(), dimension_, out));
    HEARTH_CHECK(verify_vector(*row, {out, dimension_}, sum));
    block_rows_.push_back(*row);
    HEARTH_TRY(found, tail_.next());
  }
  if (block_rows_.empty())
    return block{};
  return block{
      block_rows_, {block_vectors_.data(), block_rows_.size(), dimension_}, block_rows_.back()};
}

}  // namespace hearth::storage
