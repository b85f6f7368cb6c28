#include <cassert>

#include "engine/index/code_error.hpp"
#include "engine/index/exact_scan.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/nearest_hits.hpp"
#include "engine/index/stored_scan.hpp"

namespace hearth::engine::index {

std::vector<neighbor> hnsw_index::search(std::span<const float> query, std::size_t k,
                                         const search_effort& effort) const {
  assert(query.size() == dimension());
  auto& scratch = search_scratch::of_this_thread();
  const float* const values =
      compared({query.data(), 1, dimension()}, vectors_.distance(), scratch.query).data();
  const query_distance distance(vectors_, values);

  const auto pin = rows_.pin();
  if (k == 0 || size() == 0)
    return {};
  const std::size_t ef = std::max(effort.ef, k);
  if (plan(1, k, effort).exact) {
    note_walk(effort.among, walk_outcome::left_out);
    return scan(distance, k, effort.among);
  }
  if (!search_graph(distance, values, k, ef, scratch, effort.among)) {
    note_walk(effort.among, walk_outcome::futile);
    if (!rank_chosen(distance, values, k, ef, scratch, effort.among))
      return scan(distance, k, effort.among);
  } else {
    note_walk(effort.among, walk_outcome::good);
  }
  auto found = take_best(distance, k, scratch.best);
  // The walk ended with everything it could reach, so a wider one would find no more. That happens
  // only while rows are being erased: those found may have gone since.
  if (found.size() < std::min(k, size()))
    return scan(distance, k, effort.among);
  return found;
}

std::vector<std::vector<neighbor>> hnsw_index::search_batch(matrix_view queries, std::size_t k,
                                                            const search_effort& effort) const {
  assert(queries.empty() || queries.dimension() == dimension());
  const auto pin = rows_.pin();
  const auto view = compared_by_codes(effort.among);
  if (queries.rows() < 2 || !view || !plan(queries.rows(), k, effort).exact)
    return vector_index::search_batch(queries, k, effort);
  scans_.fetch_add(queries.rows(), std::memory_order_relaxed);
  thread_local std::vector<float> normalized;
  return search_exact(*view, compared(queries, vectors_.distance(), normalized), k);
}

// Walks on codes where there are any; what comes back has its place by the vectors themselves.
bool hnsw_index::search_graph(const query_distance& distance, const float* query, std::size_t k,
                              std::size_t ef, search_scratch& scratch,
                              const row_selection* among) const {
  // In this order: the entry point lies below the bound, and every slot below the bound is in codes
  // that are read later. Older ones may lack the newest slots.
  const auto entry = graph_.entry();
  const slot_id bound = rows_.bound();
  const auto* codes = codes_.load(std::memory_order_acquire);
  if (entry.slot == no_slot)
    return false;
  if (codes == nullptr)
    return walk(graph_view<query_distance>{graph_, distance, bound}, entry, ef, scratch, among);
  const auto& walked = codes->walk.codes();
  std::byte* const row = scratch.coded_query.of(walked.row_bytes());
  walked.encode(query, row);
  const code_distance coded(codes->walk, row);
  if (!walk(graph_view<code_distance>{graph_, coded, bound}, entry, ef, scratch, among))
    return false;
  return codes_are_exact() || rank(*codes, distance, query, k, scratch);
}

bool hnsw_index::rank_chosen(const query_distance& distance, const float* query, std::size_t k,
                             std::size_t ef, search_scratch& scratch,
                             const row_selection* among) const {
  const slot_id bound = rows_.bound();  // before the codes: as above
  const auto* codes = codes_.load(std::memory_order_acquire);
  if (among == nullptr || codes == nullptr || vectors_in_memory())
    return false;
  const auto& coded = codes->walk.codes();
  std::byte* const row = scratch.coded_query.of(coded.row_bytes());
  coded.encode(query, row);
  const code_distance distance_by_codes(codes->walk, row);
  candidate_pool& nearest = scratch.pool;
  nearest.clear(ef);
  chosen_rows(rows_, among).for_each(bound, [&](slot_id slot, row_id) {
    if (const float each = distance_by_codes(slot); each < nearest.limit())
      nearest.offer(each, slot, true);
    return true;
  });
  nearest.copy_to(scratch.best);
  return rank(*codes, distance, query, k, scratch);
}

// Brings candidates from the order of their codes into that of their vectors.
bool hnsw_index::rank(const code_generation& codes, const query_distance& distance,
                      const float* query, std::size_t k, search_scratch& scratch) const {
  // Codes order all distances as the squared l2 distance does: 2 - 2ab where lengths are 1.
  if (vectors_.distance() != distance_kind::l2)
    for (auto& each : scratch.best)
      each.distance *= 0.5F;
  if (codes.rank && !resident_.load(std::memory_order_acquire))
    rank_by_codes(*codes.rank, query, scratch.best);
  return rank_by_vectors(distance, k, scratch);
}

template <class Distance>
bool hnsw_index::walk(const graph_view<Distance>& view, hnsw_graph::entry_point entry,
                      std::size_t ef, search_scratch& scratch, const row_selection* among) const {
  candidate from{view.distance(entry.slot), entry.slot};
  for (std::uint32_t layer = entry.level; layer > 0; --layer)
    from = descend(view, from, layer, scratch);
  if (!std::isfinite(from.distance))
    return false;
  if (among != nullptr) {
    const chosen_rows chosen(rows_, among);
    return search_layer(
        view, from, ef, 0, scratch, [&](slot_id slot) { return chosen.row_at(slot).has_value(); },
        bounds_for(ef, among));
  }
  // Often nothing that is linked is hidden, and looking it up for each node would cost a cache
  // miss. What is hidden from now on is left out by take_best().
  if (leaving_.load(std::memory_order_acquire) == 0)
    return search_layer(view, from, ef, 0, scratch, [](slot_id) { return true; });
  return search_layer(view, from, ef, 0, scratch,
                      [this](slot_id slot) { return rows_.visible(slot); });
}

// A query too long for the codes leaves the order as it is.
void hnsw_index::rank_by_codes(const scalar_store& codes, const float* query,
                               std::vector<candidate>& best) const {
  thread_local scalar_codes::prepared_query prepared;
  if (!codes.codes().prepare(query, prepared))
    return;
  constexpr std::size_t ahead = 4;
  for (std::size_t i = 0; i < best.size(); ++i) {
    if (i + ahead < best.size())
      codes.prefetch(best[i + ahead].slot);
    const auto estimate = codes.codes().distance(prepared, codes.at(best[i].slot));
    if (std::isfinite(estimate.error))
      best[i].distance = estimate.value;
  }
  std::sort(best.begin(), best.end());
}

// Candidates come in the order of their codes. Reading vectors costs more than walking did, so it
// ends where the k nearest are hardly to be expected any more; the rest is dropped. False if a
// distance left the range of float32.
bool hnsw_index::rank_by_vectors(const query_distance& distance, std::size_t k,
                                 search_scratch& scratch) const {
  constexpr std::size_t least_read = 8;  // beyond k; before that too little is known of the error
  const bool resident = resident_.load(std::memory_order_acquire);
  const std::size_t step = resident ? 4 : 16;  // storage answers many at once more cheaply
  auto& best = scratch.best;
  thread_local std::vector<float> nearest;  // max-heap of the k nearest distances
  nearest.clear();
  code_error error;
  std::size_t read = 0;
  std::size_t kept = 0;
  while (read < best.size()) {
    const auto coded = [&](std::size_t i) { return static_cast<double>(best[i].distance); };
    if (kept >= k + least_read &&
        coded(read) + error.least() > static_cast<double>(nearest.front()))
      break;
    const std::size_t count =
        std::min(read == 0 && !resident ? k + least_read : step, best.size() - read);
    scratch.distances.resize(count);
    measure(distance, std::span(best).subspan(read, count), scratch.distances.data());
    for (const float each : scratch.distances) {
      const std::size_t at = read++;
      if (!std::isfinite(each)) [[unlikely]] {
        if (resident)
          return false;
        continue;  // storage does not have it any more
      }
      error.add(static_cast<double>(each) - coded(at));
      best[kept++] = {each, best[at].slot};
      nearest.push_back(each);
      std::push_heap(nearest.begin(), nearest.end());
      if (nearest.size() > k) {
        std::pop_heap(nearest.begin(), nearest.end());
        nearest.pop_back();
      }
    }
  }
  best.resize(kept);
  return true;
}

void hnsw_index::measure(const query_distance& distance, std::span<const candidate> part,
                         float* out) const {
  if (!resident_.load(std::memory_order_acquire))
    return measure_stored(distance, part, out);
  for (const candidate& each : part)
    distance.prefetch(each.slot);
  for (const candidate& each : part)
    *out++ = distance(each.slot);
}

std::vector<neighbor> hnsw_index::take_best(const query_distance& distance, std::size_t k,
                                            std::vector<candidate>& best) const {
  const std::size_t wanted = std::min(k, best.size());
  std::nth_element(best.begin(), best.begin() + wanted, best.end());
  std::vector<neighbor> found;
  found.reserve(wanted);
  for (std::size_t i = 0; i < best.size() && found.size() < wanted; ++i) {
    if (i == wanted)  // some of the k best were erased meanwhile: the next best take their place
      std::sort(best.begin() + wanted, best.end());
    if (const auto row = rows_.row_at(best[i].slot))
      found.push_back({*row, distance.reported(best[i].distance)});
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<neighbor> hnsw_index::scan(const query_distance& distance, std::size_t k,
                                       const row_selection* among) const {
  scans_.fetch_add(1, std::memory_order_relaxed);
  if (codes_are_exact())
    if (auto found = scan_bits(distance.query(), k, among))
      return *std::move(found);
  if (const auto view = compared_by_codes(among))
    return std::move(search_exact(*view, {distance.query(), 1, dimension()}, k).front());
  const chosen_rows chosen(rows_, among);
  if (resident_.load(std::memory_order_acquire))
    return scan_exact(chosen, distance, k);
  return scan_stored(chosen, distance, vectors_.distance(), dimension(), stored_, k);
}

// Bits are compared where they are, whether or not the vectors are in memory, too.
std::optional<std::vector<neighbor>> hnsw_index::scan_bits(const float* query, std::size_t k,
                                                           const row_selection* among) const {
  const slot_id bound = rows_.bound();  // before the codes: as below
  const auto* const codes = codes_.load(std::memory_order_acquire);
  if (codes == nullptr)
    return std::nullopt;
  const auto& bits = codes->walk;
  std::byte* const coded =
      search_scratch::of_this_thread().coded_query.of(bits.codes().row_bytes());
  bits.codes().encode(query, coded);
  const code_distance distance(bits, coded);
  thread_local nearest_hits<float> nearest;
  nearest.start(k);
  chosen_rows(rows_, among).for_each(bound, [&](slot_id slot, row_id row) {
    nearest.offer({distance(slot), row});
    return true;
  });
  return reported(nearest, [](float each) { return each; });
}

// In this order: every visible slot below the bound is in codes that are read later.
std::optional<exact_view> hnsw_index::compared_by_codes(const row_selection* among) const noexcept {
  const slot_id bound = rows_.bound();
  const auto* const codes = codes_.load(std::memory_order_acquire);
  if (codes == nullptr || !codes->rank || !resident_.load(std::memory_order_acquire))
    return std::nullopt;
  return exact_view{{rows_, among}, vectors_, *codes->rank, nullptr, bound};
}

bool hnsw_index::contains(row_id row) const {
  const auto pin = rows_.pin();
  return rows_.find(row) != no_slot;
}

std::size_t hnsw_index::memory_bytes() const noexcept {
  const slot_id slots = rows_.bound();
  const std::size_t vector_bytes =
      resident_.load(std::memory_order_relaxed) ? vectors_.stride() : 0;
  return rows_.memory_bytes() + graph_.memory_bytes(slots) +
         slots * (vector_bytes + code_row_bytes_.load(std::memory_order_relaxed));
}

}  // namespace hearth::engine::index
