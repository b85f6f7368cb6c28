#include "engine/index/ivf/ivf_pq_index.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/format.hpp"
#include "engine/index/code_error.hpp"
#include "engine/index/exact_scan.hpp"
#include "engine/index/ivf/centroid_set.hpp"
#include "engine/index/ivf/kmeans.hpp"
#include "engine/index/ivf/list_search.hpp"
#include "engine/index/ivf/product_codes.hpp"
#include "engine/index/ivf/projection.hpp"
#include "engine/index/nearest_hits.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::uint32_t training_rounds = 10;
// The rest of the variance costs more to look at than it tells.
constexpr double wanted_energy = 0.92;
// Which list is nearest shows in fewer components still.
constexpr double list_energy = 0.8;
constexpr std::size_t components_per_bit = 1;  // of a part
// Before that too little is known of how good the estimates are.
constexpr std::size_t least_read = 16;
constexpr std::size_t ahead = 4;  // of the vector that is compared
// Codes that say little about a vector must not be blown up.
constexpr float largest_factor = 4;

/// A row of a list begins with these; its codes follow.
struct row_head {
  float factor = 0;
  float bias = 0;
};

list_layout layout_for(const product_codes& codes) {
  const std::size_t together = codes.bits() == 4 ? kernels().fast_scan.together : codes.parts();
  return {list_layout::most_block_rows,
          {{sizeof(float), 2}, {together, codes.code_bytes() / together}}};
}

struct search_memory {
  std::vector<float> query;  // in components
  std::vector<float> scores;
  std::vector<scored_list> order;
  product_tables tables;
  nearest_slots best;

  static search_memory& of_this_thread() {
    thread_local search_memory mine;
    return mine;
  }
};

}  // namespace

class ivf_pq_index::coded_lists final : public structure {
 public:
  struct model {
    projection::model space;
    std::vector<float> centroids;  // lists x the first of the components
    std::uint32_t lists = 1;
    product_codes::model codes;
  };

  coded_lists(model learned, distance_kind distance, epoch_domain& readers)
      : coded_lists(
            product_codes(std::move(learned.codes)), projection(std::move(learned.space)),
            matrix_view(learned.centroids.data(), learned.lists,
                        static_cast<std::uint32_t>(learned.centroids.size() / learned.lists)),
            distance, readers) {}

  std::uint32_t encode(const float* vector, std::byte* row) const override;
  void save(section_writer& sections) const override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return codes_.memory_bytes() + space_.memory_bytes() + centroids_.memory_bytes();
  }
  [[nodiscard]] std::size_t size() const noexcept { return centroids_.size(); }

  /// Fills memory.scores with the distances to the lists, and the tables.
  void prepare(const float* query, search_memory& memory) const;
  /// Offers the rows of `list` to memory.best.
  void offer(const scored_list& list, const chosen_rows& chosen, search_memory& memory) const;

 private:
  coded_lists(product_codes codes, projection space, matrix_view centroids, distance_kind distance,
              epoch_domain& readers)
      : structure(layout_for(codes), static_cast<std::uint32_t>(centroids.rows()), readers),
        distance_(distance), scan_(kernels().fast_scan.scan), codes_(std::move(codes)),
        space_(std::move(space)), centroids_(centroids) {}

  [[nodiscard]] std::uint32_t scan(const inverted_lists::block_view& block,
                                   const search_memory& memory, float limit,
                                   float* distances) const;

  const distance_kind distance_;
  decltype(fast_scan_kernel::scan) const scan_;
  const product_codes codes_;
  const projection space_;
  const centroid_set centroids_;
};

