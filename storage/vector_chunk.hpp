#pragma once
// Packed vectors. New ones are single values of table `tail`; sealed, they are immutable chunks of
// about 256 KiB in table `chunks`, and the dead rows of a chunk a bitmap in table `dead`.
//
// LMDB puts a value of more than half a page on pages of its own, behind a header of 16 bytes. So a
// chunk is padded to a multiple of 4096 bytes less 16: whole pages, and next to nothing wasted.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/disk.hpp"
#include "core/error.hpp"
#include "storage/namespace_store.hpp"

namespace hearth::storage {

/// A vector on its way into a chunk. The checksum travels with it, so that a damaged vector stays
/// recognizable wherever it is moved.
struct packed_vector {
  row_id row = 0;
  const float* data = nullptr;  ///< dimension values, aligned
  std::uint32_t checksum = 0;
};

/// The checksum of one vector, tied to its row: the low half of an XXH3.
[[nodiscard]] std::uint32_t vector_checksum(row_id row, std::span<const float> vector) noexcept;

/// Rows of a full chunk of this dimension: as many as fill 192 to 256 KiB best, at least 1 and at
/// most 8192.
[[nodiscard]] std::size_t rows_per_chunk(std::uint32_t dimension) noexcept;

/// Bytes that `encode_chunk` fills for these vectors. Rows rise; there is at least one.
[[nodiscard]] std::size_t chunk_bytes(std::span<const packed_vector> vectors,
                                      std::uint32_t dimension) noexcept;
/// Precondition: out.size() == chunk_bytes(vectors, dimension). Every byte is written.
void encode_chunk(std::span<const packed_vector> vectors, std::uint32_t dimension,
                  std::span<std::byte> out) noexcept;

/// A chunk in place. Everything but the vectors has been checked; each vector has its own checksum.
class chunk_view {
 public:
  /// errc::corruption naming the first row if anything does not agree.
  [[nodiscard]] static result<chunk_view> open(row_id first_row, byte_span data,
                                               std::uint32_t dimension);

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] row_id first_row() const noexcept { return first_row_; }
  [[nodiscard]] row_id last_row() const noexcept { return row(count_ - 1); }
  [[nodiscard]] row_id row(std::size_t index) const noexcept {
    return rows_.empty() ? first_row_ + index : rows_[index];
  }
  [[nodiscard]] std::optional<std::size_t> find(row_id row) const noexcept;
  [[nodiscard]] std::span<const float> vector(std::size_t index) const noexcept {
    return {vectors_ + index * dimension_, dimension_};
  }
  [[nodiscard]] packed_vector packed(std::size_t index) const noexcept;
  /// errc::corruption naming the row.
  [[nodiscard]] result<void> verify(std::size_t index) const;

 private:
  row_id first_row_ = 0;
  std::size_t count_ = 0;
  std::uint32_t dimension_ = 0;
  std::vector<row_id> rows_;  // empty: consecutive from first_row_
  const std::byte* checksums_ = nullptr;
  const float* vectors_ = nullptr;
};

/// A value of table `tail`: the vector, then its checksum.
[[nodiscard]] constexpr std::size_t tail_bytes(std::uint32_t dimension) noexcept {
  return std::size_t{dimension} * sizeof(float) + sizeof(std::uint32_t);
}
void encode_tail(const packed_vector& vector, std::uint32_t dimension,
                 std::span<std::byte> out) noexcept;
/// Copies the vector to `out` and answers its stored checksum, unverified. corruption if the size
/// is wrong.
[[nodiscard]] result<std::uint32_t> copy_tail(row_id row, byte_span data, std::uint32_t dimension,
                                              float* out);

/// errc::corruption naming the row, unless the vector has this checksum.
[[nodiscard]] result<void> verify_vector(row_id row, std::span<const float> vector,
                                         std::uint32_t checksum);

/// Which rows of a chunk are dead, by position.
class dead_rows {
 public:
  dead_rows() = default;
  explicit dead_rows(std::size_t rows) : bits_(rows) {}

  [[nodiscard]] std::size_t size() const noexcept { return bits_.size(); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] bool test(std::size_t index) const noexcept {
    return index < bits_.size() && bits_[index];
  }
  /// Answers whether it was alive.
  bool mark(std::size_t index) noexcept;

  void encode(row_id first_row, std::vector<std::byte>& out) const;
  [[nodiscard]] static result<dead_rows> decode(row_id first_row, byte_span data);

 private:
  std::vector<bool> bits_;
  std::size_t count_ = 0;
};

}  // namespace hearth::storage
