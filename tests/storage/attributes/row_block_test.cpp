#include "storage/attributes/row_block.hpp"

#include <random>
#include <set>

#include <catch2/catch.hpp>

using namespace hearth;
using namespace hearth::storage;

namespace {

const std::vector<std::byte> some_key(20, std::byte{7});

std::set<std::uint32_t> rows_in(byte_span data) {
  std::set<std::uint32_t> rows;
  const auto view = row_block_view::open(some_key, data);
  REQUIRE(view);
  const bool sound = view->for_each_run([&](std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i)
      rows.insert(first + i);
  });
  REQUIRE(sound);
  REQUIRE(view->size() == rows.size());
  return rows;
}

}  // namespace

TEST_CASE("rows of a block come back from the shortest form") {
  std::mt19937_64 random(1);
  for (const auto keep : {0, 1, 3, 50, 500, 900, 999, 1000}) {
    for (const auto run : {1U, 3U, 40U, 5000U}) {
      row_block block;
      std::set<std::uint32_t> rows{77};
      for (std::uint32_t row = 0; row < block_rows; row += run)
        if (random() % 1000 < static_cast<unsigned>(keep))
          for (std::uint32_t i = row; i < row + run && i < block_rows; ++i)
            rows.insert(i);
      for (const auto row : rows)
        block.add(static_cast<std::uint16_t>(row));
      REQUIRE(block.size() == rows.size());
      std::vector<std::byte> data;
      encode_row_block(some_key, block, data);
      REQUIRE(data.size() <= 5 + block_rows / 8);
      REQUIRE(rows_in(data) == rows);
      const std::vector<std::uint16_t> listed(rows.begin(), rows.end());
      std::vector<std::byte> list;
      encode_few_rows(some_key, listed, list);
      REQUIRE(rows_in(list) == rows);
      REQUIRE(data.size() <= list.size());
    }
  }
}

TEST_CASE("one row takes a few bytes, and so does a full block") {
  row_block block;
  block.add(65'535);
  std::vector<std::byte> data;
  encode_row_block(some_key, block, data);
  REQUIRE(data.size() == 8);
  block.add_run(0, block_rows);
  encode_row_block(some_key, block, data);
  REQUIRE(data.size() == 9);
  REQUIRE(rows_in(data).size() == block_rows);
}

TEST_CASE("a bit that flips in a block is noticed, and so is another key") {
  row_block block;
  for (std::uint32_t row = 0; row < block_rows; row += 5)
    block.add(static_cast<std::uint16_t>(row));
  std::vector<std::byte> data;
  encode_row_block(some_key, block, data);
  for (std::size_t at = 0; at < data.size(); at += 97) {
    data[at] ^= std::byte{4};
    REQUIRE_FALSE(row_block_view::open(some_key, data));
    data[at] ^= std::byte{4};
  }
  REQUIRE(row_block_view::open(some_key, data));
  REQUIRE_FALSE(row_block_view::open(byte_span(some_key).first(19), data));
  for (std::size_t size = 0; size < 6; ++size)
    REQUIRE_FALSE(row_block_view::open(some_key, byte_span(data).first(size)));
}