std::uint32_t ivf_pq_index::coded_lists::encode(const float* vector, std::byte* row) const {
  thread_local std::vector<float> memory;
  const std::size_t dimension = space_.to();
  memory.resize(space_.width() + dimension);
  float* const point = memory.data();
  float* const decoded = point + space_.width();
  const float left_out = space_.apply(vector, point);
  const std::uint32_t list = centroids_.nearest(point);
  const float* const centroid = centroids_.at(list);
  for (std::size_t d = 0; d < centroids_.dimension(); ++d)
    point[d] -= centroid[d];
  codes_.encode(point, row + sizeof(row_head), decoded);

  const auto& kernel = kernels();
  const float length = kernel.squared_norm(point, dimension);
  const float along = kernel.dot(point, decoded, dimension);
  row_head head;
  if (along > 0)
    head.factor = std::min(length / along, largest_factor);
  if (distance_ != distance_kind::dot)
    head.bias =
        length + left_out + 2 * head.factor * kernel.dot(centroid, decoded, centroids_.dimension());
  if (!std::isfinite(head.bias) || !std::isfinite(head.factor))
    head = {};  // a huge vector: all rows are scanned as long as there is one
  std::memcpy(row, &head, sizeof head);
  return list;
}

void ivf_pq_index::coded_lists::prepare(const float* query, search_memory& memory) const {
  memory.query.resize(space_.width());
  memory.scores.resize(centroids_.columns());
  const bool dot = distance_ == distance_kind::dot;
  if (dot) {
    space_.turn(query, memory.query.data());
    centroids_.negative_products(memory.query.data(), memory.scores.data());
  } else {
    (void)space_.apply(query, memory.query.data());
    centroids_.squared_distances(memory.query.data(), memory.scores.data());
  }
  memory.scores.resize(centroids_.size());
  const float scale = dot ? -1.0F : -2.0F;
  for (float& value : memory.query)
    value *= scale;
  codes_.make_tables(memory.query.data(), memory.tables);
}

void ivf_pq_index::coded_lists::offer(const scored_list& list, const chosen_rows& chosen,
                                      search_memory& memory) const {
  alignas(64) float distances[list_layout::most_block_rows];
  lists.for_each_block(list.list, [&](const inverted_lists::block_view& block) {
    auto& best = memory.best;
    const float limit = best.limit() - list.distance;
    for (std::uint32_t near = scan(block, memory, limit, distances) & block.live; near != 0;
         near &= near - 1) {
      const auto row = static_cast<std::size_t>(std::countr_zero(near));
      if (chosen.all() || chosen.row_at(block.slots[row]))
        best.offer({list.distance + distances[row], block.slots[row]});
    }
  });
}

std::uint32_t ivf_pq_index::coded_lists::scan(const inverted_lists::block_view& block,
                                              const search_memory& memory, float limit,
                                              float* distances) const {
  constexpr std::size_t rows = list_layout::most_block_rows;
  const auto* const factors = reinterpret_cast<const float*>(block.payload);
  const float* const biases = factors + rows;
  const std::byte* codes = block.payload + rows * sizeof(row_head);
  if (codes_.bits() == 4)
    return scan_(memory.tables.fast(), codes, factors, biases, limit, distances);
  std::uint32_t near = 0;
  const std::size_t parts = codes_.parts();
  for (std::size_t row = 0; row < rows; ++row, codes += parts) {
    const float* table = memory.tables.products();
    float sums[4] = {};
    std::size_t part = 0;
    for (; part + 4 <= parts; part += 4, table += 4 * 256)
      for (std::size_t i = 0; i < 4; ++i)
        sums[i] += table[i * 256 + static_cast<std::size_t>(codes[part + i])];
    for (; part < parts; ++part, table += 256)
      sums[0] += table[static_cast<std::size_t>(codes[part])];
    distances[row] = biases[row] + factors[row] * ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    near |= (distances[row] < limit ? 1U : 0U) << row;
  }
  return near;
}

void ivf_pq_index::coded_lists::save(section_writer& sections) const {
  sections.add<float>(section_tag::ivf_centroids, centroids_.values());
  std::vector<float> space = space_.learned().mean;
  const auto& components = space_.learned().components;
  space.insert(space.end(), components.begin(), components.end());
  sections.add<float>(section_tag::ivf_projection, space);
  sections.add<std::uint32_t>(section_tag::ivf_part_starts, codes_.learned().starts);
  sections.add<float>(section_tag::ivf_codebooks, codes_.learned().codebooks);
}

