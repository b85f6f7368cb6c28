#include "storage/vector_chunk.hpp"

#include <algorithm>
#include <cassert>

#include "core/checksum.hpp"
#include "core/format.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t page_header = 16;
constexpr std::size_t most_pages = 64;
constexpr std::size_t most_rows = 8192;
constexpr std::uint32_t magic = 0x31435648;  // "HVC1"

// The front of a chunk. The checksum covers everything from `magic` to the vectors.
struct chunk_header {
  std::uint64_t checksum;
  std::uint32_t magic;
  std::uint32_t dimension;
  std::uint32_t rows;
  std::uint32_t row_list_bytes;  // 0: the rows are consecutive
  std::uint32_t vectors_at;
  std::uint32_t reserved;
  std::uint64_t first_row;
  std::uint64_t last_row;
};
static_assert(sizeof(chunk_header) == 48);

std::size_t varint_bytes(std::uint64_t number) noexcept {
  return number == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(number)) + 6) / 7;
}

// Vectors start on a 64-byte boundary of the page; the value itself starts 16 bytes into it.
std::size_t align_vectors(std::size_t offset) noexcept {
  return (offset + page_header + 63) / 64 * 64 - page_header;
}

std::size_t round_to_pages(std::size_t bytes) noexcept {
  return (bytes + page_header + page - 1) / page * page - page_header;
}

// Bytes of the list of rows: the distance from each row to the next, less one.
std::size_t row_list_bytes(std::span<const packed_vector> vectors) noexcept {
  if (vectors.back().row - vectors.front().row == vectors.size() - 1)
    return 0;
  std::size_t bytes = 0;
  for (std::size_t i = 1; i < vectors.size(); ++i)
    bytes += varint_bytes(vectors[i].row - vectors[i - 1].row - 1);
  return bytes;
}

std::size_t vectors_offset(std::size_t rows, std::size_t list_bytes) noexcept {
  return align_vectors(sizeof(chunk_header) + rows * sizeof(std::uint32_t) + list_bytes);
}

std::uint64_t head_checksum(byte_span data, std::size_t vectors_at, row_id first_row) noexcept {
  return checksum(data.subspan(checksum_bytes, vectors_at - checksum_bytes), first_row);
}

}  // namespace

std::uint32_t vector_checksum(row_id row, std::span<const float> vector) noexcept {
  return static_cast<std::uint32_t>(checksum(std::as_bytes(vector), row));
}

std::size_t rows_per_chunk(std::uint32_t dimension) noexcept {
  const auto row_bytes = std::size_t{dimension} * sizeof(float) + sizeof(std::uint32_t);
  const auto size_of = [&](std::size_t rows) {
    return round_to_pages(vectors_offset(rows, 0) + rows * std::size_t{dimension} * sizeof(float));
  };
  auto most = std::min(most_pages * page / row_bytes, most_rows);
  while (most > 1 && size_of(most) > most_pages * page)
    --most;
  if (most <= 1)
    return 1;
  // Of the upper quarter, the count that wastes least of its last page.
  auto best = most;
  for (auto rows = most; rows >= most - most / 4 && rows >= 1; --rows)
    if (size_of(rows) * best < size_of(best) * rows)
      best = rows;
  return best;
}

std::size_t chunk_bytes(std::span<const packed_vector> vectors, std::uint32_t dimension) noexcept {
  const auto at = vectors_offset(vectors.size(), row_list_bytes(vectors));
  return round_to_pages(at + vectors.size() * std::size_t{dimension} * sizeof(float));
}

void encode_chunk(std::span<const packed_vector> vectors, std::uint32_t dimension,
                  std::span<std::byte> out) noexcept {
  assert(!vectors.empty() && out.size() == chunk_bytes(vectors, dimension));
  chunk_header header{};
  header.magic = magic;
  header.dimension = dimension;
  header.rows = static_cast<std::uint32_t>(vectors.size());
  header.row_list_bytes = static_cast<std::uint32_t>(row_list_bytes(vectors));
  header.vectors_at =
      static_cast<std::uint32_t>(vectors_offset(vectors.size(), header.row_list_bytes));
  header.first_row = vectors.front().row;
  header.last_row = vectors.back().row;

  auto* at = out.data() + sizeof header;
  for (const auto& vector : vectors) {
    std::memcpy(at, &vector.checksum, sizeof vector.checksum);
    at += sizeof vector.checksum;
  }
  if (header.row_list_bytes != 0)
    for (std::size_t i = 1; i < vectors.size(); ++i) {
      auto gap = vectors[i].row - vectors[i - 1].row - 1;
      for (; gap >= 0x80; gap >>= 7)
        *at++ = static_cast<std::byte>(gap | 0x80);
      *at++ = static_cast<std::byte>(gap);
    }
  auto* const vectors_at = out.data() + header.vectors_at;
  std::fill(at, vectors_at, std::byte{0});
  at = vectors_at;
  const auto vector_bytes = std::size_t{dimension} * sizeof(float);
  for (const auto& vector : vectors) {
    std::memcpy(at, vector.data, vector_bytes);
    at += vector_bytes;
  }
  std::fill(at, out.data() + out.size(), std::byte{0});

  std::memcpy(out.data(), &header, sizeof header);
  header.checksum = head_checksum(out, header.vectors_at, header.first_row);
  std::memcpy(out.data(), &header.checksum, sizeof header.checksum);
}

