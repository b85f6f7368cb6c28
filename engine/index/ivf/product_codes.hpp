#pragma once
// Product quantization (Jegou, Douze and Schmid, "Product quantization for nearest neighbor
// search", 2011): a vector is cut into parts, and each part becomes the number of a codeword.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::engine::index {

/// The inner products of one query with every codeword, in the form that scans want.
class product_tables {
 public:
  /// For 4-bit codes: 8-bit tables.
  [[nodiscard]] const fast_scan_query& fast() const noexcept { return fast_; }
  /// For 8-bit codes: 256 products per part.
  [[nodiscard]] const float* products() const noexcept { return products_.data(); }

 private:
  friend class product_codes;
  struct alignas(64) line {
    std::uint8_t entries[64];
  };

  std::vector<float> products_;
  std::vector<float> lows_;
  std::vector<line> lines_;
  fast_scan_query fast_{};
};

/// Parts differ in width: each gets as many dimensions as its bits suffice for, so that dimensions
/// with much variance have finer codes than those with little. Immutable once learned: any thread.
class product_codes {
 public:
  /// What decides everything else.
  struct model {
    std::uint32_t bits = 4;             ///< 4 or 8
    std::vector<std::uint32_t> starts;  ///< the first dimension of each part, then the dimension
    /// For each part its width x 2^bits values: codeword c is column c.
    std::vector<float> codebooks;
  };

  /// `parts` or fewer, at most the dimension. `sample` has a row and finite squared distances.
  /// Deterministic.
  [[nodiscard]] static model learn(matrix_view sample, std::uint32_t parts, std::uint32_t bits,
                                   std::uint64_t seed);
  explicit product_codes(model learned);

  [[nodiscard]] const model& learned() const noexcept { return model_; }
  [[nodiscard]] std::uint32_t bits() const noexcept { return model_.bits; }
  [[nodiscard]] std::size_t parts() const noexcept { return model_.starts.size() - 1; }
  /// With 4 bits, in the order that fast_scan_kernel describes, zeros up to a whole group; with 8,
  /// a byte per part.
  [[nodiscard]] std::size_t code_bytes() const noexcept {
    return bits() == 4 ? groups() * 4 : parts();
  }
  /// Writes the codes of `vector` and what they stand for: dimension values.
  void encode(const float* vector, std::byte* codes, float* decoded) const;
  void make_tables(const float* query, product_tables& tables) const;
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return (model_.codebooks.size() + half_norms_.size()) * sizeof(float) +
           model_.starts.size() * sizeof(std::uint32_t);
  }

 private:
  [[nodiscard]] std::size_t codewords() const noexcept { return std::size_t{1} << model_.bits; }
  [[nodiscard]] std::size_t groups() const noexcept { return (parts() + 7) / 8; }
  [[nodiscard]] std::size_t width(std::size_t part) const noexcept {
    return model_.starts[part + 1] - model_.starts[part];
  }
  [[nodiscard]] const float* codebook(std::size_t part) const noexcept {
    return model_.codebooks.data() + model_.starts[part] * codewords();
  }

  model model_;
  const kernel_table& kernel_;
  std::vector<float> half_norms_;  // parts x codewords: half the squared lengths
};

}  // namespace hearth::engine::index
