#pragma once
// Which index for how many vectors, in how much memory: predictions from what was measured.
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/namespace_config.hpp"

namespace hearth::engine::advice {

struct index_needs {
  std::uint64_t rows = 0;          ///< at least 1, at most 2^32
  std::uint32_t dimension = 0;     ///< 1..65536
  std::uint64_t memory_bytes = 0;  ///< that the index may take; 0: as much as it likes
  double recall = 0.95;            ///< share of the ten nearest that are to be found; (0, 1]
};

struct index_advice {
  index_params params;
  std::uint64_t memory_bytes = 0;      ///< of the index when it holds the rows
  double recall = 0;                   ///< at ten hits, on data as hard as the harder measured set
  double searches_per_second = 0;      ///< of one thread, likewise; one digit, no more is known
  double build_seconds = 0;            ///< of CPU time
  bool fits = true;                    ///< into the memory; if not, nothing does
  std::vector<std::string> reasons{};  ///< one sentence each
};

/// Memory is what the structures take, from their own sizes; speed and recall are interpolated
/// between, and extrapolated from, the measurements in docs/benchmarks.md ("advice"), which were
/// made on one machine: other ones differ by a factor. Deterministic. invalid_argument names the
/// field.
[[nodiscard]] result<index_advice> suggest_index(const index_needs& needs);

/// What an index of these parameters takes for so many rows, as vector_index::memory_bytes()
/// counts. For codes whose length depends on the data (quantization pca), half of the dimensions
/// are assumed to be needed. Of flat and hnsw only.
[[nodiscard]] std::uint64_t predicted_memory(const index_params& params, std::uint64_t rows,
                                             std::uint32_t dimension);

}  // namespace hearth::engine::advice
