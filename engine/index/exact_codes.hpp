#pragma once
// The codes that an index keeps for exact searches: when they are learned, and how readers get
// them.
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "engine/index/codes/code_store.hpp"
#include "engine/index/exact_engine.hpp"
#include "engine/index/row_directory.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {

/// Codes are learned from a sample when there are 4,096 rows, and again each time the rows are 16
/// times as many, since those that come may be unlike the first ones. All rows are coded anew
/// before searches see the new codes; older ones stay until the index goes, because a reader may be
/// in them, and cost a sixteenth. Where the vectors leave the range of float32 squares, there are
/// none.
///
/// Thread rule: as vector_index. The writer calls room_for() before it takes slots, put() between
/// filling and showing a slot, and learn_if_due() after an insertion.
class exact_codes {
 public:
  /// Both outlive this.
  exact_codes(const row_directory& rows, const vector_store& vectors) noexcept
      : rows_(rows), vectors_(vectors) {}

  // For the writer.
  /// For slots [0, bound). Throws std::bad_alloc.
  void room_for(slot_id bound);
  void put(slot_id slot) noexcept;
  /// Takes seconds at worst, during which searches use what there was. Without memory for it, the
  /// next insertion tries again.
  void learn_if_due();

  // For readers, pinned.
  /// What search_exact needs; nothing before the first training.
  [[nodiscard]] std::optional<exact_view> view(const row_selection* among) const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  [[nodiscard]] std::vector<float> sample() const;

  const row_directory& rows_;
  const vector_store& vectors_;
  std::size_t next_training_ = 4096;
  struct generation {
    explicit generation(scalar_codes trained) : full(std::move(trained)) {}

    void reserve(slot_id bound);
    void put(slot_id slot, const float* vector) noexcept;

    scalar_store full;
    std::optional<reduced_store> reduced;
  };
  [[nodiscard]] std::unique_ptr<generation> learn() const;

  std::vector<std::unique_ptr<generation>> generations_;
  std::atomic<const generation*> newest_{nullptr};
  std::atomic<std::size_t> row_bytes_{0};  // of all generations
};

}  // namespace hearth::engine::index
