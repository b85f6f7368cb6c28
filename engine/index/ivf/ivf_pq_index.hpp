#pragma once
// An inverted file of short codes.
#include "engine/index/ivf/ivf_index.hpp"
#include "engine/index/ivf/list_search.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// Vectors are turned into their strongest principal components and clustered there. A list holds,
/// of each of its vectors, the codes of what separates it from the centroid, and two numbers:
///
/// - With c the centroid, r = x - c and r' what the codes stand for, a distance needs <q - c, r>.
///   That is estimated as <q - c, r'> * |r|^2 / <r, r'>, which is right on average for the part of
///   q - c that points along r (Gao and Long, "RaBitQ", 2024, whose codes have one bit).
/// - So |q - x|^2 is about |q - c|^2 + bias + factor * (-2 <q, r'>): all that depends on both the
///   query and the row is a sum over tables that are the same for all lists.
/// - What the components leave out is taken to be at right angles, as in short_codes.
///
/// The ef candidates with the nearest estimates get their true distances from float32 vectors.
class ivf_pq_index final : public ivf_index {
 public:
  ivf_pq_index(std::uint32_t dimension, distance_kind distance, const index_params& params);

  /// Makes an index from what save() wrote. Every number is checked before it is used:
  /// errc::corruption. Errors of `fetch` are passed on.
  [[nodiscard]] static result<std::unique_ptr<ivf_pq_index>>
  load(section_reader& sections, std::uint32_t dimension, distance_kind distance,
       const index_params& params, const fetch_vectors& fetch);

 private:
  class coded_lists;

  void reserve(slot_id bound) override { vectors_.reserve(bound); }
  const float* keep(slot_id slot, std::span<const float> vector) override;
  [[nodiscard]] const float* kept(slot_id slot) const override { return vectors_.at(slot); }
  [[nodiscard]] std::unique_ptr<structure> learn(matrix_view sample, std::uint32_t lists) override;
  [[nodiscard]] result<std::unique_ptr<structure>> read(section_reader& sections,
                                                        std::uint32_t lists) override;
  [[nodiscard]] bool rows_are_sound(const structure& of, std::span<const std::byte> rows,
                                    std::size_t count) const override;
  [[nodiscard]] bool rows_are_vectors() const noexcept override { return false; }
  [[nodiscard]] std::optional<std::vector<neighbor>> find(const structure& in, const float* query,
                                                          const share& spent) const override;
  [[nodiscard]] std::vector<neighbor> scan(const float* query, std::size_t k,
                                           const row_selection* among) const override;
  [[nodiscard]] std::size_t vector_bytes() const noexcept override {
    return directory().bound() * vectors_.stride();
  }
  [[nodiscard]] std::uint32_t parts() const noexcept;
  [[nodiscard]] std::optional<std::vector<neighbor>>
  rank(const query_distance& distance, std::size_t k, std::span<scored_slot> candidates) const;

  vector_store vectors_;
};

}  // namespace hearth::engine::index
