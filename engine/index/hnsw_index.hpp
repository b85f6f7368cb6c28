#pragma once
// Hierarchical navigable small world graphs (Malkov and Yashunin, "Efficient and robust approximate
// nearest neighbor search using hierarchical navigable small world graphs", 2018) that rows may
// leave again.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/index/chosen_rows.hpp"
#include "engine/index/codes/code_generation.hpp"
#include "engine/index/exact_engine.hpp"
#include "engine/index/graph_search.hpp"
#include "engine/index/hnsw_graph.hpp"
#include "engine/index/index_snapshot.hpp"
#include "engine/index/pair_space.hpp"
#include "engine/index/row_directory.hpp"
#include "engine/index/snapshot_sections.hpp"
#include "engine/index/vector_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

class thread_team;

/// What differs from the paper:
///
/// - Pruning a list may cut a node's last way in. Layer 0 therefore holds a spanning tree: each
///   node but the root has a parent, the links between the two exist in both directions, and no
///   pruning drops them. So every node is reachable from every other, always, and a search with
///   ef >= size() finds everything. A node has at most three quarters of its list in the tree.
/// - Among vectors that are equal to the node's own, only a few are linked: hundreds of copies
///   would otherwise fill each other's lists and form an island.
/// - Erased rows stop being found at once; searches walk over their nodes until a sweep, a little
/// of
///   which is done with each change, has come by every node that linked to them: it chooses anew
///   among its own links and those of the erased node (as in Singh and others, "FreshDiskANN",
///   2021). Their slots are used again once the searches that were running are done.
/// - Rows enter in batches that all cores work on. The rows of a batch walk the graph as it was
///   before, and compare with each other directly.
/// - Where rows come that the codes do not fit, because they are unlike those before, the codes are
///   learned again, and those rows are linked anew.
/// - Searches that the graph cannot answer well are answered exactly: those that would take longer
///   than comparing all rows, by what both were measured to cost here (see plan()), those whose
///   distances leave float32, and those that brought fewer than k rows back.
///
/// With `params.memory` other than fast, and once there are codes, the vectors are left to storage.
/// A search then reads the few from there that codes cannot rank. There are no codes of sums of
/// absolute differences: manhattan keeps its vectors in memory. Those of bits are exact: hamming
/// reads no vectors at all.
///
/// Levels depend on the seed and the row only; the same calls in the same order make the same
/// graph, on any number of cores. insert() throws std::bad_alloc if memory ends in the middle of
/// linking; the index is then to be dropped and rebuilt.
class hnsw_index final : public vector_index {
 public:
  /// `stored`: as for make_index().
  hnsw_index(std::uint32_t dimension, distance_kind distance, const index_params& params,
             fetch_vectors stored = {});

