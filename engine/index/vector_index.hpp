#pragma once
// The interface of every vector index. An index knows row numbers and vectors, nothing of records.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/error.hpp"
#include "core/matrix_view.hpp"
#include "core/namespace_config.hpp"
#include "core/row_set.hpp"

namespace hearth::engine::index {

class section_writer;

/// Takes the bytes of a file, in order.
using byte_sink = std::function<result<void>(std::span<const std::byte>)>;

/// Names one stored vector for good: storage gives out row numbers in rising order and never twice.
/// A record whose vector changes gets a new row.
using row_id = std::uint64_t;

struct neighbor {
  row_id row = 0;
  float distance = 0;  ///< as distance_kind defines it (l2 is the root, not the square)

  friend bool operator==(const neighbor&, const neighbor&) = default;
  /// Nearest first; ties by row, so that results are deterministic.
  friend bool operator<(const neighbor& a, const neighbor& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
  }
};

/// The rows that a search may answer with. It outlives the search and does not change meanwhile.
struct row_selection {
  const row_set* rows = nullptr;
  /// How much of all rows it is, more or less: what it costs to look for them depends on it.
  double share = 1;
  /// Where searches note how walks through a graph fared among these rows, if they come again: the
  /// more, the more often they met too few of them. May be null.
  std::atomic<int>* futile_walks = nullptr;
};

/// What a search may spend. An index ignores what it has no use for.
struct search_effort {
  search_effort(std::size_t candidates = 0, std::size_t lists = 0,  // NOLINT: a number is an ef
                bool all = false, const row_selection* selected = nullptr) noexcept
      : ef(candidates), nprobe(lists), exact(all), among(selected) {}

  std::size_t ef;              ///< candidates that are kept; raised to k where it is smaller
  std::size_t nprobe;          ///< lists of an inverted file; 0: as it is configured
  bool exact;                  ///< miss nothing, whatever the kind of index
  const row_selection* among;  ///< null: any row
};

/// How an index goes about a search, and why.
struct search_plan {
  bool exact = true;         ///< every row is compared, or proven to be farther
  double exact_seconds = 0;  ///< predicted for each query; 0: not known
  double walk_seconds = 0;   ///< the same, of the other way: of a walk through a graph
};

/// Thread rule: one thread at a time calls the changing members (insert, erase); any number of
/// threads call search, contains and the observers at the same time, without waiting for it or for
/// each other. A search sees each row that was inserted before it began and not erased since.
class vector_index {
 public:
  virtual ~vector_index() = default;

  /// Adds `vectors.row(i)` as `rows[i]`. Rows must be new (already_exists) and the dimension right
  /// (dimension_mismatch); values are finite (the caller checked). All or nothing.
  [[nodiscard]] virtual result<void> insert(std::span<const row_id> rows, matrix_view vectors) = 0;

  /// Removes rows; unknown ones are ignored. Answers how many were there. The structure stays
  /// connected, and the memory of erased rows is used again.
  virtual std::size_t erase(std::span<const row_id> rows) = 0;

  /// The k nearest rows, nearest first; all that there are if they are fewer, always. With
  /// effort.among, rows outside of it do not count. Precondition: query has dimension() values.
  [[nodiscard]] virtual std::vector<neighbor> search(std::span<const float> query, std::size_t k,
                                                     const search_effort& effort) const = 0;

  /// What search() answers for each of `queries`; some indexes are much faster at many queries than
  /// at one, the more so the more there are. Precondition: the dimension is right.
  [[nodiscard]] virtual std::vector<std::vector<neighbor>>
  search_batch(matrix_view queries, std::size_t k, const search_effort& effort) const;

  /// How search_batch() would answer so many queries at the moment. Exact indexes have one way.
  [[nodiscard]] virtual search_plan plan(std::size_t /*queries*/, std::size_t /*k*/,
                                         const search_effort& /*effort*/) const {
    return {};
  }

  /// Whether what an exact search compares is in memory, rather than read for every query anew.
  [[nodiscard]] virtual bool vectors_in_memory() const noexcept { return true; }

  [[nodiscard]] virtual bool contains(row_id row) const = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t dimension() const noexcept = 0;
  [[nodiscard]] virtual std::size_t memory_bytes() const noexcept = 0;

  /// Writes the structure for a snapshot, vectors left out (storage has them). Called on the
  /// writing thread.
  virtual void save(section_writer& sections) const = 0;
};

/// Copies the vectors of `rows` (rising order) to `out` (rows.size() x dimension). Answers false
/// for each row that storage no longer has. Called from any thread.
using fetch_vectors =
    std::function<result<std::vector<bool>>(std::span<const row_id> rows, float* out)>;

/// Makes an empty index of the configured kind. `stored` reads vectors that `params.memory` keeps
/// out of memory; without it they stay there. Where it fails, a search throws std::runtime_error.
[[nodiscard]] std::unique_ptr<vector_index> make_index(std::uint32_t dimension,
                                                       distance_kind distance,
                                                       const index_params& params,
                                                       const fetch_vectors& stored = {});

/// Makes an empty index that answers exactly and keeps nothing but the vectors: for rows that come
/// and go fast, and for few of them.
[[nodiscard]] std::unique_ptr<vector_index> make_plain_flat(std::uint32_t dimension,
                                                            distance_kind distance);

}  // namespace hearth::engine::index
