#include "storage/text/posting_codec.hpp"

#include <algorithm>
#include <limits>
#include <random>

#include "storage/bytes.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;

namespace {

using buffer = std::vector<std::byte>;

std::vector<posting> random_postings(std::mt19937_64& random, std::size_t count,
                                     std::uint64_t widest_gap, std::uint32_t most,
                                     std::uint32_t longest) {
  std::vector<posting> postings;
  row_id row = random() % 1000;
  for (std::size_t i = 0; i < count; ++i) {
    postings.push_back({row,
                        static_cast<std::uint32_t>(1 + random() % most),
                        static_cast<std::uint32_t>(random() % (std::uint64_t{longest} + 1)),
                        {}});
    row += 1 + random() % widest_gap;
  }
  return postings;
}

buffer encoded(std::span<const posting> postings) {
  buffer bytes;
  byte_writer out(bytes);
  encode_block(postings, out);
  return bytes;
}

bool covers(const impact_frontier& frontier, const posting& each) {
  return std::ranges::any_of(frontier, [&](const impact& point) {
    return point.frequency >= each.frequency && point.length <= each.length;
  });
}

}  // namespace

TEST_CASE("posting blocks survive encoding, and their frontier covers every posting") {
  std::mt19937_64 random(1);
  posting_block block;
  for (int round = 0; round < 400; ++round) {
    const auto count = 1 + random() % posting_block_rows;
    const auto gap = std::uint64_t{1} << (random() % 55);
    const auto most = static_cast<std::uint32_t>(1ULL << (random() % 32));
    const auto longest = static_cast<std::uint32_t>((1ULL << (random() % 33)) - 1);
    const auto postings = random_postings(random, count, gap, most, longest);
    const auto bytes = encoded(postings);
    byte_reader in(bytes);
    const auto opened = open_block(in);
    REQUIRE(opened.has_value());
    REQUIRE(decode_block(*opened, block));
    REQUIRE(block.count == count);
    REQUIRE(opened->head.first == postings.front().row);
    REQUIRE(opened->head.last == postings.back().row);
    REQUIRE(opened->head.frontier.count <= block_impacts);
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(block.rows[i] == postings[i].row);
      REQUIRE(block.frequencies[i] == postings[i].frequency);
      REQUIRE(block.lengths[i] == postings[i].length);
      REQUIRE(covers(opened->head.frontier, postings[i]));
    }
  }
}

TEST_CASE("rows as far apart as rows can be fit into a posting block") {
  const std::vector<posting> postings{{0, 1, 1, {}},
                                      {std::numeric_limits<row_id>::max() - 1, UINT32_MAX, 0, {}},
                                      {std::numeric_limits<row_id>::max(), 1, UINT32_MAX, {}}};
  const auto bytes = encoded(postings);
  byte_reader in(bytes);
  const auto opened = open_block(in);
  REQUIRE(opened.has_value());
  posting_block block;
  REQUIRE(decode_block(*opened, block));
  REQUIRE(block.rows[2] == std::numeric_limits<row_id>::max());
  REQUIRE(block.frequencies[1] == UINT32_MAX);
  REQUIRE(block.lengths[2] == UINT32_MAX);
}

TEST_CASE("an ordinary posting takes less than two bytes, a word of one text a handful") {
  std::mt19937_64 random(2);
  REQUIRE(encoded(random_postings(random, posting_block_rows, 16, 2, 60)).size() <
          2 * posting_block_rows);
  REQUIRE(encoded(random_postings(random, 1, 1, 1, 60)).size() <= 6);
}

TEST_CASE("changed bytes of a posting block are refused or decode to rising rows") {
  std::mt19937_64 random(3);
  posting_block block;
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{40}}) {
    const auto bytes = encoded(random_postings(random, count, 300, 9, 400));
    for (std::size_t at = 0; at < bytes.size(); ++at)
      for (unsigned change = 1; change < 256; ++change) {
        auto damaged = bytes;
        damaged[at] ^= static_cast<std::byte>(change);
        byte_reader in(damaged);
        const auto opened = open_block(in);
        if (!opened || !decode_block(*opened, block))
          continue;
        REQUIRE(block.count <= posting_block_rows);
        REQUIRE(std::is_sorted(block.rows.begin(),
                               block.rows.begin() + static_cast<std::ptrdiff_t>(block.count)));
      }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      byte_reader in(byte_span(bytes).first(size));
      const auto opened = open_block(in);
      REQUIRE((!opened || !decode_block(*opened, block)));
    }
  }
}

TEST_CASE("positions are cut into rows exactly or not at all") {
  const std::vector<std::vector<std::uint32_t>> rows{
      {0}, {3, 4, 700}, {0, UINT32_MAX - 1, UINT32_MAX}, {128}};
  buffer bytes;
  std::vector<std::uint32_t> frequencies;
  for (const auto& row : rows) {
    append_positions(row, bytes);
    frequencies.push_back(static_cast<std::uint32_t>(row.size()));
  }
  std::vector<byte_span> cuts;
  REQUIRE(split_positions(bytes, frequencies, cuts));
  std::vector<std::uint32_t> decoded;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(decode_positions(cuts[i], decoded));
    REQUIRE(decoded == rows[i]);
  }
  frequencies.back() = 2;
  REQUIRE_FALSE(split_positions(bytes, frequencies, cuts));
  frequencies.back() = UINT32_MAX;
  REQUIRE_FALSE(split_positions(bytes, frequencies, cuts));
  frequencies.pop_back();
  REQUIRE_FALSE(split_positions(bytes, frequencies, cuts));
  buffer beyond;
  byte_writer(beyond).varint(UINT32_MAX);
  byte_writer(beyond).varint(0);
  REQUIRE_FALSE(decode_positions(beyond, decoded));
}

TEST_CASE("a frontier of few points still covers what had many") {
  std::mt19937_64 random(4);
  for (int round = 0; round < 200; ++round) {
    frontier_builder builder;
    std::vector<posting> postings;
    for (int i = 0; i < 300; ++i) {
      const auto frequency = static_cast<std::uint32_t>(1 + random() % (1U << (random() % 10)));
      postings.push_back({0, frequency, static_cast<std::uint32_t>(frequency + random() % 50), {}});
      builder.add({frequency, postings.back().length});
    }
    for (const std::size_t limit : {std::size_t{1}, block_impacts, term_impacts}) {
      const auto frontier = builder.build(limit);
      REQUIRE(frontier.count <= limit);
      REQUIRE(std::ranges::all_of(postings,
                                  [&](const posting& each) { return covers(frontier, each); }));
    }
  }
}
