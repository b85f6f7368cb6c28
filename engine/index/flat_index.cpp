#include "engine/index/flat_index.hpp"

#include <cassert>
#include <new>
#include <utility>

#include "core/format.hpp"
#include "engine/index/exact_engine.hpp"
#include "engine/index/exact_scan.hpp"
#include "engine/index/snapshot_sections.hpp"

namespace hearth::engine::index {

result<void> check_insert(const row_directory& directory, std::uint32_t dimension,
                          std::span<const row_id> rows, matrix_view vectors) {
  if (rows.size() != vectors.rows())
    return fail(errc::invalid_argument,
                core::format("{} rows are named, {} vectors given", rows.size(), vectors.rows()));
  if (!rows.empty() && vectors.dimension() != dimension)
    return fail(errc::dimension_mismatch,
                core::format("vectors have dimension {}, the index has {}", vectors.dimension(),
                             dimension));
  return directory.check_new(rows);
}

flat_index::flat_index(std::uint32_t dimension, distance_kind distance, flat_codes codes)
    : vectors_(dimension, distance) {
  // What codes prove of differences and products says nothing about sums of absolute values.
  if (codes == flat_codes::learned && distance != distance_kind::manhattan)
    codes_.emplace(rows_, vectors_);
}

result<void> flat_index::insert(std::span<const row_id> rows, matrix_view vectors) {
  HEARTH_CHECK(check_insert(rows_, dimension(), rows, vectors));
  rows_.reclaim([](slot_id) {});
  HEARTH_TRY(const slot_id bound, rows_.bound_after(rows.size()));
  try {
    rows_.reserve(rows.size());
    vectors_.reserve(bound);
    if (codes_)
      codes_->room_for(bound);
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} more vectors", rows.size()));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const slot_id slot = rows_.take();
    vectors_.put(slot, vectors.row(i));
    if (codes_)
      codes_->put(slot);
    rows_.show(slot, rows[i]);
  }
  if (codes_)
    codes_->learn_if_due();
  return {};
}

std::size_t flat_index::erase(std::span<const row_id> rows) {
  std::vector<slot_id> erased;
  erased.reserve(rows.size());
  for (const row_id row : rows) {
    const slot_id slot = rows_.find(row);
    if (slot == no_slot)
      continue;
    rows_.hide(slot);
    erased.push_back(slot);
  }
  if (!erased.empty())
    rows_.retire(erased);
  return erased.size();
}

std::vector<neighbor> flat_index::search(std::span<const float> query, std::size_t k,
                                         const search_effort& effort) const {
  assert(query.size() == dimension());
  return std::move(search_batch({query.data(), 1, dimension()}, k, effort).front());
}

std::vector<std::vector<neighbor>> flat_index::search_batch(matrix_view queries, std::size_t k,
                                                            const search_effort& effort) const {
  assert(queries.empty() || queries.dimension() == dimension());
  thread_local std::vector<float> normalized;
  queries = compared(queries, vectors_.distance(), normalized);
  const auto pin = rows_.pin();
  if (const auto view = codes_ ? codes_->view(effort.among) : std::nullopt)
    return search_exact(*view, queries, k);
  std::vector<std::vector<neighbor>> found;
  found.reserve(queries.rows());
  for (std::size_t query = 0; query < queries.rows(); ++query)
    found.push_back(
        scan_exact({rows_, effort.among}, query_distance(vectors_, queries.row(query).data()), k));
  return found;
}

bool flat_index::contains(row_id row) const {
  const auto pin = rows_.pin();
  return rows_.find(row) != no_slot;
}

std::size_t flat_index::memory_bytes() const noexcept {
  return rows_.memory_bytes() + rows_.bound() * vectors_.stride() +
         (codes_ ? codes_->memory_bytes() : 0);
}

void flat_index::save(section_writer& sections) const {
  sections.add(section_tag::rows, std::span<const row_id>(rows_.sorted_rows()));
}

}  // namespace hearth::engine::index
