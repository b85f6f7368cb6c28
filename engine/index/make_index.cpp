#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"

namespace hearth::engine::index {

std::unique_ptr<vector_index> make_index(std::uint32_t dimension, distance_kind distance,
                                         const index_params& params, const fetch_vectors& stored) {
  switch (params.kind) {
  case index_kind::flat:
    return std::make_unique<flat_index>(dimension, distance);
  case index_kind::hnsw:
  case index_kind::ivf_flat:
  case index_kind::ivf_pq:
  case index_kind::kd_tree:
    break;
  }
  return std::make_unique<hnsw_index>(dimension, distance, params, stored);
}

}  // namespace hearth::engine::index
