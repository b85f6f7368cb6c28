#pragma once
// Sections of a snapshot: tag, length, checksum, payload. Internal to engine/index.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "core/error.hpp"

namespace hearth::engine::index {

static_assert(std::endian::native == std::endian::little, "snapshots are little-endian");

/// Numbers are part of the file format.
enum class section_tag : std::uint32_t {
  rows = 1,         ///< u64 per vector: its row, rising; a vector's position here is its number
  levels = 2,       ///< u8 per vector: its top layer
  parents = 3,      ///< u32 per vector: its parent in the spanning tree, itself for the root
  link_counts = 4,  ///< u16 per vector and layer, layers 0..level of vector 0, then of vector 1 ...
  links = 5,        ///< u32 numbers of vectors, as many as the counts say, in the same order
  entry = 6,        ///< u32: where searches begin; no_slot if there are no vectors
  code_model =
      7,  ///< f32: lowest, step, bits, mean, components of short_codes::model; empty: no codes
  code_rows = 8,         ///< bytes of each vector's code row, in the order of the rows
  ivf_training = 32,     ///< u64: lists (0: none), then what decides when to learn them again
  ivf_lists = 33,        ///< u32 per vector: its list
  ivf_rows = 34,         ///< bytes of each vector's row in its list; none if that is the vector
  ivf_centroids = 35,    ///< f32: the lists' centroids, one after the other
  ivf_projection = 36,   ///< f32: mean, then components, one after the other
  ivf_part_starts = 37,  ///< u32: the first component of each part, then their number
  ivf_codebooks = 38,    ///< f32: for each part its components x codewords
};

/// Each section: u32 tag, u32 zero, u64 payload bytes, u64 checksum of the padded payload (seeded
/// with tag and length), payload, zeros up to a multiple of 8.
class section_writer {
 public:
  template <class T>
  void add(section_tag tag, std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    add_bytes(tag, std::as_bytes(values));
  }
  [[nodiscard]] std::vector<std::byte> take() && { return std::move(bytes_); }

 private:
  void add_bytes(section_tag tag, std::span<const std::byte> payload);

  std::vector<std::byte> bytes_;
};

/// Reads sections in the order in which they were written; takes no more memory than the file has.
class section_reader {
 public:
  explicit section_reader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  /// The values of the next section. errc::corruption if it is another one, is cut short, is not a
  /// whole number of values, or does not match its checksum.
  template <class T>
  [[nodiscard]] result<std::vector<T>> next(section_tag tag) {
    static_assert(std::is_trivially_copyable_v<T>);
    HEARTH_TRY(const auto payload, next_bytes(tag, sizeof(T)));
    std::vector<T> values(payload.size() / sizeof(T));
    if (!values.empty())
      std::memcpy(values.data(), payload.data(), payload.size());
    return values;
  }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  result<std::span<const std::byte>> next_bytes(section_tag tag, std::size_t value_size);

  std::span<const std::byte> rest_;
};

}  // namespace hearth::engine::index
