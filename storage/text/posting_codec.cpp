#include "storage/text/posting_codec.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hearth::storage {

namespace {

template <class Number>
std::uint8_t bits_of(Number largest) noexcept {
  return static_cast<std::uint8_t>(std::bit_width(largest));
}

// Numbers of a fixed width, lowest bits first, without gaps between them.
class bit_writer {
 public:
  explicit bit_writer(byte_writer& out) noexcept : out_(out) {}

  void put(std::uint64_t number, unsigned width) {
    if (width == 0)
      return;
    pending_ |= number << filled_;
    if (filled_ + width < 64) {
      filled_ += width;
      return;
    }
    out_.u64(pending_);
    const auto used = 64 - filled_;
    pending_ = used < 64 ? number >> used : 0;
    filled_ = width - used;
  }

  // Up to a whole byte.
  void finish() {
    for (; filled_ > 0; filled_ -= std::min(filled_, 8U)) {
      out_.u8(static_cast<std::uint8_t>(pending_));
      pending_ >>= 8;
    }
    pending_ = 0;
  }

 private:
  byte_writer& out_;
  std::uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

constexpr std::size_t packed_bytes(std::size_t count, unsigned width) noexcept {
  return (count * width + 7) / 8;
}

std::uint64_t load(const std::byte* from) noexcept {
  std::uint64_t number = 0;
  std::memcpy(&number, from, sizeof number);
  return number;
}

// Reads up to 9 bytes from where a number begins.
template <class Number>
void unpack(const std::byte* from, std::size_t count, unsigned width, Number* out) noexcept {
  if (width == 0) {
    std::fill_n(out, count, Number{0});
    return;
  }
  const auto mask = ~std::uint64_t{0} >> (64 - width);
  if (width <= 56) {
    std::size_t bit = 0;
    for (std::size_t i = 0; i < count; ++i, bit += width)
      out[i] = static_cast<Number>((load(from + bit / 8) >> (bit % 8)) & mask);
    return;
  }
  for (std::size_t i = 0, bit = 0; i < count; ++i, bit += width) {
    auto number = load(from + bit / 8) >> (bit % 8);
    if (bit % 8 != 0)
      number |= std::to_integer<std::uint64_t>(from[bit / 8 + 8]) << (64 - bit % 8);
    out[i] = static_cast<Number>(number & mask);
  }
}

constexpr std::size_t reading_ahead = 9;

void encode_frontier(const impact_frontier& frontier, byte_writer& out) {
  out.u8(static_cast<std::uint8_t>(frontier.count));
  for (const auto& point : frontier) {
    out.varint(point.frequency);
    out.varint(point.length);
  }
}

std::uint32_t small(byte_reader& in) noexcept {
  const auto number = in.varint();
  if (number > UINT32_MAX)
    in.fail();
  return static_cast<std::uint32_t>(number);
}

void read_points(byte_reader& in, std::size_t count, std::size_t limit,
                 impact_frontier& out) noexcept {
  if (count == 0 || count > limit) {
    in.fail();
    return;
  }
  out.count = count;
  for (std::size_t i = 0; i < count; ++i) {
    out.points[i].frequency = small(in);
    out.points[i].length = small(in);
    if (out.points[i].frequency == 0 ||
        (i > 0 && (out.points[i].frequency >= out.points[i - 1].frequency ||
                   out.points[i].length >= out.points[i - 1].length)))
      in.fail();
  }
}

}  // namespace

// A frontier is never empty, so that its count of 0 can mark a single block.
void encode_term_head(const term_head& head, byte_writer& out) {
  out.varint(head.documents);
  if (head.single)
    out.u8(0);
  else
    encode_frontier(head.frontier, out);
}

std::optional<term_head> decode_term_head(byte_reader& in) noexcept {
  term_head head;
  head.documents = in.varint();
  const auto points = in.u8();
  head.single = points == 0;
  if (!head.single) {
    read_points(in, points, term_impacts, head.frontier);
    if (in.remaining() > 0)
      in.fail();
  }
  if (!in.ok() || head.documents == 0)
    return std::nullopt;
  return head;
}

void encode_block(std::span<const posting> postings, byte_writer& out) {
  const auto count = postings.size();
  const auto& first = postings.front();
  out.varint(count);
  out.varint(first.row);
  if (count == 1) {
    out.varint(first.frequency);
    out.varint(first.length);
    return;
  }
  row_id widest = 0;
  std::uint32_t most = 0;
  auto shortest = first.length;
  auto longest = first.length;
  frontier_builder impacts;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0)
      widest = std::max(widest, postings[i].row - postings[i - 1].row - 1);
    most = std::max(most, postings[i].frequency - 1);
    shortest = std::min(shortest, postings[i].length);
    longest = std::max(longest, postings[i].length);
    impacts.add({postings[i].frequency, postings[i].length});
  }
  const auto row_bits = bits_of(widest);
  const auto frequency_bits = bits_of(most);
  const auto length_bits = bits_of(longest - shortest);
  out.varint(postings.back().row - first.row);
  out.u8(row_bits);
  out.u8(frequency_bits);
  out.u8(length_bits);
  out.varint(shortest);
  encode_frontier(impacts.build(block_impacts), out);

  bit_writer bits(out);
  for (std::size_t i = 1; i < count; ++i)
    bits.put(postings[i].row - postings[i - 1].row - 1, row_bits);
  bits.finish();
  for (const auto& each : postings)
    bits.put(each.frequency - 1, frequency_bits);
  bits.finish();
  for (const auto& each : postings)
    bits.put(each.length - shortest, length_bits);
  bits.finish();
}

