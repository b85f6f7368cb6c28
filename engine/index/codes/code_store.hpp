#pragma once
// The codes of an index, one row per slot.
#include <algorithm>

#include "engine/index/codes/reduced_codes.hpp"
#include "engine/index/codes/scalar_codes.hpp"
#include "engine/index/codes/short_codes.hpp"
#include "engine/index/slot_segments.hpp"

namespace hearth::engine::index {

/// Rows of `Codes`, which is short_codes, scalar_codes or reduced_codes. Thread rule: as
/// vector_store.
template <class Codes>
class coded_rows {
 public:
  explicit coded_rows(Codes trained) : codes_(std::move(trained)), rows_(codes_.row_bytes()) {}

  void reserve(std::uint64_t slots) { rows_.reserve(slots); }
  void put(slot_id slot, const float* vector) noexcept { codes_.encode(vector, rows_.at(slot)); }
  /// A row that encode() wrote once; false if it did not.
  [[nodiscard]] bool load(slot_id slot, std::span<const std::byte> row) noexcept {
    std::ranges::copy(row, rows_.at(slot));
    return codes_.is_row(rows_.at(slot));
  }
  [[nodiscard]] const std::byte* at(slot_id slot) const noexcept { return rows_.at(slot); }
  [[nodiscard]] const Codes& codes() const noexcept { return codes_; }
  [[nodiscard]] float distance(slot_id a, slot_id b) const noexcept {
    return codes_.distance(at(a), at(b));
  }
  /// Asks for a row and answers where it is.
  const std::byte* prefetch(slot_id slot) const noexcept {
    const std::byte* row = at(slot);
    for (std::size_t offset = 0; offset < codes_.row_bytes(); offset += 64)
      __builtin_prefetch(row + offset);
    return row;
  }

 private:
  const Codes codes_;
  slot_segments rows_;
};

using code_store = coded_rows<short_codes>;
using scalar_store = coded_rows<scalar_codes>;
using reduced_store = coded_rows<reduced_codes>;

/// The distance from one coded row to slots, in the order of reported distances.
class code_distance {
 public:
  code_distance(const code_store& store, const std::byte* query) noexcept
      : store_(store), query_(query) {}

  [[nodiscard]] float operator()(slot_id slot) const noexcept {
    return store_.codes().distance(query_, store_.at(slot));
  }
  const std::byte* prefetch(slot_id slot) const noexcept { return store_.prefetch(slot); }
  void measure(std::span<const std::byte* const> rows, float* out) const noexcept {
    store_.codes().distances(query_, rows, out);
  }

 private:
  const code_store& store_;
  const std::byte* query_;
};

}  // namespace hearth::engine::index
