#pragma once
// Values of table `attributes`: which rows of a block of 65,536 an entry stands for.
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "storage/attributes/attribute_keys.hpp"

namespace hearth::storage {

/// The rows of one block, by their lower 16 bits.
class row_block {
 public:
  static constexpr std::size_t words = block_rows / 64;

  void add(std::uint16_t row) noexcept { words_[row / 64] |= std::uint64_t{1} << row % 64; }
  void remove(std::uint16_t row) noexcept { words_[row / 64] &= ~(std::uint64_t{1} << row % 64); }
  [[nodiscard]] bool contains(std::uint16_t row) const noexcept {
    return (words_[row / 64] >> row % 64 & 1) != 0;
  }
  /// Rows [first, first + count).
  void add_run(std::uint32_t first, std::uint32_t count) noexcept;
  [[nodiscard]] std::uint32_t size() const noexcept;
  /// The first row from `from` on that is in it, or is not; block_rows if there is none.
  [[nodiscard]] std::uint32_t find(std::uint32_t from, bool present) const noexcept;

  [[nodiscard]] std::span<const std::uint64_t, words> bits() const noexcept { return words_; }
  [[nodiscard]] std::span<std::uint64_t, words> bits() noexcept { return words_; }

 private:
  std::array<std::uint64_t, words> words_{};
};

/// Replaces `out` by the shortest form of at least one row. The checksum is tied to `key`.
void encode_row_block(byte_span key, const row_block& rows, std::vector<std::byte>& out);
/// The same for few rows, rising.
void encode_few_rows(byte_span key, std::span<const std::uint16_t> rows,
                     std::vector<std::byte>& out);

/// A value of table `attributes` behind a correct checksum. Lives as long as the bytes.
class row_block_view {
 public:
  /// Nothing if the value is damaged, or is that of another key.
  [[nodiscard]] static std::optional<row_block_view> open(byte_span key, byte_span data) noexcept;

  /// Calls `visit(first, count)` with runs of rows, rising. False where the content is not what was
  /// written; `visit` may have been called by then.
  template <class Visit>
  [[nodiscard]] bool for_each_run(Visit&& visit) const {
    return form_ == bitmap_form ? bitmap_runs(visit) : varint_runs(visit);
  }
  /// Nothing if the content is not what was written.
  [[nodiscard]] std::optional<std::uint32_t> size() const noexcept;
  [[nodiscard]] bool add_to(row_block& rows) const noexcept;

  // The first byte of the content. On disk.
  static constexpr std::uint8_t list_form = 1;    ///< distances between rows
  static constexpr std::uint8_t runs_form = 2;    ///< distances between runs and their lengths
  static constexpr std::uint8_t bitmap_form = 3;  ///< a bit per row

 private:
  row_block_view(std::uint8_t form, byte_span content) noexcept : form_(form), content_(content) {}

  template <class Visit>
  [[nodiscard]] bool varint_runs(Visit& visit) const {
    byte_reader in(content_);
    std::uint64_t next = 0;
    while (in.remaining() > 0) {
      const auto gap = in.varint();
      const auto longer = form_ == runs_form ? in.varint() : 0;
      if (!in.ok() || gap >= block_rows || longer >= block_rows ||
          next + gap + longer >= block_rows)
        return false;
      visit(static_cast<std::uint32_t>(next + gap), static_cast<std::uint32_t>(longer + 1));
      next += gap + longer + 1;
    }
    return next > 0;
  }
  template <class Visit>
  [[nodiscard]] bool bitmap_runs(Visit& visit) const {
    row_block rows;
    if (!add_to(rows))
      return false;
    for (auto first = rows.find(0, true); first < block_rows;) {
      const auto end = rows.find(first, false);
      visit(first, end - first);
      first = rows.find(end, true);
    }
    return true;
  }

  std::uint8_t form_;
  byte_span content_;
};

}  // namespace hearth::storage
