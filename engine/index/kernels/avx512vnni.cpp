// Kernels for AVX-512 with byte instructions and VNNI. Compiled with -mavx512f -mavx512bw
// -mavx512vnni -mfma; called only where the CPU has all of them.
#include "engine/index/kernels/avx512_lanes.hpp"
#include "engine/index/kernels/block_loops.hpp"
#include "engine/index/kernels/fast_scan_loops.hpp"
#include "engine/index/kernels/float_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/table_loops.hpp"
#include "engine/index/kernels/vnni_loops.hpp"

namespace hearth::engine::index {

const kernel_table avx512vnni_kernels{
    .name = "avx512vnni",
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
    .code_hits = code_hits<vnni_lanes>,
    .fast_scan = {1, make_tables, fast_scan_avx2},
};

}  // namespace hearth::engine::index