  [[nodiscard]] result<void> insert(std::span<const row_id> rows, matrix_view vectors) override;
  std::size_t erase(std::span<const row_id> rows) override;
  [[nodiscard]] std::vector<neighbor> search(std::span<const float> query, std::size_t k,
                                             const search_effort& effort) const override;
  [[nodiscard]] std::vector<std::vector<neighbor>>
  search_batch(matrix_view queries, std::size_t k, const search_effort& effort) const override;
  [[nodiscard]] search_plan plan(std::size_t queries, std::size_t k,
                                 const search_effort& effort) const override;
  [[nodiscard]] bool vectors_in_memory() const noexcept override {
    return codes_are_exact() || resident_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool contains(row_id row) const override;
  [[nodiscard]] std::size_t size() const noexcept override { return rows_.size(); }
  [[nodiscard]] std::uint32_t dimension() const noexcept override { return vectors_.dimension(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;
  /// How many rows train the codes of vectors of this dimension first.
  [[nodiscard]] static std::size_t first_training(std::uint32_t dimension, distance_kind distance,
                                                  quantization_kind kind) noexcept;
  void save(section_writer& sections) const override;

  /// Makes an index from what save() wrote. Every number is checked before it is used:
  /// errc::corruption. Errors of `fetch` are passed on.
  [[nodiscard]] static result<std::unique_ptr<hnsw_index>>
  load(section_reader& sections, std::uint32_t dimension, distance_kind distance,
       const index_params& params, const fetch_vectors& fetch, const fetch_vectors& stored = {});

  /// Diagnosis, on the writing thread: looks at every link and answers errc::internal with the
  /// first thing that is not as it has to be. Links lie in range, lead to rows that are there (or
  /// wait for a sweep) and have the layer, and occur once; the tree spans layer 0; every row is
  /// reachable from the entry point.
  [[nodiscard]] result<void> check() const;

  /// How many searches an exact scan has answered so far.
  [[nodiscard]] std::uint64_t scans() const noexcept {
    return scans_.load(std::memory_order_relaxed);
  }

 private:
  // Choosing between the graph and all rows (hnsw_plan.cpp).
  /// Seconds of a walk with some ef: measured on the graph as it was when it had half of its rows
  /// at least. All 0 before that.
  struct walk_cost {
    float fixed = 0;
    float per_candidate = 0;
  };
  void measure_walks();
  [[nodiscard]] double seconds_exact(std::size_t queries, const row_selection* among) const;
  enum class walk_outcome : std::uint8_t { good, futile, left_out };
  static void note_walk(const row_selection* among, walk_outcome outcome) noexcept;
  /// How far a walk may go for a selection: as far as takes as long as comparing all of it.
  [[nodiscard]] walk_bounds bounds_for(std::size_t ef, const row_selection* among) const;

  // Searching (hnsw_search.cpp).
  [[nodiscard]] std::vector<neighbor> scan(const query_distance& distance, std::size_t k,
                                           const row_selection* among) const;
  /// Ranks a selection by its codes, as a walk that met all of it would, and then by the vectors:
  /// for those that are in storage. False before there are codes. Pinned.
  [[nodiscard]] bool rank_chosen(const query_distance& distance, const float* query, std::size_t k,
                                 std::size_t ef, search_scratch& scratch,
                                 const row_selection* among) const;
  /// scan() of bits; nothing before there are codes. Pinned.
  [[nodiscard]] std::optional<std::vector<neighbor>> scan_bits(const float* query, std::size_t k,
                                                               const row_selection* among) const;
  /// Codes by which all rows are compared; nothing where only the vectors can serve. Pinned.
  [[nodiscard]] std::optional<exact_view>
  compared_by_codes(const row_selection* among) const noexcept;
  [[nodiscard]] bool search_graph(const query_distance& distance, const float* query, std::size_t k,
                                  std::size_t ef, search_scratch& scratch,
                                  const row_selection* among = nullptr) const;
  [[nodiscard]] bool rank(const code_generation& codes, const query_distance& distance,
                          const float* query, std::size_t k, search_scratch& scratch) const;
  void rank_by_codes(const scalar_store& codes, const float* query,
                     std::vector<candidate>& best) const;
  [[nodiscard]] bool rank_by_vectors(const query_distance& distance, std::size_t k,
                                     search_scratch& scratch) const;
  void measure(const query_distance& distance, std::span<const candidate> part, float* out) const;
  template <class Distance>
  [[nodiscard]] bool walk(const graph_view<Distance>& view, hnsw_graph::entry_point entry,
                          std::size_t ef, search_scratch& scratch,
                          const row_selection* among) const;
  [[nodiscard]] std::vector<neighbor> take_best(const query_distance& distance, std::size_t k,
                                                std::vector<candidate>& best) const;

  // Building (hnsw_build.cpp).
  struct newcomer {
    slot_id slot = no_slot;
    const float* vector = nullptr;  ///< as it is or would be stored
    std::uint32_t level = 0;
    std::vector<std::vector<candidate>> neighbors;  ///< by layer, nearest first
  };
  struct new_link {
    std::uint32_t layer;
    slot_id node;  ///< whose list gets it
    slot_id target;
  };
  [[nodiscard]] std::uint32_t level_of(row_id row) const noexcept;
  /// `rows` are those of `vectors` from row `first` on.
  void link_batch(std::span<const row_id> rows, matrix_view vectors, std::size_t first,
                  thread_team& team);
  void find_neighbors(newcomer& node) const;
  template <class Distance>
  void walk_to(const Distance& distance, newcomer& node) const;
  void add_batch_neighbors(std::span<newcomer> batch, std::size_t number) const;
  void select(slot_id node, std::uint32_t layer, std::span<const candidate> sorted,
              std::size_t limit, std::vector<slot_id>& selected) const;
  [[nodiscard]] std::vector<new_link> links_back(std::span<const newcomer> batch);
  void add_links(std::vector<new_link>& links, thread_team& team);
  void link_to(slot_id node, std::uint32_t layer, std::span<const slot_id> targets);
  void choose_links(slot_id node, std::uint32_t layer, std::span<const slot_id> additional);
  /// False for a link to an erased row that may go.
  [[nodiscard]] bool stays(slot_id node, std::uint32_t layer, slot_id target) const noexcept;

  // Vectors in storage (hnsw_stored.cpp).
  void leave_vectors_to_storage();
  void release_vectors();
  void measure_stored(const query_distance& distance, std::span<const candidate> part,
                      float* out) const;

  // Short codes (hnsw_codes.cpp).
  [[nodiscard]] std::vector<float> sample() const;
  [[nodiscard]] short_codes::plan code_plan() const noexcept;
  /// Vectors of bits are their own codes, which leave nothing open and nothing to be learned again.
  [[nodiscard]] bool codes_are_exact() const noexcept {
    return vectors_.distance() == distance_kind::hamming;
  }
  [[nodiscard]] std::optional<short_codes> trained_codes(matrix_view sampled) const;
  void train_later() noexcept;
  /// With room for slots [0, room).
  void train_codes(slot_id room, thread_team& team);
  void publish_codes(std::unique_ptr<code_generation> codes);
  /// Those that nobody reads any more.
  void release_old_codes();
  /// Codes that rank candidates, where vectors leave memory and `params.memory` wants such codes.
  void train_ranking(std::span<const float> sampled, code_generation& next) const;
  void save_codes(std::span<const slot_id> slots, section_writer& sections) const;
  /// What save_codes() wrote, checked, with row i in slot i. Nothing if there were no codes.
  [[nodiscard]] result<std::unique_ptr<code_generation>> read_codes(section_reader& sections,
                                                                    std::size_t rows) const;

  // Rows that are unlike those that the codes were learned from (hnsw_drift.cpp).
  [[nodiscard]] bool fits_codes(std::span<const newcomer> batch) const;
  /// Learns the codes again when many rows do not fit, and links these anew.
  void follow_drift(slot_id room, thread_team& team);
  void link_again(std::span<const slot_id> slots, thread_team& team);

  // Saving and loading (hnsw_snapshot.cpp).
  /// `number` is that of a slot in the file, if it has one.
  void save_links(std::span<const slot_id> slots, std::span<const slot_id> number,
                  section_writer& sections) const;
  [[nodiscard]] result<void> retrain_ranking(std::span<const row_id> rows,
                                             const fetch_vectors& fetch,
                                             code_generation& codes) const;
  [[nodiscard]] result<std::vector<row_id>> load_vectors(std::span<const row_id> rows,
                                                         const fetch_vectors& fetch);

  // The spanning tree (hnsw_tree.cpp).
  [[nodiscard]] std::size_t tree_limit() const noexcept { return graph_.capacity(0) * 3 / 4; }
  [[nodiscard]] std::vector<slot_id> tree_neighbors_of(slot_id node) const;
  [[nodiscard]] slot_id tree_node_with_room(slot_id start) const;
  /// The nearest that may take one more child; if none may, one to which tree links lead from
  /// `linked`.
  [[nodiscard]] slot_id parent_for(std::span<const candidate> nearest_first, slot_id linked) const;
  void leave_tree(slot_id node);

  // Diagnosis (hnsw_check.cpp).
  [[nodiscard]] result<void> check_lists(slot_id node) const;
  [[nodiscard]] result<void> check_reachable() const;
  [[nodiscard]] result<void> check_tree() const;

  // Erasing (hnsw_erase.cpp).
  void retire_all(std::span<const slot_id> erased);
  void sweep_on(std::size_t changed_rows);
  void begin_sweep();
  void sweep(slot_id node);
  void end_sweep();
  [[nodiscard]] bool swept_out(slot_id slot) const noexcept {
    return slot < sweep_end_ && (being_swept_[slot / 64] >> slot % 64 & 1) != 0;
  }
  void move_entry();

  const index_params params_;
  const fetch_vectors stored_;  // empty: vectors stay in memory
  std::atomic<bool> resident_{true};
  std::optional<std::uint64_t> departure_;  // readers from before may still be in the vectors
  row_directory rows_;
  vector_store vectors_;
  pair_space pairs_;
  hnsw_graph graph_;
  // The rows that come may be unlike the first ones: codes are learned again when there are this
  // many times more.
  static constexpr std::size_t training_growth = 16;
  static constexpr std::size_t sample_rows = 4096;
  std::vector<std::unique_ptr<code_generation>> generations_;  // the last one is in use
  std::optional<std::uint64_t> replacement_;  // readers from before may be in an older generation
  std::atomic<const code_generation*> codes_{nullptr};
  std::size_t next_training_;
  std::atomic<std::size_t> code_row_bytes_{0};  // of all generations
  std::vector<slot_id> misfits_;                // linked by codes that they do not fit
  // Erased rows whose nodes are still linked: the number, those that a sweep is unlinking, also as
  // bits, and those that the next one will.
  std::atomic<std::size_t> leaving_{0};
  std::vector<slot_id> swept_leavers_;
  std::vector<std::uint64_t> being_swept_;
  std::vector<slot_id> leavers_;
  slot_id swept_ = 0;  // the sweep has looked at slots [0, swept_) of [0, sweep_end_)
  slot_id sweep_end_ = 0;
  mutable std::atomic<std::uint64_t> scans_{0};
  std::atomic<walk_cost> walk_cost_{walk_cost{}};
  std::size_t next_measurement_ = 4096;  // rows
};

}  // namespace hearth::engine::index
