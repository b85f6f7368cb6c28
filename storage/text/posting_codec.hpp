#pragma once
// Values of the tables `text_postings` and `text_positions`; docs/storage_format.md draws them.
// Decoders trust nothing: what no encoder makes is refused, before memory is taken for it.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/postings.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

/// One row of a term.
struct posting {
  row_id row = 0;
  std::uint32_t frequency = 0;
  std::uint32_t length = 0;
  byte_span positions;  ///< as append_positions writes them
};

/// What a term's own entry says.
struct term_head {
  std::uint64_t documents = 0;
  bool single = false;       ///< the term's one block is in the same value, and follows
  impact_frontier frontier;  ///< of all blocks, unless single
};

void encode_term_head(const term_head& head, byte_writer& out);
/// Leaves `in` at the block of a single one.
[[nodiscard]] std::optional<term_head> decode_term_head(byte_reader& in) noexcept;

/// A block whose beginning has been read.
struct encoded_block {
  posting_block_head head;
  std::uint8_t row_bits = 0;
  std::uint8_t frequency_bits = 0;
  std::uint8_t length_bits = 0;
  std::uint32_t shortest = 0;
  byte_span packed;  ///< the rest
};

/// `postings`: 1 to posting_block_rows, rows rise.
void encode_block(std::span<const posting> postings, byte_writer& out);
/// Reads to the end of `in`.
[[nodiscard]] std::optional<encoded_block> open_block(byte_reader& in) noexcept;
/// False if it is damaged.
[[nodiscard]] bool decode_block(const encoded_block& block, posting_block& out) noexcept;

/// `positions` rise.
void append_positions(std::span<const std::uint32_t> positions, std::vector<std::byte>& out);
/// Cuts what append_positions wrote for rows of these frequencies, one after the other, into one
/// span per row. False unless it is exactly that.
[[nodiscard]] bool split_positions(byte_span all, std::span<const std::uint32_t> frequencies,
                                   std::vector<byte_span>& out);
/// The positions of one row, out of split_positions; false if they do not rise below 2^32.
[[nodiscard]] bool decode_positions(byte_span row, std::vector<std::uint32_t>& out);

}  // namespace hearth::storage
