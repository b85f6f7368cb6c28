#include "engine/text/leaf_cursor.hpp"

namespace hearth::engine::text {

void leaf_cursor::move_block(row_id row) {
  if (ended_)
    return;
  const auto found = list_->seek(row);
  if (!found)
    return fail_with(found.error());
  started_ = true;
  decoded_ = scored_ = positioned_ = false;
  if (!*found)
    return end();
  const auto& head = list_->head();
  row_ = block_first_ = head.first;
  block_last_ = head.last;
  block_bound_ = scorer_.bound(head.frontier);
  index_ = 0;
  ++shared_->blocks_read;
}

bool leaf_cursor::decode_block() {
  if (ended_)
    return false;
  if (auto decoded = list_->decode(buffers_->block); !decoded) {
    fail_with(std::move(decoded).error());
    return false;
  }
  ++shared_->blocks_decoded;
  decoded_ = true;
  return true;
}

leaf_cursor::scored_rows leaf_cursor::scores_of_block() {
  if (!decode())
    return {};
  auto& of = *buffers_;
  if (!scored_)
    for (std::size_t i = 0; i < of.block.count; ++i)
      of.scores[i] = scorer_.score(of.block.frequencies[i], of.block.lengths[i]);
  scored_ = true;
  const auto count = of.block.count - index_;
  return {std::span<const row_id>(of.block.rows).subspan(index_, count),
          std::span<const double>(of.scores).subspan(index_, count)};
}

std::span<const std::uint32_t> leaf_cursor::positions() {
  if (!decode())
    return {};
  if (!positioned_) {
    if (auto read = list_->positions(buffers_->block, buffers_->positions); !read) {
      fail_with(std::move(read).error());
      return {};
    }
    positioned_ = true;
  }
  return buffers_->positions.of(index_);
}

}  // namespace hearth::engine::text
