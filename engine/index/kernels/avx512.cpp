// Kernels for AVX-512F. Compiled with -mavx512f -mfma; called only where the CPU has it.
#include "engine/index/kernels/avx512_lanes.hpp"
#include "engine/index/kernels/block_loops.hpp"
#include "engine/index/kernels/code_loops.hpp"
#include "engine/index/kernels/fast_scan_loops.hpp"
#include "engine/index/kernels/float_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/table_loops.hpp"

namespace hearth::engine::index {

// Without AVX-512BW there are no 512-bit bytes.
const kernel_table avx512_kernels{
    .name = "avx512",
    .l2_squared = l2_squared<avx512_lanes>,
    .manhattan = manhattan<avx512_lanes>,
    .dot = dot<avx512_lanes>,
    .squared_norm = squared_norm<avx512_lanes>,
    .products = products<avx512_lanes>,
    .column_products = column_products<avx512_lanes>,
    .codes7 = short_code_loops<avx2_short_code_lanes, 7>,
    .codes4 = short_code_loops<avx2_short_code_lanes, 4>,
    .codes1 = short_code_loops<avx2_short_code_lanes, 1>,
    .code_dots = code_dots_avx2,
    .code_row_sums = code_row_sums_avx2,
    .code_hits = code_hits<avx2_code_lanes>,
    .fast_scan = {1, make_tables, fast_scan_avx2},
};

}  // namespace hearth::engine::index
