#pragma once
// An array of fixed-size cells that grows without ever moving one, so readers need no lock.
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace hearth::engine::index {

/// Numbers the place of one vector inside an index. Slots are used again after an erase; rows are
/// not.
using slot_id = std::uint32_t;
inline constexpr slot_id no_slot = std::numeric_limits<slot_id>::max();
/// Slots are smaller than 2^slot_bits: structures that pack something beside a slot have room.
inline constexpr unsigned slot_bits = 30;

/// Cells of `stride` bytes, zero until written, in segments that double in size. A segment is
/// mapped without being touched, so it costs memory only where cells are used.
/// Thread rule: one thread calls reserve(); at() is for any thread that learned of the cell through
/// an acquire load that follows the reserve().
class slot_segments {
 public:
  static constexpr std::uint64_t first_cells = 256;
  static constexpr std::size_t max_segments = 22;  ///< enough for every slot_id
  static constexpr std::uint64_t max_cells = (first_cells << max_segments) - first_cells;
  static_assert(max_cells < std::uint64_t{1} << slot_bits);

  explicit slot_segments(std::size_t stride) noexcept : stride_(stride) {}
  slot_segments(const slot_segments&) = delete;
  slot_segments& operator=(const slot_segments&) = delete;
  ~slot_segments();

  /// Makes cells [0, cells) addressable. Throws std::bad_alloc, and then has changed nothing that
  /// matters. Precondition: cells <= max_cells.
  void reserve(std::uint64_t cells);
  /// Unmaps everything. No reader may be in it.
  void release() noexcept;

  [[nodiscard]] std::byte* at(slot_id cell) const noexcept {
    const std::uint64_t position = cell + first_cells;
    const auto segment = static_cast<unsigned>(std::bit_width(position / first_cells)) - 1;
    const std::uint64_t offset = position - (first_cells << segment);
    return segments_[segment].load(std::memory_order_relaxed) + offset * stride_;
  }
  template <class T>
  [[nodiscard]] T* at(slot_id cell) const noexcept {
    return reinterpret_cast<T*>(at(cell));
  }

  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }

 private:
  const std::size_t stride_;
  std::size_t segment_count_ = 0;
  // Relaxed is enough: whoever knows a cell's number synchronized with the reserve() before it.
  std::array<std::atomic<std::byte*>, max_segments> segments_{};
};

}  // namespace hearth::engine::index
