#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/ivf/ivf_flat_index.hpp"
#include "engine/index/ivf/ivf_pq_index.hpp"
#include "engine/index/kd_tree/kd_tree_index.hpp"

namespace hearth::engine::index {

std::unique_ptr<vector_index> make_index(std::uint32_t dimension, distance_kind distance,
                                         const index_params& params) {
  switch (params.kind) {
  case index_kind::flat:
    return std::make_unique<flat_index>(dimension, distance);
  case index_kind::ivf_flat:
    return std::make_unique<ivf_flat_index>(dimension, distance, params);
  case index_kind::ivf_pq:
    return std::make_unique<ivf_pq_index>(dimension, distance, params);
  case index_kind::kd_tree:
    return std::make_unique<kd_tree_index>(dimension, distance);
  case index_kind::hnsw:
    break;
  }
  return std::make_unique<hnsw_index>(dimension, distance, params);
}

}  // namespace hearth::engine::index
