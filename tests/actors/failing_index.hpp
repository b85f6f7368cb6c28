#pragma once
// A vector_index that works until it is told to fail.
#include <atomic>
#include <memory>
#include <stdexcept>

#include "actors/open_namespace.hpp"
#include "engine/index/vector_index.hpp"

namespace hearth::test {

struct index_faults {
  std::atomic<bool> insert_throws = false;
  std::atomic<bool> insert_refuses = false;
  std::atomic<bool> insert_drops = false;
  std::atomic<bool> erase_keeps = false;
  std::atomic<bool> search_throws = false;
  std::atomic<bool> insert_blocks = false;
  std::atomic<bool> search_blocks = false;
  std::atomic<bool> hides_nearest = false;
  std::atomic<std::uint32_t> make_throws_for_m = 0;
  std::atomic<int> made = 0;
  std::atomic<std::uint32_t> last_searched_m = 0;
  std::atomic<int> searches = 0;
};

class failing_index final : public engine::index::vector_index {
 public:
  failing_index(std::unique_ptr<vector_index> inner, std::uint32_t m,
                std::shared_ptr<index_faults> faults)
      : inner_(std::move(inner)), m_(m), faults_(std::move(faults)) {
    ++faults_->made;
  }

  [[nodiscard]] result<void> insert(std::span<const engine::index::row_id> rows,
                                    matrix_view vectors) override {
    faults_->insert_blocks.wait(true);
    if (faults_->insert_throws)
      throw std::runtime_error("injected: insert threw");
    if (faults_->insert_refuses)
      return fail(errc::internal, "injected: insert refused");
    if (faults_->insert_drops)
      return {};
    return inner_->insert(rows, vectors);
  }
  std::size_t erase(std::span<const engine::index::row_id> rows) override {
    return faults_->erase_keeps ? 0 : inner_->erase(rows);
  }
  [[nodiscard]] std::vector<engine::index::neighbor>
  search(std::span<const float> query, std::size_t k,
         const engine::index::search_effort& effort) const override {
    ++faults_->searches;
    faults_->last_searched_m = m_;
    if (faults_->search_throws)
      throw std::runtime_error("injected: search threw");
    faults_->search_blocks.wait(true);
    if (!faults_->hides_nearest || effort.exact)
      return inner_->search(query, k, effort);
    auto found = inner_->search(query, k + 1, effort);
    found.erase(found.begin());
    return found;
  }
  [[nodiscard]] engine::index::search_plan
  plan(std::size_t queries, std::size_t k,
       const engine::index::search_effort& effort) const override {
    return inner_->plan(queries, k, effort);
  }
  [[nodiscard]] bool vectors_in_memory() const noexcept override {
    return inner_->vectors_in_memory();
  }
  [[nodiscard]] bool contains(engine::index::row_id row) const override {
    return inner_->contains(row);
  }
  [[nodiscard]] std::size_t size() const noexcept override { return inner_->size(); }
  [[nodiscard]] std::uint32_t dimension() const noexcept override { return inner_->dimension(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return inner_->memory_bytes();
  }
  void save(engine::index::section_writer& sections) const override { inner_->save(sections); }

 private:
  std::unique_ptr<vector_index> inner_;
  std::uint32_t m_;
  std::shared_ptr<index_faults> faults_;
};

/// Parts whose main indexes fail on demand.
inline actors::namespace_parts failing_parts(const std::shared_ptr<index_faults>& faults) {
  actors::namespace_parts parts;
  parts.make_index = [faults](std::uint32_t dimension, distance_kind distance,
                              const index_params& params,
                              const engine::index::fetch_vectors& stored) {
    if (params.m == faults->make_throws_for_m)
      throw std::runtime_error("injected: no index is made");
    return std::make_unique<failing_index>(
        engine::index::make_index(dimension, distance, params, stored), params.m, faults);
  };
  return parts;
}

}  // namespace hearth::test