ivf_pq_index::ivf_pq_index(std::uint32_t dimension, distance_kind distance,
                           const index_params& params)
    : ivf_index(dimension, distance, params), vectors_(dimension, distance) {}

std::uint32_t ivf_pq_index::parts() const noexcept {
  constexpr std::uint32_t most = 128;
  if (params().m != 0)
    return params().m;
  // Two dimensions for a 4-bit code, four for one of 8 bits.
  const std::uint32_t together = params().nbits / 2;
  return std::min((dimension() + together - 1) / together, most);
}

const float* ivf_pq_index::keep(slot_id slot, std::span<const float> vector) {
  vectors_.put(slot, vector);
  return vectors_.at(slot);
}

std::unique_ptr<ivf_index::structure> ivf_pq_index::learn(matrix_view sample, std::uint32_t lists) {
  const std::uint32_t bits = params().nbits;
  const std::size_t most = parts() * bits * components_per_bit;
  const auto found = projection::learn(sample, wanted_energy, most);
  if (found.space.mean.empty())
    return nullptr;
  const projection space(found.space);
  // The last point is written wide.
  std::vector<float> points(sample.rows() * space.to() + space.width());
  for (std::size_t i = 0; i < sample.rows(); ++i)
    (void)space.apply(sample.row(i).data(), points.data() + i * space.to());
  const matrix_view projected(points.data(), sample.rows(), space.to());

  const std::uint32_t leading = found.components_for(list_energy);
  std::vector<float> starts;
  for (std::size_t i = 0; i < sample.rows(); ++i)
    starts.insert(starts.end(), projected.row(i).begin(), projected.row(i).begin() + leading);
  auto centroids =
      kmeans({starts.data(), sample.rows(), leading}, {lists, training_rounds, params().seed});
  const centroid_set nearest({centroids.data(), lists, leading});
  for (std::size_t i = 0; i < sample.rows(); ++i) {
    float* const point = points.data() + i * space.to();
    const float* const centroid = nearest.at(nearest.nearest(point));
    for (std::size_t d = 0; d < leading; ++d)
      point[d] -= centroid[d];
  }
  auto codes = product_codes::learn(projected, parts(), bits, params().seed);
  return std::make_unique<coded_lists>(
      coded_lists::model{found.space, std::move(centroids), lists, std::move(codes)}, distance(),
      readers());
}

std::optional<std::vector<neighbor>> ivf_pq_index::find(const structure& in, const float* query,
                                                        const share& spent) const {
  const auto& of = static_cast<const coded_lists&>(in);
  auto& memory = search_memory::of_this_thread();
  of.prepare(query, memory);
  list_queue nearest(memory.scores, spent.nprobe, memory.order);
  const chosen_rows chosen(directory(), spent.among);
  memory.best.start(spent.ef);
  std::size_t seen = 0;
  for (std::size_t looked = 0; looked < spent.nprobe || seen < spent.rows; ++looked) {
    const auto* const next = nearest.next();
    if (next == nullptr)
      break;
    of.offer(*next, chosen, memory);
    seen += of.lists.rows_in(next->list);
  }

  return rank(query_distance(vectors_, query), spent.k, memory.best.finish());
}

