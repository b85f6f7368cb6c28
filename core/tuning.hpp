#pragma once
// Finding the effort that a search needs for a recall that somebody wants.
#include <cstdint>
#include <vector>

#include "error.hpp"
#include "namespace_config.hpp"

namespace hearth::inline core {

struct tune_request {
  double recall = 0.98;        ///< share of the true k nearest that searches are to find; (0, 1]
  std::uint32_t k = 10;        ///< 1..1000
  std::uint32_t sample = 200;  ///< queries to measure with; 10..10000
  std::uint64_t seed = 1;      ///< of the sample
  std::uint32_t time_limit_ms = 20'000;  ///< 100..50000
  std::string vector_name{};             ///< whose index; empty: that of the vector without a name
};

/// How searches were with one effort.
struct tune_point {
  std::uint32_t effort = 0;  ///< ef, or nprobe
  double recall = 0;         ///< mean share of the true k nearest
  double mean_ms = 0;        ///< of one search in the process that serves the namespace
  double p95_ms = 0;

  friend bool operator==(const tune_point&, const tune_point&) = default;
};

struct tune_result {
  index_kind kind = index_kind::hnsw;  ///< says what the effort is: ef, or nprobe of an ivf
  /// The least effort that was seen to reach the recall, which is what searches take by default
  /// from now on. 0: none reached it, and the default stays.
  std::uint32_t effort = 0;
  bool finished = true;       ///< false: the time limit came before the search was narrowed down
  std::uint32_t queries = 0;  ///< that were measured with; fewer than asked for if time was short
  std::vector<tune_point> tried;  ///< in the order of trying

  friend bool operator==(const tune_result&, const tune_result&) = default;
};

/// How far a tuning is: queries that were run, of at most so many.
struct tune_progress {
  std::uint64_t done = 0;
  std::uint64_t most = 0;

  friend bool operator==(const tune_progress&, const tune_progress&) = default;
};

[[nodiscard]] result<void> validate(const tune_request& request, const namespace_config& config);

}  // namespace hearth::inline core
