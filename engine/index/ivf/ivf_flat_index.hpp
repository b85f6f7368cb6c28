#pragma once
// An inverted file of float32 vectors.
#include "engine/index/ivf/ivf_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// The lists hold the vectors, one after the other, so that a search streams them; there is no
/// other copy. Distances are those of flat_index, bit for bit, and with all lists looked into so
/// are the answers. While it learns new lists, it holds the vectors twice.
class ivf_flat_index final : public ivf_index {
 public:
  ivf_flat_index(std::uint32_t dimension, distance_kind distance, const index_params& params);

  /// Makes an index from what save() wrote. Every number is checked before it is used:
  /// errc::corruption. Errors of `fetch` are passed on.
  [[nodiscard]] static result<std::unique_ptr<ivf_flat_index>>
  load(section_reader& sections, std::uint32_t dimension, distance_kind distance,
       const index_params& params, const fetch_vectors& fetch);

 private:
  class flat_lists;

  void reserve(slot_id) override {}
  const float* keep(slot_id slot, std::span<const float> vector) override;
  [[nodiscard]] const float* kept(slot_id slot) const override;
  [[nodiscard]] std::unique_ptr<structure> learn(matrix_view sample, std::uint32_t lists) override;
  [[nodiscard]] result<std::unique_ptr<structure>> read(section_reader& sections,
                                                        std::uint32_t lists) override;
  [[nodiscard]] bool rows_are_sound(const structure& of, std::span<const std::byte> rows,
                                    std::size_t count) const override;
  [[nodiscard]] bool rows_are_vectors() const noexcept override { return true; }
  [[nodiscard]] std::optional<std::vector<neighbor>> find(const structure& in, const float* query,
                                                          const share& spent) const override;
  [[nodiscard]] std::vector<neighbor> scan(const float* query, std::size_t k,
                                           const row_selection* among) const override;
  [[nodiscard]] std::size_t vector_bytes() const noexcept override { return 0; }

  const vector_store space_;       // empty: what distances are
  std::vector<float> normalized_;  // writer only
};

}  // namespace hearth::engine::index
