#pragma once
// The exact index for vectors of few dimensions.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/index/index_snapshot.hpp"
#include "engine/index/kd_tree/kd_tree.hpp"
#include "engine/index/row_directory.hpp"
#include "engine/index/snapshot_sections.hpp"
#include "engine/index/vector_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// Answers are those of flat_index, bit for bit, for any dimension and all distances. It is faster
/// as long as boxes can be left out: for most data up to some twenty dimensions. Far above, each
/// search visits all boxes and takes a little longer than a scan.
///
/// Trees do not change: new rows wait in a buffer that is scanned, and a full buffer becomes a
/// tree, together with the trees that are not larger than what is merged already (Bentley and Saxe,
/// "Decomposable searching problems", 1980). So there are at most some log2(rows) trees, and a row
/// moves as often. A tree that has lost half of its rows is made anew. What searches see is one
/// pointer to the trees and the buffer. Vectors are held twice: by slot, and in the trees.
class kd_tree_index final : public vector_index {
 public:
  kd_tree_index(std::uint32_t dimension, distance_kind distance);
  ~kd_tree_index() override;

  /// Throws std::bad_alloc if memory ends while trees are made; the index is then to be dropped.
  [[nodiscard]] result<void> insert(std::span<const row_id> rows, matrix_view vectors) override;
  std::size_t erase(std::span<const row_id> rows) override;
  [[nodiscard]] std::vector<neighbor> search(std::span<const float> query, std::size_t k,
                                             const search_effort& effort) const override;
  [[nodiscard]] bool contains(row_id row) const override;
  [[nodiscard]] std::size_t size() const noexcept override { return rows_.size(); }
  [[nodiscard]] std::uint32_t dimension() const noexcept override { return vectors_.dimension(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return rows_.memory_bytes() + rows_.bound() * (vectors_.stride() + sizeof(place)) +
           forest_bytes_.load(std::memory_order_relaxed);
  }
  /// Just the row numbers: a tree is made sooner than its file is checked.
  [[nodiscard]] std::vector<std::byte> serialize() const override;

  /// Makes an index from what serialize() wrote: errc::corruption. Errors of `fetch` are passed on.
  [[nodiscard]] static result<std::unique_ptr<kd_tree_index>> load(section_reader& sections,
                                                                   std::uint32_t dimension,
                                                                   distance_kind distance,
                                                                   const fetch_vectors& fetch);

 private:
  static constexpr std::uint32_t buffer_rows = 512;
  struct forest {
    std::vector<std::shared_ptr<kd_tree>> trees;  // largest first
    std::array<std::atomic<slot_id>, buffer_rows> buffer;
    std::atomic<std::uint32_t> buffered{0};
  };
  /// Where the writer finds a slot.
  struct place {
    kd_tree* tree = nullptr;   ///< null: in the buffer
    std::uint32_t number = 0;  ///< there
  };

  void add(std::span<const slot_id> slots);
  void append_to_buffer(forest& to, std::span<const slot_id> slots);
  [[nodiscard]] std::vector<slot_id> take_buffered() const;
  static void take_tree(const kd_tree& tree, std::vector<slot_id>& slots);
  /// Publishes `trees`, and `slots` as one more of them, or in the buffer if they are few.
  void publish(std::vector<std::shared_ptr<kd_tree>> trees, std::vector<slot_id> slots);
  void rebuild_thinned();
  void reclaim();

  row_directory rows_;
  vector_store vectors_;
  std::unique_ptr<forest> owned_;
  std::atomic<const forest*> forest_;  // owned_, for readers
  std::vector<std::pair<std::uint64_t, std::unique_ptr<forest>>> retired_;
  std::vector<place> places_;                              // by slot
  std::vector<std::pair<kd_tree*, std::size_t>> removed_;  // how many of each tree
  std::atomic<std::size_t> forest_bytes_{0};
};

}  // namespace hearth::engine::index
