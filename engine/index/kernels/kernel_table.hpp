#pragma once
// One table of distance kernels per instruction set. The translation units that define the tables
// are compiled with their own machine flags, so this header holds no inline code and no standard
// container: an inline function compiled for AVX-512 could be the copy the linker keeps for all.
#include <cstddef>
#include <cstdint>

namespace hearth::engine::index {

/// What a scan of one block of 4-bit codes is given.
struct fast_scan_query {
  /// Sixteen 8-bit entries per part of a vector, parts in order, at a multiple of 64.
  const std::uint8_t* tables;
  std::size_t groups;  ///< eight parts each
  float scale;         ///< what 1 in a table stands for
  float base;          ///< what the tables leave out
};

/// Rows are scanned 32 at a time (Andre, Kermarrec and Le Scouarnec, "Cache locality is not enough:
/// high-performance nearest neighbor search with product quantization fast scan", 2015): the tables
/// stay in registers and are looked up in by byte shuffles.
///
/// A row's codes are four bytes per group of eight parts: byte b holds part b in its low half and
/// part 4 + b in its high half. The bytes of a block are in the order that suits the instruction
/// set: `together` bytes of row 0, as many of row 1, and so on to row 31; then the next ones.
struct fast_scan_kernel {
  std::uint32_t together;  ///< 1 or 4
  /// Makes query.tables, scale and base of `products`: sixteen per part, `parts` a multiple of 8.
  /// Each table counts from its smallest product on, in steps of 1/255 of the widest table's range.
  /// `lows` is room for one value per part.
  void (*make_tables)(const float* products, std::size_t parts, float* lows, std::uint8_t* tables,
                      fast_scan_query* query) noexcept;
  /// distances[r] = biases[r] + factors[r] * (base + scale * s) for the 32 rows of a block, where s
  /// is the exact sum of the row's table entries. Bit r of the answer says: below `limit`. Factors
  /// and biases are finite; any alignment.
  std::uint32_t (*scan)(const fast_scan_query& query, const std::byte* codes, const float* factors,
                        const float* biases, float limit, float* distances) noexcept;
};

/// Kernels over `n` float32 values. Any n (0 gives 0), any alignment. Sums run in float32 in a
/// fixed order per table, so equal input bits give equal output bits wherever the vectors lie. A
/// sum beyond the float32 range is infinite, or NaN where infinities of both signs meet.
struct kernel_table {
  const char* name;
  /// sum((a - b)^2)
  float (*l2_squared)(const float* a, const float* b, std::size_t n) noexcept;
  /// sum(a * b)
  float (*dot)(const float* a, const float* b, std::size_t n) noexcept;
  /// sum(a^2)
  float (*squared_norm)(const float* a, std::size_t n) noexcept;
  /// sum((a - b)^2) of the codes in two rows of short_codes: 7-bit values behind the first four
  /// bytes, which do not count. `bytes` is a multiple of 64, and so is each address. Exact.
  std::uint32_t (*code_l2_squared)(const std::byte* a, const std::byte* b,
                                   std::size_t bytes) noexcept;
  /// out[c] = sum(vector[i] * matrix[i * columns + c]) over i < n. `columns` is a multiple of 16.
  void (*multiply)(const float* vector, std::size_t n, const float* matrix, std::size_t columns,
                   float* out) noexcept;
  fast_scan_kernel fast_scan;
};

extern const kernel_table scalar_kernels;
#if defined(__x86_64__)
extern const kernel_table avx2_kernels;        ///< needs AVX2 and FMA
extern const kernel_table avx512_kernels;      ///< needs AVX-512F
extern const kernel_table avx512vnni_kernels;  ///< needs AVX-512F, BW and VNNI
extern const kernel_table avx512vbmi_kernels;  ///< needs AVX-512F, BW, VNNI and VBMI
#endif

}  // namespace hearth::engine::index