// By true distances, in the order of the estimates. Reading vectors costs as much as all before, so
// it ends where the k nearest are hardly to be expected any more: the more candidates were asked
// for, the surer that is.
std::optional<std::vector<neighbor>> ivf_pq_index::rank(const query_distance& distance,
                                                        std::size_t k,
                                                        std::span<scored_slot> candidates) const {
  std::sort(candidates.begin(), candidates.end());
  // Estimates are of the squared l2 distance, which is 2 - 2ab where lengths are 1.
  const double unit = this->distance() == distance_kind::cosine ? 0.5 : 1;
  thread_local nearest_hits<float> nearest;
  nearest.start(k);
  code_error error;
  const double asked = static_cast<double>(candidates.size()) / static_cast<double>(k);
  const double deviations = std::clamp(1 + std::log2(asked) / 2, 2.0, 4.0);
  const auto prefetch = [&](std::size_t at) {
    if (at < candidates.size())
      (void)distance.prefetch(candidates[at].slot);
  };
  for (std::size_t i = 0; i < ahead; ++i)
    prefetch(i);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double estimate = unit * static_cast<double>(candidates[i].distance);
    if (i >= least_read && nearest.full() &&
        estimate + error.least(deviations) > static_cast<double>(nearest.limit()))
      break;
    prefetch(i + ahead);
    const float found = distance(candidates[i].slot);
    if (!std::isfinite(found)) [[unlikely]]
      return std::nullopt;
    error.add(static_cast<double>(found) - estimate);
    if (found > nearest.limit())
      continue;
    if (const auto row = directory().row_at(candidates[i].slot))
      nearest.offer({found, *row});
  }
  return reported(nearest, [&](float each) { return distance.reported(each); });
}

std::vector<neighbor> ivf_pq_index::scan(const float* query, std::size_t k,
                                         const row_selection* among) const {
  return scan_exact({directory(), among}, query_distance(vectors_, query), k);
}

result<std::unique_ptr<ivf_index::structure>> ivf_pq_index::read(section_reader& sections,
                                                                 std::uint32_t lists) {
  coded_lists::model model;
  HEARTH_TRY(model.centroids, sections.next<float>(section_tag::ivf_centroids));
  HEARTH_TRY(const auto space, sections.next<float>(section_tag::ivf_projection));
  HEARTH_TRY(model.codes.starts, sections.next<std::uint32_t>(section_tag::ivf_part_starts));
  HEARTH_TRY(model.codes.codebooks, sections.next<float>(section_tag::ivf_codebooks));
  model.lists = lists;
  model.codes.bits = params().nbits;
  const auto wrong = fail(errc::corruption, "snapshot: codes that do not fit the vectors");
  if (!all_finite(model.centroids) || !all_finite(space) || !all_finite(model.codes.codebooks))
    return wrong;
  const std::size_t width = dimension();
  if (space.size() < 2 * width || space.size() % width != 0 || space.size() / width - 1 > width)
    return wrong;
  const std::size_t components = space.size() / width - 1;
  model.space.mean.assign(space.begin(), space.begin() + static_cast<std::ptrdiff_t>(width));
  model.space.components.assign(space.begin() + static_cast<std::ptrdiff_t>(width), space.end());
  const auto& starts = model.codes.starts;
  if (model.centroids.empty() || model.centroids.size() % lists != 0 ||
      model.centroids.size() / lists > components || starts.size() < 2 || starts.front() != 0 ||
      starts.back() != components ||
      std::ranges::adjacent_find(starts, std::greater_equal<>()) != starts.end() ||
      model.codes.codebooks.size() != components << model.codes.bits)
    return wrong;
  return std::make_unique<coded_lists>(std::move(model), distance(), readers());
}

bool ivf_pq_index::rows_are_sound(const structure& of, std::span<const std::byte> rows,
                                  std::size_t count) const {
  const std::size_t row_bytes = of.lists.row_bytes();
  if (rows.size() != count * row_bytes)
    return false;
  for (std::size_t at = 0; at < rows.size(); at += row_bytes) {
    row_head head;
    std::memcpy(&head, rows.data() + at, sizeof head);
    if (!std::isfinite(head.bias) || !(head.factor >= 0 && head.factor <= largest_factor))
      return false;
  }
  return true;
}

result<std::unique_ptr<ivf_pq_index>>
ivf_pq_index::load(section_reader& sections, std::uint32_t dimension, distance_kind distance,
                   const index_params& params, const fetch_vectors& fetch) {
  auto index = std::make_unique<ivf_pq_index>(dimension, distance, params);
  HEARTH_CHECK(index->load_sections(sections, fetch));
  return index;
}

}  // namespace hearth::engine::index