result<chunk_view> chunk_view::open(row_id first_row, byte_span data, std::uint32_t dimension) {
  const auto damaged = [&] {
    return corrupt(core::format("the vector chunk from row {} on", first_row));
  };
  chunk_header header{};
  if (data.size() < sizeof header)
    return damaged();
  std::memcpy(&header, data.data(), sizeof header);
  const auto list_at = sizeof header + std::size_t{header.rows} * sizeof(std::uint32_t);
  const auto vectors_end = header.vectors_at + std::size_t{header.rows} * dimension * sizeof(float);
  if (header.magic != magic || header.dimension != dimension || header.rows == 0 ||
      header.rows > most_rows || header.first_row != first_row || header.last_row < first_row ||
      header.vectors_at > data.size() ||
      header.vectors_at != align_vectors(list_at + header.row_list_bytes) ||
      data.size() != round_to_pages(vectors_end) ||
      header.checksum != head_checksum(data, header.vectors_at, first_row))
    return damaged();

  chunk_view view;
  view.first_row_ = first_row;
  view.count_ = header.rows;
  view.dimension_ = dimension;
  view.checksums_ = data.data() + sizeof header;
  view.vectors_ = reinterpret_cast<const float*>(data.data() + header.vectors_at);
  if (header.row_list_bytes != 0) {
    byte_reader list(data.subspan(list_at, header.row_list_bytes));
    view.rows_.reserve(header.rows);
    view.rows_.push_back(first_row);
    for (std::size_t i = 1; i < header.rows; ++i) {
      const auto gap = list.varint();
      if (!list.ok() || gap >= header.last_row - view.rows_.back())
        return damaged();
      view.rows_.push_back(view.rows_.back() + gap + 1);
    }
    if (!list.done())
      return damaged();
  }
  if (view.last_row() != header.last_row)
    return damaged();
  return view;
}

std::optional<std::size_t> chunk_view::find(row_id row) const noexcept {
  if (row < first_row_)
    return std::nullopt;
  if (rows_.empty())
    return row - first_row_ < count_ ? std::optional(row - first_row_) : std::nullopt;
  const auto at = std::ranges::lower_bound(rows_, row);
  if (at == rows_.end() || *at != row)
    return std::nullopt;
  return static_cast<std::size_t>(at - rows_.begin());
}

packed_vector chunk_view::packed(std::size_t index) const noexcept {
  packed_vector vector{row(index), vectors_ + index * dimension_, 0};
  std::memcpy(&vector.checksum, checksums_ + index * sizeof vector.checksum,
              sizeof vector.checksum);
  return vector;
}

result<void> chunk_view::verify(std::size_t index) const {
  return verify_vector(row(index), vector(index), packed(index).checksum);
}

void encode_tail(const packed_vector& vector, std::uint32_t dimension,
                 std::span<std::byte> out) noexcept {
  assert(out.size() == tail_bytes(dimension));
  const auto bytes = std::size_t{dimension} * sizeof(float);
  std::memcpy(out.data(), vector.data, bytes);
  std::memcpy(out.data() + bytes, &vector.checksum, sizeof vector.checksum);
}

result<std::uint32_t> copy_tail(row_id row, byte_span data, std::uint32_t dimension, float* out) {
  if (data.size() != tail_bytes(dimension))
    return corrupt(core::format("the vector of row {}", row));
  const auto bytes = std::size_t{dimension} * sizeof(float);
  std::uint32_t sum = 0;
  std::memcpy(out, data.data(), bytes);
  std::memcpy(&sum, data.data() + bytes, sizeof sum);
  return sum;
}

result<void> verify_vector(row_id row, std::span<const float> vector, std::uint32_t checksum) {
  if (vector_checksum(row, vector) != checksum)
    return corrupt(core::format("the vector of row {}", row));
  return {};
}

bool dead_rows::mark(std::size_t index) noexcept {
  assert(index < bits_.size());
  if (bits_[index])
    return false;
  bits_[index] = true;
  ++count_;
  return true;
}

void dead_rows::encode(row_id first_row, std::vector<std::byte>& out) const {
  begin_checked(out);
  byte_writer writer(out);
  writer.varint(bits_.size());
  for (std::size_t i = 0; i < bits_.size(); i += 8) {
    unsigned packed = 0;
    for (std::size_t bit = 0; bit < 8 && i + bit < bits_.size(); ++bit)
      packed |= (bits_[i + bit] ? 1U : 0U) << bit;
    writer.u8(static_cast<std::uint8_t>(packed));
  }
  finish_checked(out, first_row);
}

result<dead_rows> dead_rows::decode(row_id first_row, byte_span data) {
  auto in = open_checked(data, first_row);
  const auto rows = in.varint();
  if (rows == 0 || rows > most_rows || in.remaining() != (rows + 7) / 8)
    in.fail();
  dead_rows dead(in.ok() ? rows : 0);
  for (std::size_t i = 0; i < dead.size(); i += 8) {
    const unsigned packed = in.u8();
    for (std::size_t bit = 0; bit < 8 && i + bit < rows; ++bit)
      if ((packed >> bit & 1U) != 0)
        dead.mark(i + bit);
  }
  if (!in.done())
    return corrupt(core::format("the list of dead rows of the chunk from row {} on", first_row));
  return dead;
}

}  // namespace hearth::storage
