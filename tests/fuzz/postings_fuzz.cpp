// Blocks of postings and positions that anybody could have written: refused, or decoded to rows
// that rise and encode to the same again.
#include <algorithm>

#include "storage/text/posting_codec.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hearth;
using namespace hearth::storage;

namespace {

void check_block(byte_span data) {
  byte_reader in(data);
  const auto opened = open_block(in);
  static posting_block block;
  if (!opened || !decode_block(*opened, block))
    return;
  fuzz::require(block.count >= 1 && block.count <= posting_block_rows, "a block has 1 to 256 rows");
  std::vector<posting> postings;
  for (std::size_t i = 0; i < block.count; ++i) {
    fuzz::require(i == 0 || block.rows[i] > block.rows[i - 1], "rows rise");
    fuzz::require(block.frequencies[i] > 0, "a row has its terms");
    postings.push_back({block.rows[i], block.frequencies[i], block.lengths[i], {}});
  }
  std::vector<std::byte> bytes;
  byte_writer out(bytes);
  encode_block(postings, out);
  byte_reader again(bytes);
  const auto reopened = open_block(again);
  static posting_block twice;
  fuzz::require(reopened && decode_block(*reopened, twice) && twice.count == block.count,
                "a block survives encoding");
  for (std::size_t i = 0; i < block.count; ++i)
    fuzz::require(twice.rows[i] == block.rows[i] && twice.frequencies[i] == block.frequencies[i] &&
                      twice.lengths[i] == block.lengths[i],
                  "a block survives encoding");
}

void check_positions(byte_span data) {
  if (data.empty())
    return;
  const auto rows = std::to_integer<std::size_t>(data[0]) % 8;
  std::vector<std::uint32_t> frequencies;
  for (std::size_t i = 0; i < rows && i + 1 < data.size(); ++i)
    frequencies.push_back(std::to_integer<std::uint32_t>(data[i + 1]));
  std::vector<byte_span> cuts;
  if (!split_positions(data.subspan(1 + frequencies.size()), frequencies, cuts))
    return;
  std::vector<std::uint32_t> positions;
  for (std::size_t i = 0; i < cuts.size(); ++i)
    if (decode_positions(cuts[i], positions))
      fuzz::require(positions.size() == frequencies[i] &&
                        std::ranges::adjacent_find(positions, std::ranges::greater_equal()) ==
                            positions.end(),
                    "positions rise, and there are as many as the frequency says");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  check_block(bytes);
  check_positions(bytes);
  byte_reader head(bytes);
  (void)decode_term_head(head);
  return 0;
}
