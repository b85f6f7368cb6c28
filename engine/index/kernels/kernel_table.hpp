#pragma once
// One table of distance kernels per instruction set. The translation units that define the tables
// are compiled with their own machine flags, so this header holds no inline code and no standard
// container: an inline function compiled for AVX-512 could be the copy the linker keeps for all.
#include <cstddef>
#include <cstdint>

namespace hearth::engine::index {

/// Two inner products of a row of codes.
struct code_sums {
  std::int32_t high;
  std::int32_t low;
};

/// Blocks that code_hits() works on have this many rows, and queries come in groups of this many.
inline constexpr std::size_t code_block_rows = 32;
inline constexpr std::size_t group_queries = 16;

/// A block of rows of codes and the queries they are compared with.
struct code_block {
  const std::byte* rows;   ///< code_block_rows rows, row_bytes apart; starts at a multiple of 64
  std::size_t row_bytes;   ///< a multiple of 64
  std::size_t first_byte;  ///< of the codes in a row: a multiple of 4
  std::size_t end_byte;    ///< behind the codes: a multiple of 4
  const float* terms;      ///< per row
  float error;             ///< of all rows
  float spread;            ///< of all rows
};

/// Queries for code_hits(). All but `packed` have one value per query.
struct code_queries {
  /// Signed bytes. A group has row_bytes / 4 steps of 64 bytes: bytes 4s to 4s + 3 of its first
  /// query, then of its second, and so on. Zeros outside of the codes.
  const std::byte* packed;
  std::size_t groups;
  const float* scale;
  const float* fixed;
  const float* per_error;
  const float* per_spread;
};

struct code_hit {
  std::uint16_t query;
  std::uint16_t row;
};

/// Distances between rows of short_codes: codes of some bits behind the first four bytes, which do
/// not count. `bytes` is a multiple of 64, and so is each address. Exact.
struct short_code_kernels {
  /// sum((a - b)^2) of the codes in two rows
  std::uint32_t (*l2_squared)(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept;
  /// The same from one row to each of `count`.
  void (*l2_squared_many)(const std::byte* a, const std::byte* const* rows, std::size_t count,
                          std::size_t bytes, std::uint32_t* sums) noexcept;
};

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
  /// sum(|a - b|)
  float (*manhattan)(const float* a, const float* b, std::size_t n) noexcept;
  /// sum(a * b)
  float (*dot)(const float* a, const float* b, std::size_t n) noexcept;
  /// sum(a^2)
  float (*squared_norm)(const float* a, std::size_t n) noexcept;
  /// The matrix of `rows` rows of `columns` values, one after the other, times the vector.
  void (*products)(const float* matrix, std::size_t rows, std::size_t columns, const float* vector,
                   float* out) noexcept;
  /// out[c] = sum(vector[i] * matrix[i * columns + c]) over i < n. `columns` is a multiple of 16.
  void (*column_products)(const float* vector, std::size_t n, const float* matrix,
                          std::size_t columns, float* out) noexcept;
  /// Of rows of 7-bit codes, a byte each, of 4-bit codes, two in a byte, and of single bits.
  short_code_kernels codes7;
  short_code_kernels codes4;
  short_code_kernels codes1;
  /// sum(row * high) and sum(row * low) over all `bytes`, unsigned in the row and signed in the
  /// other two. `bytes` is a multiple of 64, and so is each address. Exact.
  code_sums (*code_dots)(const std::byte* row, const std::byte* high, const std::byte* low,
                         std::size_t bytes) noexcept;
  /// sum(row * query) for each of `count` rows that lie row_bytes apart, a multiple of 64; the
  /// query, row_bytes signed bytes, starts at a multiple of 64 too. Exact.
  void (*code_row_sums)(const std::byte* rows, std::size_t row_bytes, std::size_t count,
                        const std::byte* query, std::int32_t* sums) noexcept;
  /// The pairs with terms[row] + scale[query] * sum(row * query) <= fixed[query] +
  /// per_error[query] * error + per_spread[query] * spread, in no particular order, and how many
  /// there are. The sum is exact, the rest is float32. NaN in a term or in `fixed` leaves the row
  /// or the query out. `hits` has room for all pairs and 16 more.
  std::size_t (*code_hits)(const code_block& block, const code_queries& queries,
                           code_hit* hits) noexcept;
  fast_scan_kernel fast_scan;
};

extern const kernel_table scalar_kernels;
#if defined(__x86_64__)
extern const kernel_table avx2_kernels;        ///< needs AVX2 and FMA
extern const kernel_table avx512_kernels;      ///< needs AVX-512F
extern const kernel_table avx512vnni_kernels;  ///< needs AVX-512F, BW and VNNI
extern const kernel_table avx512vbmi_kernels;  ///< these and VBMI
extern const kernel_table amx_kernels;  ///< these, AMX with bytes, and leave to use its tiles
#endif

}  // namespace hearth::engine::index
