#pragma once
// The exact index: every search looks at every row, or at codes that prove it needs not to. The
// oracle of all tests, and the structure of fresh tails, where rows come and go all the time.
#include <optional>

#include "engine/index/exact_codes.hpp"
#include "engine/index/row_directory.hpp"
#include "engine/index/vector_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

enum class flat_codes {
  none,     ///< nothing but the vectors: insertion is a copy
  learned,  ///< from 4,096 rows on, scalar codes beside the vectors: see exact_codes, search_exact
};

/// Without codes, insert and erase cost one copy and one hash operation per row. With them
/// inserting costs several times as much and searching far less; what is found is the same, bit for
/// bit. Slots of erased rows are used again once the searches that were running are done, so memory
/// is bounded by the most rows there ever were at a time (plus those erased during the longest
/// search).
class flat_index final : public vector_index {
 public:
  flat_index(std::uint32_t dimension, distance_kind distance, flat_codes codes = flat_codes::none);

  [[nodiscard]] result<void> insert(std::span<const row_id> rows, matrix_view vectors) override;
  std::size_t erase(std::span<const row_id> rows) override;
  [[nodiscard]] std::vector<neighbor> search(std::span<const float> query, std::size_t k,
                                             const search_effort& effort) const override;
  [[nodiscard]] std::vector<std::vector<neighbor>>
  search_batch(matrix_view queries, std::size_t k, const search_effort& effort) const override;
  [[nodiscard]] bool contains(row_id row) const override;
  [[nodiscard]] std::size_t size() const noexcept override { return rows_.size(); }
  [[nodiscard]] std::uint32_t dimension() const noexcept override { return vectors_.dimension(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;
  /// Just the row numbers: with them a snapshot says which rows it covers.
  [[nodiscard]] std::vector<std::byte> serialize() const override;

 private:
  row_directory rows_;
  vector_store vectors_;
  std::optional<exact_codes> codes_;
};

/// The checks that insert() of every index begins with: as many rows as vectors, the dimension, no
/// row twice or already there.
[[nodiscard]] result<void> check_insert(const row_directory& directory, std::uint32_t dimension,
                                        std::span<const row_id> rows, matrix_view vectors);

}  // namespace hearth::engine::index