std::optional<encoded_block> open_block(byte_reader& in) noexcept {
  encoded_block block;
  block.head.count = in.varint();
  block.head.first = in.varint();
  const auto count = block.head.count;
  if (!in.ok() || count == 0 || count > posting_block_rows)
    return std::nullopt;
  if (count == 1) {
    block.head.last = block.head.first;
    block.head.frontier.count = 1;
    block.head.frontier.points[0] = {small(in), small(in)};
    if (!in.done() || block.head.frontier.points[0].frequency == 0)
      return std::nullopt;
    return block;
  }
  const auto reach = in.varint();
  block.head.last = block.head.first + reach;
  block.row_bits = in.u8();
  block.frequency_bits = in.u8();
  block.length_bits = in.u8();
  block.shortest = small(in);
  read_points(in, in.u8(), block_impacts, block.head.frontier);
  if (!in.ok() || block.head.last < block.head.first || reach < count - 1 || block.row_bits > 64 ||
      block.frequency_bits > 32 || block.length_bits > 32)
    return std::nullopt;
  block.packed = in.bytes(in.remaining());
  if (block.packed.size() != packed_bytes(count - 1, block.row_bits) +
                                 packed_bytes(count, block.frequency_bits) +
                                 packed_bytes(count, block.length_bits))
    return std::nullopt;
  return block;
}

bool decode_block(const encoded_block& block, posting_block& out) noexcept {
  const auto count = block.head.count;
  out.count = count;
  out.rows[0] = block.head.first;
  if (count == 1) {
    out.frequencies[0] = block.head.frontier.points[0].frequency;
    out.lengths[0] = block.head.frontier.points[0].length;
    return true;
  }
  // Unpacking reads ahead, which must not be behind the end of the file.
  constexpr auto largest = packed_bytes(posting_block_rows, 64) +
                           2 * packed_bytes(posting_block_rows, 32) + reading_ahead;
  std::array<std::byte, largest> packed;
  std::memcpy(packed.data(), block.packed.data(), block.packed.size());
  std::memset(packed.data() + block.packed.size(), 0, reading_ahead);

  const auto* next = packed.data();
  unpack(next, count - 1, block.row_bits, out.rows.data() + 1);
  next += packed_bytes(count - 1, block.row_bits);
  unpack(next, count, block.frequency_bits, out.frequencies.data());
  next += packed_bytes(count, block.frequency_bits);
  unpack(next, count, block.length_bits, out.lengths.data());

  auto row = block.head.first;
  bool rising = true;
  for (std::size_t i = 1; i < count; ++i) {
    const auto before = row;
    row += out.rows[i] + 1;
    rising &= row > before;
    out.rows[i] = row;
  }
  bool fits = true;
  for (std::size_t i = 0; i < count; ++i) {
    const auto length = out.lengths[i] + block.shortest;
    fits &= length >= block.shortest && out.frequencies[i] != UINT32_MAX;
    out.frequencies[i] += 1;
    out.lengths[i] = length;
  }
  return rising && fits && row == block.head.last;
}

void append_positions(std::span<const std::uint32_t> positions, std::vector<std::byte>& out) {
  byte_writer writer(out);
  std::uint64_t next = 0;
  for (const auto position : positions) {
    writer.varint(position - next);
    next = std::uint64_t{position} + 1;
  }
}

bool split_positions(byte_span all, std::span<const std::uint32_t> frequencies,
                     std::vector<byte_span>& out) {
  out.clear();
  std::size_t at = 0;
  for (const auto frequency : frequencies) {
    const auto begin = at;
    for (std::uint32_t i = 0; i < frequency; ++i) {
      while (at < all.size() && (all[at] & std::byte{0x80}) != std::byte{0})
        ++at;
      if (at == all.size())
        return false;
      ++at;
    }
    out.push_back(all.subspan(begin, at - begin));
  }
  return at == all.size();
}

bool decode_positions(byte_span row, std::vector<std::uint32_t>& out) {
  out.clear();
  byte_reader in(row);
  std::uint64_t next = 0;
  while (in.ok() && in.remaining() > 0) {
    const auto gap = in.varint();
    if (!in.ok() || gap > UINT32_MAX || next + gap > UINT32_MAX)
      return false;
    out.push_back(static_cast<std::uint32_t>(next + gap));
    next += gap + 1;
  }
  return in.ok();
}

}  // namespace hearth::storage
