#include "storage/attributes/row_block.hpp"

#include <algorithm>
#include <cstring>

#include "core/checksum.hpp"

namespace hearth::storage {

namespace {

using short_sum = std::uint32_t;
constexpr std::size_t bitmap_bytes = block_rows / 8;

short_sum sum_of(byte_span key, byte_span content) noexcept {
  return static_cast<short_sum>(checksum(content, checksum(key)));
}

void begin(std::vector<std::byte>& out, std::uint8_t form) {
  out.assign(sizeof(short_sum), std::byte{0});
  out.push_back(static_cast<std::byte>(form));
}

void finish(byte_span key, std::vector<std::byte>& out) noexcept {
  const auto sum = sum_of(key, std::span(out).subspan(sizeof(short_sum)));
  std::memcpy(out.data(), &sum, sizeof sum);
}

std::uint32_t count_runs(const row_block& rows) noexcept {
  std::uint32_t runs = 0;
  std::uint64_t before = 0;  // the last bit of the word before
  for (const auto word : rows.bits()) {
    runs += static_cast<std::uint32_t>(std::popcount(word & ~(word << 1 | before)));
    before = word >> 63;
  }
  return runs;
}

}  // namespace

void row_block::add_run(std::uint32_t first, std::uint32_t count) noexcept {
  for (const auto end = first + count; first < end;) {
    const auto bit = first % 64;
    const auto here = std::min(64 - bit, end - first);
    const auto mask = here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1;
    words_[first / 64] |= mask << bit;
    first += here;
  }
}

std::uint32_t row_block::size() const noexcept {
  std::uint32_t sum = 0;
  for (const auto word : words_)
    sum += static_cast<std::uint32_t>(std::popcount(word));
  return sum;
}

std::uint32_t row_block::find(std::uint32_t from, bool present) const noexcept {
  if (from >= block_rows)
    return block_rows;
  const auto wanted = [&](std::size_t at) { return present ? words_[at] : ~words_[at]; };
  auto at = from / 64;
  auto word = wanted(at) & (~std::uint64_t{0} << from % 64);
  while (word == 0)
    if (++at == words)
      return block_rows;
    else
      word = wanted(at);
  return static_cast<std::uint32_t>(at * 64 + static_cast<std::size_t>(std::countr_zero(word)));
}

// A list takes at least a byte per row, runs take at least two each: so neither is tried where the
// bitmap is shorter for sure.
void encode_row_block(byte_span key, const row_block& rows, std::vector<std::byte>& out) {
  const auto runs = count_runs(rows);
  const auto count = rows.size();
  const bool lists = count <= 3 * runs;  // few rows per run
  const auto items = lists ? std::size_t{count} : std::size_t{2} * runs;
  if (items < bitmap_bytes) {
    begin(out, lists ? row_block_view::list_form : row_block_view::runs_form);
    byte_writer to(out);
    std::uint32_t next = 0;
    for (auto first = rows.find(0, true); first < block_rows; first = rows.find(first, true)) {
      const auto end = lists ? first + 1 : rows.find(first, false);
      to.varint(first - next);
      if (!lists)
        to.varint(end - first - 1);
      next = first = end;
    }
  }
  if (items >= bitmap_bytes || out.size() > sizeof(short_sum) + 1 + bitmap_bytes) {
    begin(out, row_block_view::bitmap_form);
    byte_writer(out).bytes(std::as_bytes(rows.bits()));
  }
  finish(key, out);
}

void encode_few_rows(byte_span key, std::span<const std::uint16_t> rows,
                     std::vector<std::byte>& out) {
  begin(out, row_block_view::list_form);
  byte_writer to(out);
  std::uint32_t next = 0;
  for (const auto row : rows) {
    to.varint(row - next);
    next = row + 1U;
  }
  finish(key, out);
}

std::optional<row_block_view> row_block_view::open(byte_span key, byte_span data) noexcept {
  byte_reader in(data);
  const auto sum = in.u32();
  if (!in.ok() || sum != sum_of(key, data.subspan(sizeof sum)))
    return std::nullopt;
  const auto form = in.u8();
  if (!in.ok() || form < list_form || form > bitmap_form)
    return std::nullopt;
  return row_block_view(form, in.bytes(in.remaining()));
}

std::optional<std::uint32_t> row_block_view::size() const noexcept {
  if (form_ == bitmap_form) {
    row_block rows;
    return add_to(rows) ? std::optional(rows.size()) : std::nullopt;
  }
  std::uint32_t sum = 0;
  const auto count = [&sum](std::uint32_t, std::uint32_t rows) { sum += rows; };
  return varint_runs(count) ? std::optional(sum) : std::nullopt;
}

bool row_block_view::add_to(row_block& rows) const noexcept {
  if (form_ != bitmap_form) {
    const auto add = [&rows](std::uint32_t first, std::uint32_t count) {
      rows.add_run(first, count);
    };
    return varint_runs(add);
  }
  if (content_.size() != bitmap_bytes)
    return false;
  const auto bits = rows.bits();
  for (std::size_t i = 0; i < bits.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, content_.data() + i * sizeof word, sizeof word);
    bits[i] |= word;
  }
  return true;
}

}  // namespace hearth::storage
