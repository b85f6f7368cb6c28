#include "engine/index/ivf/ivf_flat_index.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/format.hpp"
#include "engine/index/ivf/centroid_set.hpp"
#include "engine/index/ivf/kmeans.hpp"
#include "engine/index/ivf/list_search.hpp"
#include "engine/index/nearest_hits.hpp"

namespace hearth::engine::index {
namespace {

// A block is copied when a row joins it, and half of the last one of a list is empty.
constexpr std::size_t most_block_bytes = 64 * 1024;
constexpr std::uint32_t training_rounds = 10;

list_layout layout_for(std::uint32_t dimension) {
  const std::size_t row_bytes = dimension * sizeof(float);
  const auto rows =
      std::clamp<std::size_t>(most_block_bytes / row_bytes, 1, list_layout::most_block_rows);
  return {static_cast<std::uint32_t>(rows), {{row_bytes, 1}}};
}

// Offers the rows of `list` to `best`, and answers how many there are; nothing as soon as a
// distance is not finite.
template <class Real, class Distance>
bool offer_list(const inverted_lists& lists, std::uint32_t list, const chosen_rows& rows,
                const Distance& distance, nearest_hits<Real>& best) {
  const std::size_t row_bytes = lists.row_bytes();
  bool finite = true;
  lists.for_each_block(list, [&](const inverted_lists::block_view& block) {
    for (std::uint32_t live = block.live; live != 0 && finite; live &= live - 1) {
      const auto at = static_cast<std::size_t>(std::countr_zero(live));
      const auto* const vector = reinterpret_cast<const float*>(block.payload + at * row_bytes);
      const auto found = distance(vector);
      finite = std::isfinite(found);
      if (!(found <= best.limit()))
        continue;
      if (const auto row = rows.row_at(block.slots[at]))
        best.offer({found, *row});
    }
  });
  return finite;
}

struct search_memory {
  std::vector<float> scores;
  std::vector<scored_list> order;
  nearest_hits<float> best;
  nearest_hits<double> precise;

  static search_memory& of_this_thread() {
    thread_local search_memory mine;
    return mine;
  }
};

}  // namespace

class ivf_flat_index::flat_lists final : public structure {
 public:
  flat_lists(matrix_view of_lists, epoch_domain& readers)
      : structure(layout_for(of_lists.dimension()), static_cast<std::uint32_t>(of_lists.rows()),
                  readers),
        centroids(of_lists) {}

  std::uint32_t encode(const float* vector, std::byte* row) const override {
    std::memcpy(row, vector, lists.row_bytes());
    return centroids.size() == 1 ? 0 : centroids.nearest(vector);
  }
  void save(section_writer& sections) const override {
    sections.add<float>(section_tag::ivf_centroids, centroids.values());
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return centroids.memory_bytes();
  }

  const centroid_set centroids;
};

ivf_flat_index::ivf_flat_index(std::uint32_t dimension, distance_kind distance,
                               const index_params& params)
    : ivf_index(dimension, distance, params), space_(dimension, distance) {
  // Until there are rows to learn from, one list holds all.
  const std::vector<float> origin(dimension, 0.0F);
  start_with(std::make_unique<flat_lists>(matrix_view(origin.data(), 1, dimension), readers()));
}

const float* ivf_flat_index::keep(slot_id /*slot*/, std::span<const float> vector) {
  if (distance() != distance_kind::cosine)
    return vector.data();
  normalized_.resize(vector.size());
  normalize(vector, normalized_.data());
  return normalized_.data();
}

const float* ivf_flat_index::kept(slot_id slot) const {
  return reinterpret_cast<const float*>(current()->lists.piece(slot));
}

std::unique_ptr<ivf_index::structure> ivf_flat_index::learn(matrix_view sample,
                                                            std::uint32_t lists) {
  const auto centroids = kmeans(sample, {lists, training_rounds, params().seed});
  return std::make_unique<flat_lists>(matrix_view(centroids.data(), lists, dimension()), readers());
}

std::optional<std::vector<neighbor>> ivf_flat_index::find(const structure& in, const float* query,
                                                          const share& spent) const {
  const auto& of = static_cast<const flat_lists&>(in);
  const query_distance distance(space_, query);
  auto& memory = search_memory::of_this_thread();
  memory.scores.resize(of.centroids.columns());
  if (this->distance() == distance_kind::dot)
    of.centroids.negative_products(query, memory.scores.data());
  else
    of.centroids.squared_distances(query, memory.scores.data());
  memory.scores.resize(of.centroids.size());
  list_queue nearest(memory.scores, spent.nprobe, memory.order);
  const chosen_rows chosen(directory(), spent.among);
  auto& best = memory.best;
  best.start(spent.k);
  std::size_t seen = 0;
  for (std::size_t looked = 0; looked < spent.nprobe || seen < spent.rows; ++looked) {
    const auto* const next = nearest.next();
    if (next == nullptr)
      break;
    if (!offer_list(
            of.lists, next->list, chosen, [&](const float* vector) { return distance.of(vector); },
            best))
      return std::nullopt;
    seen += of.lists.rows_in(next->list);
  }
  return reported(best, [&](float found) { return distance.reported(found); });
}

std::vector<neighbor> ivf_flat_index::scan(const float* query, std::size_t k,
                                           const row_selection* among) const {
  const query_distance distance(space_, query);
  const chosen_rows chosen(directory(), among);
  const auto& lists = current()->lists;
  auto& memory = search_memory::of_this_thread();
  memory.best.start(k);
  bool finite = true;
  for (std::uint32_t list = 0; list < lists.lists() && finite; ++list)
    finite = offer_list(
        lists, list, chosen, [&](const float* vector) { return distance.of(vector); }, memory.best);
  if (finite)
    return reported(memory.best, [&](float found) { return distance.reported(found); });
  memory.precise.start(k);
  for (std::uint32_t list = 0; list < lists.lists(); ++list)
    (void)offer_list(
        lists, list, chosen, [&](const float* vector) { return distance.exact_of(vector); },
        memory.precise);
  return reported(memory.precise, saturated);
}

result<std::unique_ptr<ivf_index::structure>> ivf_flat_index::read(section_reader& sections,
                                                                   std::uint32_t lists) {
  HEARTH_TRY(const auto centroids, sections.next<float>(section_tag::ivf_centroids));
  if (centroids.size() != std::size_t{lists} * dimension() || !all_finite(centroids))
    return fail(errc::corruption, "snapshot: centroids that do not fit the lists");
  return std::make_unique<flat_lists>(matrix_view(centroids.data(), lists, dimension()), readers());
}

bool ivf_flat_index::rows_are_sound(const structure& /*of*/, std::span<const std::byte> rows,
                                    std::size_t /*count*/) const {
  return rows.empty();
}

result<std::unique_ptr<ivf_flat_index>>
ivf_flat_index::load(section_reader& sections, std::uint32_t dimension, distance_kind distance,
                     const index_params& params, const fetch_vectors& fetch) {
  auto index = std::make_unique<ivf_flat_index>(dimension, distance, params);
  HEARTH_CHECK(index->load_sections(sections, fetch));
  return index;
}

}  // namespace hearth::engine::index
