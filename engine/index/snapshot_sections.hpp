#pragma once
// Sections of a snapshot: tag, length, checksum, payload. Internal to engine/index.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "core/checksum.hpp"
#include "core/error.hpp"
#include "engine/index/vector_index.hpp"

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

/// Each section: u32 tag, u32 zero, u64 payload bytes, payload, zeros up to a multiple of 8, u64
/// checksum of all that. It goes out as it comes: nothing is held but what add() is given.
class section_writer {
 public:
  /// Bytes go to `to`, in order. After a failure of it nothing more is written.
  explicit section_writer(byte_sink to) : to_(std::move(to)) {}

  /// A section that is there already.
  template <class T>
  void add(section_tag tag, std::span<const T> values) {
    begin<T>(tag, values.size());
    append(values);
    end();
  }
  /// A section of `count` values that come in parts.
  template <class T>
  void begin(section_tag tag, std::size_t count) {
    begin_bytes(tag, count * sizeof(T));
  }
  template <class T>
  void append(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    append_bytes(std::as_bytes(values));
  }
  /// Precondition: as many values as begin() was told.
  void end();

  /// How many bytes were written, or why not all.
  [[nodiscard]] result<std::uint64_t> finish() const;

 private:
  void begin_bytes(section_tag tag, std::size_t bytes);
  void append_bytes(std::span<const std::byte> bytes);

  byte_sink to_;
  checksum_stream sum_;
  std::uint64_t missing_ = 0;  // of the section
  std::uint64_t padding_ = 0;
  std::uint64_t written_ = 0;
  result<void> state_;
};

/// Reads sections in the order in which they were written; takes no more memory than the file has.
/// The bytes start at a multiple of 8 and outlive what view() answers.
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
  /// The same where they are.
  template <class T>
  [[nodiscard]] result<std::span<const T>> view(section_tag tag) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
    HEARTH_TRY(const auto payload, next_bytes(tag, sizeof(T)));
    return std::span(reinterpret_cast<const T*>(payload.data()), payload.size() / sizeof(T));
  }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  result<std::span<const std::byte>> next_bytes(section_tag tag, std::size_t value_size);

  std::span<const std::byte> rest_;
};

}  // namespace hearth::engine::index
