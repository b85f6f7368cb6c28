#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/ivf/ivf_flat_index.hpp"
#include "engine/index/ivf/ivf_pq_index.hpp"
#include "engine/index/kd_tree/kd_tree_index.hpp"

namespace hearth::engine::index {

std::vector<std::vector<neighbor>> vector_index::search_batch(matrix_view queries, std::size_t k,
                                                              const search_effort& effort) const {
  std::vector<std::vector<neighbor>> found;
  found.reserve(queries.rows());
  for (std::size_t query = 0; query < queries.rows(); ++query)
    found.push_back(search(queries.row(query), k, effort));
  return found;
}

std::unique_ptr<vector_index> make_plain_flat(std::uint32_t dimension, distance_kind distance) {
  return std::make_unique<flat_index>(dimension, distance);
}

std::unique_ptr<vector_index> make_index(std::uint32_t dimension, distance_kind distance,
                                         const index_params& params, const fetch_vectors& stored) {
  switch (params.kind) {
  case index_kind::flat:
    return std::make_unique<flat_index>(dimension, distance, flat_codes::learned);
  case index_kind::ivf_flat:
    return std::make_unique<ivf_flat_index>(dimension, distance, params);
  case index_kind::ivf_pq:
    return std::make_unique<ivf_pq_index>(dimension, distance, params);
  case index_kind::kd_tree:
    return std::make_unique<kd_tree_index>(dimension, distance);
  case index_kind::hnsw:
    break;
  }
  return std::make_unique<hnsw_index>(dimension, distance, params, stored);
}

}  // namespace hearth::engine::index
