#pragma once
// Exact searches that read codes first: a row's vector is looked at only if its codes leave open
// whether it is among the nearest.
#include <cstddef>
#include <vector>

#include "core/matrix_view.hpp"
#include "engine/index/chosen_rows.hpp"
#include "engine/index/codes/code_store.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// What a search works on. `codes` hold every slot below `bound`, and so do `reduced` where they
/// are given.
struct exact_view {
  chosen_rows rows;
  const vector_store& vectors;
  const scalar_store& codes;
  const reduced_store* reduced;
  slot_id bound;
};

/// For each query what scan_exact answers, bit for bit: the min(k, chosen rows) nearest.
///
/// Rows are taken in blocks of 32 whose codes (the reduced ones, where there are some) stay in the
/// L1 cache while all the queries of a batch, in groups of 16, are compared with them
/// (kernel_table::code_hits: matrix tiles, VNNI, AVX2). A pair whose lowest possible distance is
/// above the query's k-th nearest so far is done with; that is nearly all of them. The others are
/// compared by full codes, and what these leave open by their vectors. So the time of a batch is
/// that of the integer products, and the time of a lone query that of reading the codes. Queries
/// that float32 cannot square, and those that meet a distance that float32 cannot hold, are
/// answered by scan_exact.
///
/// `queries` are normalized already if the distance is cosine. The caller holds a pin, taken before
/// it read the bound and the codes. Any thread; runs on the calling one, and its working memory
/// stays with the thread.
[[nodiscard]] std::vector<std::vector<neighbor>> search_exact(const exact_view& view,
                                                              matrix_view queries, std::size_t k);

}  // namespace hearth::engine::index
