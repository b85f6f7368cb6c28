// Kernels for AVX-512 with byte instructions and VNNI. Compiled with -mavx512f -mavx512bw
// -mavx512vnni -mfma; called only where the CPU has all of them.
#include "engine/index/kernels/avx512_lanes.hpp"
#include "engine/index/kernels/fast_scan_loops.hpp"
#include "engine/index/kernels/float_loops.hpp"
#include "engine/index/kernels/kernel_table.hpp"
#include "engine/index/kernels/table_loops.hpp"
#include "engine/index/kernels/vnni_loops.hpp"

namespace hearth::engine::index {

const kernel_table avx512vnni_kernels{"avx512vnni",
                                      l2_squared<avx512_lanes>,
                                      dot<avx512_lanes>,
                                      squared_norm<avx512_lanes>,
                                      code_l2_squared_vnni,
                                      multiply<avx512_lanes>,
                                      {1, make_tables, fast_scan_avx2}};

}  // namespace hearth::engine::index
