#pragma once
// Questions to a namespace and their answers.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limits.hpp"
#include "namespace_config.hpp"
#include "record.hpp"

namespace hearth::inline core {

struct search_query {
  matrix vectors;        ///< one row per query
  std::uint32_t k = 10;  ///< hits per query, at least 1; no cap but limits::search_results
  std::uint32_t ef = 0;  ///< 0: the namespace's ef_search; never below k
  bool exact = false;    ///< scan everything instead of the approximate index
  field_set fields;
};

/// Hits of all queries, nearest first, flat: query q owns [offsets[q], offsets[q + 1]).
/// Fewer than k hits mean that fewer than k records with a vector exist.
struct search_result {
  std::vector<std::uint64_t> offsets;  ///< queries + 1 entries
  std::vector<float> distances;
  record_columns hits;  ///< ids and versions always, the other columns as asked
};

struct get_query {
  std::vector<record_id> ids{};
  field_set fields{.vectors = true, .metadata = true, .texts = true};
};

struct get_result {
  record_columns found;  ///< in the order asked
  std::vector<record_id> missing;
};

/// One page of a scan in the namespace's storage order. `cursor` is opaque and survives
/// concurrent writes: records that exist throughout the scan appear exactly once.
struct scan_query {
  std::string cursor{};        ///< empty: from the start
  std::uint32_t limit = 1000;  ///< records per page; the reply may hold fewer to stay in bounds
  field_set fields{.vectors = true, .metadata = true, .texts = true};
};

struct scan_page {
  record_columns rows;
  std::string next;  ///< empty: this was the last page
};

/// How an index stands to its data.
enum class index_state : std::uint8_t { ready = 1, building = 2, failed = 3 };

/// An index is being built to replace the one that searches read. When it has every row, searches
/// begin with it, all shards at the same moment.
struct index_rebuild {
  distance_kind distance = distance_kind::cosine;  ///< of the index that still answers
  index_params params;                             ///< likewise
  std::uint64_t rows_done = 0;
  std::uint64_t rows_total = 0;
  std::string failure;  ///< why building had to start over, last; empty if it had not

  friend bool operator==(const index_rebuild&, const index_rebuild&) = default;
};

struct namespace_info {
  std::string name;
  namespace_config config;
  std::uint64_t count = 0;    ///< records
  std::uint64_t vectors = 0;  ///< records that have a vector
  lsn_t lsn = 0;
  lsn_t durable_lsn = 0;
  index_state index = index_state::ready;
  std::uint64_t indexed = 0;      ///< vectors in the graph
  std::uint64_t fresh = 0;        ///< vectors still scanned exactly in the fresh tail
  std::uint64_t file_bytes = 0;   ///< used pages of the LMDB file
  std::uint64_t index_bytes = 0;  ///< memory of the index
  bool read_only = false;
  std::string read_only_reason;
  /// If there is one: `config` says what comes, `index`, `indexed` and `fresh` how the index is
  /// that still answers, `index_bytes` counts both.
  std::optional<index_rebuild> rebuild;
};

/// Checks k, dimension, finiteness and result bounds.
[[nodiscard]] result<void> validate(const search_query& query, const namespace_config& config);
[[nodiscard]] result<void> validate(const get_query& query);
[[nodiscard]] result<void> validate(const scan_query& query);

}  // namespace hearth::inline core
