#pragma once
// Inverted files: rows lie in lists, one per centroid of a clustering, and a search looks into the
// lists whose centroids are nearest (Sivic and Zisserman, "Video Google", 2003; Jegou, Douze and
// Schmid, "Product quantization for nearest neighbor search", 2011). What both kinds share.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/index/chosen_rows.hpp"
#include "engine/index/index_snapshot.hpp"
#include "engine/index/ivf/inverted_lists.hpp"
#include "engine/index/row_directory.hpp"
#include "engine/index/snapshot_sections.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::engine::index {

/// - Below first_training() rows nothing is clustered and every search is exact.
/// - The clustering is learned from a sample, and again when three times as many rows have come as
///   there were at the last time, or when the lists get out of balance. The new lists are made
///   beside the old ones, on the writing thread, and published by one pointer: a search works on
///   the old or on the new ones, and both hold every row.
/// - How many lists a search looks into: search_effort::nprobe; if that is 0, index_params::nprobe;
///   if that is 0 too, one of 1024 for each candidate of ef, so that twice the ef looks into twice
///   the lists. In any case more lists follow until ef rows were met.
/// - Where a search of lists would not do (few rows for its ef, values whose squares leave float32,
///   fewer hits than there must be because rows are on their way out), all rows are scanned.
///
/// The same calls in the same order make the same index. Where memory ends, insert() and erase()
/// may throw std::bad_alloc; the index is then to be dropped and rebuilt.
class ivf_index : public vector_index {
 public:
  [[nodiscard]] result<void> insert(std::span<const row_id> rows, matrix_view vectors) final;
  std::size_t erase(std::span<const row_id> rows) final;
  [[nodiscard]] std::vector<neighbor> search(std::span<const float> query, std::size_t k,
                                             const search_effort& effort) const final;
  [[nodiscard]] search_plan plan(std::size_t queries, std::size_t k,
                                 const search_effort& effort) const final;
  [[nodiscard]] bool contains(row_id row) const final;
  [[nodiscard]] std::size_t size() const noexcept final { return rows_.size(); }
  [[nodiscard]] std::uint32_t dimension() const noexcept final { return dimension_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept final;
  void save(section_writer& sections) const final;

  /// How many rows are clustered first: enough that a list has some.
  [[nodiscard]] static std::size_t first_training(const index_params& params) noexcept;
  /// How many times lists were learned.
  [[nodiscard]] std::uint64_t trainings() const noexcept {
    return trainings_.load(std::memory_order_relaxed);
  }
  /// How many searches looked at all rows, although there are lists.
  [[nodiscard]] std::uint64_t scans() const noexcept {
    return scans_.load(std::memory_order_relaxed);
  }

 protected:
  /// What one training made: a model that does not change, and the lists.
  class structure {
   public:
    structure(list_layout layout, std::uint32_t count, epoch_domain& readers)
        : lists(std::move(layout), count, readers) {}
    virtual ~structure() = default;
    /// The list that `vector` belongs to, and its row there.
    virtual std::uint32_t encode(const float* vector, std::byte* row) const = 0;
    virtual void save(section_writer& sections) const = 0;
    [[nodiscard]] virtual std::size_t memory_bytes() const noexcept = 0;

    inverted_lists lists;
  };
  struct share {
    std::size_t k;
    std::size_t ef;      ///< candidates, at least k
    std::size_t nprobe;  ///< lists, at least 1
    std::size_t rows;    ///< more lists follow until so many were met
    const row_selection* among;
  };

  ivf_index(std::uint32_t dimension, distance_kind distance, const index_params& params);
  /// To be called first by load(): what save() wrote, checked.
  [[nodiscard]] result<void> load_sections(section_reader& sections, const fetch_vectors& fetch);

  [[nodiscard]] const index_params& params() const noexcept { return params_; }
  [[nodiscard]] distance_kind distance() const noexcept { return distance_; }
  [[nodiscard]] const row_directory& directory() const noexcept { return rows_; }
  [[nodiscard]] epoch_domain& readers() noexcept { return rows_.readers(); }
  /// The lists that searches of the moment use. Under a pin, or on the writing thread.
  [[nodiscard]] const structure* current() const noexcept {
    return current_.load(std::memory_order_acquire);
  }
  /// For constructors: lists that are there before any training.
  void start_with(std::unique_ptr<structure> untrained);

  // What the kinds do differently.
  /// Room for the vectors of slots [0, bound). Throws std::bad_alloc.
  virtual void reserve(slot_id bound) = 0;
  /// Keeps the vector if not only lists hold it. Answers it as it is compared, until the next call.
  virtual const float* keep(slot_id slot, std::span<const float> vector) = 0;
  /// The same for a slot that was kept before. On the writing thread.
  [[nodiscard]] virtual const float* kept(slot_id slot) const = 0;
  /// Learns `lists` lists. Nothing if that is not possible.
  [[nodiscard]] virtual std::unique_ptr<structure> learn(matrix_view sample,
                                                         std::uint32_t lists) = 0;
  /// What save() wrote, checked; `lists` is at least 1.
  [[nodiscard]] virtual result<std::unique_ptr<structure>> read(section_reader& sections,
                                                                std::uint32_t lists) = 0;
  /// Whether saved rows (none if rows_are_vectors()) are what encode() can have written for `count`
  /// vectors.
  [[nodiscard]] virtual bool rows_are_sound(const structure& of, std::span<const std::byte> rows,
                                            std::size_t count) const = 0;
  /// Whether a row in a list is its vector, which snapshots leave out.
  [[nodiscard]] virtual bool rows_are_vectors() const noexcept = 0;
  /// The best of some lists; nothing where float32 ended.
  [[nodiscard]] virtual std::optional<std::vector<neighbor>>
  find(const structure& in, const float* query, const share& spent) const = 0;
  /// The best of all rows, or of those that are selected.
  [[nodiscard]] virtual std::vector<neighbor> scan(const float* query, std::size_t k,
                                                   const row_selection* among) const = 0;
  /// Beside the lists.
  [[nodiscard]] virtual std::size_t vector_bytes() const noexcept = 0;

 private:
  /// Rows on their way into lists.
  struct batch {
    std::vector<slot_id> slots;
    std::vector<std::uint32_t> lists;
    std::vector<std::byte> rows;

    void add(const structure& into, slot_id slot, const float* vector);
    void clear();
  };
  void insert_block(std::span<const row_id> rows, matrix_view vectors);
  void file(structure& into, batch& rows);
  void count_huge(slot_id slot, const float* vector);
  [[nodiscard]] bool training_is_due() const noexcept;
  void train();
  [[nodiscard]] std::vector<float> sample(std::uint32_t lists) const;
  void refile(structure& next);
  void publish(std::unique_ptr<structure> next);
  void reclaim();
  [[nodiscard]] std::uint64_t imbalance() const noexcept;
  /// Whether lists would not do, whatever the query.
  [[nodiscard]] bool scans_all(std::size_t k, const search_effort& effort) const noexcept;
  [[nodiscard]] std::size_t lists_for(std::size_t lists, std::size_t ef,
                                      std::size_t nprobe) const noexcept;
  [[nodiscard]] result<void> load_rows(std::span<const row_id> rows,
                                       std::span<const std::uint32_t> lists,
                                       std::span<const std::byte> packed,
                                       const fetch_vectors& fetch);

  const std::uint32_t dimension_;
  const distance_kind distance_;
  const index_params params_;
  row_directory rows_;
  std::unique_ptr<structure> owned_;
  std::atomic<const structure*> current_{nullptr};  // owned_, for readers
  std::vector<std::pair<std::uint64_t, std::unique_ptr<structure>>> retired_;
  std::unordered_set<slot_id> huge_;  // whose squares float32 may not hold
  std::atomic<bool> any_huge_{false};
  mutable std::atomic<std::uint64_t> scans_{0};

  // When to learn again.
  std::atomic<std::uint64_t> trainings_{0};
  std::uint64_t trained_rows_ = 0;       // rows at the last training; 0: never
  std::uint64_t inserted_ = 0;           // since then
  std::uint64_t erased_ = 0;             // since then
  std::uint64_t trained_imbalance_ = 0;  // imbalance() at the last training
  std::uint64_t least_rows_;             // none before there are so many rows
};

}  // namespace hearth::engine::index
