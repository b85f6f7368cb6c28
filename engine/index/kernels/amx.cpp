// Kernels for AMX with bytes. Compiled with -mamx-tile -mamx-int8 and the flags of avx512vbmi.cpp;
// called only where the CPU has all of them and the kernel lets this process use tiles.
#include <immintrin.h>

#include "engine/index/kernels/avx512_lanes.hpp"
#include "engine/index/kernels/float_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/table_loops.hpp"
#include "engine/index/kernels/tile_loops.hpp"
#include "engine/index/kernels/vbmi_loops.hpp"
#include "engine/index/kernels/vnni_loops.hpp"

namespace hearth::engine::index {
namespace {

struct alignas(64) tile_configuration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Not on the stack: g++ 12 takes the instruction for one that reads eight bytes of it.
constexpr tile_configuration configuration;
static_assert(sizeof configuration == 64);

/// Tiles 0 to 3 hold sums, 4 and 5 rows, 6 and 7 queries. Their numbers are part of the
/// instructions. Released in the end, or each switch between threads would save 8 KiB.
class amx_tiles {
 public:
  amx_tiles() noexcept { _tile_loadconfig(&configuration); }
  amx_tiles(const amx_tiles&) = delete;
  amx_tiles& operator=(const amx_tiles&) = delete;
  ~amx_tiles() { _tile_release(); }

  void clear() noexcept {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  void multiply_add(const std::byte* rows, const std::byte* more_rows, std::size_t row_bytes,
                    const std::byte* queries, const std::byte* more_queries) noexcept {
    _tile_loadd(4, rows, row_bytes);
    _tile_loadd(6, queries, 64);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, more_queries, 64);
    _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, more_rows, row_bytes);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  void store(tile_sums (&sums)[2][2]) noexcept {
    _tile_stored(0, sums[0][0], 64);
    _tile_stored(1, sums[0][1], 64);
    _tile_stored(2, sums[1][0], 64);
    _tile_stored(3, sums[1][1], 64);
  }
};

}  // namespace

const kernel_table amx_kernels{
    .name = "amx",
    .l2_squared = l2_squared<avx512_lanes>,
    .manhattan = manhattan<avx512_lanes>,
    .dot = dot<avx512_lanes>,
    .squared_norm = squared_norm<avx512_lanes>,
    .products = products<avx512_lanes>,
    .column_products = column_products<avx512_lanes>,
    .codes7 = short_code_loops<vnni_code_lanes, 7>,
    .codes4 = short_code_loops<vnni_code_lanes, 4>,
    .codes1 = short_code_loops<vnni_code_lanes, 1>,
    .code_dots = code_dots_vnni,
    .code_row_sums = code_row_sums_vnni,
    .code_hits = code_hits_by_tiles<amx_tiles, vnni_lanes>,
    .fast_scan = {4, make_tables, fast_scan_vbmi},
};

}  // namespace hearth::engine::index
