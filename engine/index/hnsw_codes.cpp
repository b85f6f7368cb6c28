// When an index learns short codes of its vectors.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/index/hnsw_index.hpp"
#include "engine/index/snapshot_sections.hpp"
#include "engine/index/stored_scan.hpp"
#include "engine/index/thread_team.hpp"

namespace hearth::engine::index {
namespace {

// Shorter vectors are as short as their codes would be.
constexpr std::uint32_t least_dimension = 64;

}  // namespace

std::size_t hnsw_index::first_training(std::uint32_t dimension, quantization_kind kind) noexcept {
  const bool codes = kind == quantization_kind::automatic ? dimension >= least_dimension
                                                          : kind != quantization_kind::none;
  return codes ? sample_rows : std::numeric_limits<std::size_t>::max();
}

short_codes::plan hnsw_index::code_plan() const noexcept {
  // Where the codes are all there is in memory, they are kept short.
  constexpr std::size_t lean_bytes = 128;
  return {.distance = vectors_.distance(),
          .kind = params_.quantization == quantization_kind::automatic ? quantization_kind::pca
                                                                       : params_.quantization,
          .most_bytes = params_.memory == memory_kind::lean ? lean_bytes : 0,
          .seed = params_.seed};
}

// The rows that do not fit the codes of the moment are a half of the sample: more like them are to
// be expected.
std::vector<float> hnsw_index::sample() const {
  std::vector<slot_id> chosen;
  const auto choose = [&](std::size_t from, std::size_t count, auto&& slot_of) {
    const std::size_t stride = std::max<std::size_t>(from / count, 1);
    for (std::size_t i = 0; i < from && chosen.size() < sample_rows; i += stride)
      if (rows_.visible(slot_of(i)))
        chosen.push_back(slot_of(i));
  };
  choose(misfits_.size(), sample_rows / 2, [&](std::size_t i) { return misfits_[i]; });
  choose(rows_.bound(), sample_rows - chosen.size(),
         [](std::size_t i) { return static_cast<slot_id>(i); });

  std::vector<float> values;
  values.reserve(chosen.size() * dimension());
  const auto add = [&](const float* vector) {
    values.insert(values.end(), vector, vector + dimension());
  };
  if (resident_.load(std::memory_order_relaxed)) {
    for (const slot_id slot : chosen)
      add(vectors_.at(slot));
    return values;
  }
  std::vector<row_id> rows;
  for (const slot_id slot : chosen)
    rows.push_back(*rows_.row_at(slot));
  std::ranges::sort(rows);
  rows.erase(std::ranges::unique(rows).begin(), rows.end());
  for_each_stored(rows, stored_, vectors_.distance(), dimension(),
                  [&](row_id, const float* vector) { add(vector); });
  return values;
}

// Codes all vectors before searches see the new codes. Links keep: what was near by fitting codes
// is near by better ones.
void hnsw_index::train_codes(slot_id room, thread_team& team) {
  const auto values = sample();
  auto trained = short_codes::train(
      matrix_view(values.data(), values.size() / dimension(), dimension()), code_plan());
  if (!trained)
    return;  // values beyond what float32 can square: the vectors themselves serve
  auto next = std::make_unique<code_generation>(*std::move(trained));
  train_ranking(values, *next);
  next->reserve(room);
  if (resident_.load(std::memory_order_relaxed)) {
    constexpr slot_id block = 256;
    const slot_id bound = rows_.bound();
    team.run((bound + block - 1) / block, [&](std::size_t number) {
      const auto first = static_cast<slot_id>(number * block);
      for (slot_id slot = first; slot < std::min(bound, first + block); ++slot)
        next->put(slot, std::as_const(vectors_).at(slot));
    });
  } else {
    for_each_stored(rows_.sorted_rows(), stored_, vectors_.distance(), dimension(),
                    [&](row_id row, const float* vector) { next->put(rows_.find(row), vector); });
  }
  publish_codes(std::move(next));
  if (stored_)
    leave_vectors_to_storage();
}

void hnsw_index::train_ranking(std::span<const float> sampled, code_generation& next) const {
  if (params_.memory == memory_kind::lean)
    return;
  const matrix_view rows(sampled.data(), sampled.size() / dimension(), dimension());
  if (auto trained = scalar_codes::train(rows, vectors_.distance()))
    next.rank = std::make_unique<scalar_store>(*std::move(trained));
}

void hnsw_index::publish_codes(std::unique_ptr<code_generation> codes) {
  generations_.push_back(std::move(codes));
  const auto* const newest = generations_.back().get();
  code_row_bytes_ += newest->row_bytes();
  pairs_.use(&newest->walk);
  codes_.store(newest, std::memory_order_release);
  if (generations_.size() > 1)
    replacement_ = rows_.advance();
}

void hnsw_index::release_old_codes() {
  if (!replacement_ || rows_.readers_before(*replacement_))
    return;
  replacement_.reset();
  generations_.erase(generations_.begin(), generations_.end() - 1);
  code_row_bytes_ = generations_.back()->row_bytes();
}

void hnsw_index::save_codes(std::span<const slot_id> slots, section_writer& sections) const {
  std::vector<float> model;
  std::vector<std::byte> rows;
  if (!generations_.empty()) {
    const auto& store = generations_.back()->walk;
    const auto& trained = store.codes().trained();
    model = {trained.lowest, trained.step, static_cast<float>(trained.bits), trained.error};
    model.insert(model.end(), trained.mean.begin(), trained.mean.end());
    model.insert(model.end(), trained.components.begin(), trained.components.end());
    rows.reserve(slots.size() * store.codes().row_bytes());
    for (const slot_id slot : slots)
      rows.insert(rows.end(), store.at(slot), store.at(slot) + store.codes().row_bytes());
  }
  sections.add<float>(section_tag::code_model, model);
  sections.add<std::byte>(section_tag::code_rows, rows);
}

result<std::unique_ptr<code_generation>> hnsw_index::read_codes(section_reader& sections,
                                                                std::size_t rows) const {
  HEARTH_TRY(const auto model, sections.next<float>(section_tag::code_model));
  HEARTH_TRY(const auto bytes, sections.next<std::byte>(section_tag::code_rows));
  if (model.empty() && bytes.empty())
    return nullptr;
  const auto wrong = fail(errc::corruption, "snapshot: codes that do not fit the vectors");
  const std::size_t dim = dimension();
  const std::size_t fixed = 4 + dim;
  if (model.size() < fixed || (model.size() - fixed) % dim != 0 ||
      (model.size() - fixed) / dim > dim ||
      !std::ranges::all_of(model, [](float number) { return std::isfinite(number); }) ||
      !(model[1] > 0) || !(model[3] >= 0) || (model[2] != 7 && model[2] != 4 && model[2] != 1))
    return wrong;
  const auto mean = model.begin() + 4;
  const auto components = mean + static_cast<std::ptrdiff_t>(dim);
  auto codes = std::make_unique<code_generation>(short_codes({{mean, components},
                                                              {components, model.end()},
                                                              model[0],
                                                              model[1],
                                                              static_cast<unsigned>(model[2]),
                                                              model[3]},
                                                             vectors_.distance()));
  code_store& store = codes->walk;
  const std::size_t row_bytes = store.codes().row_bytes();
  if (bytes.size() != rows * row_bytes)
    return wrong;
  store.reserve(rows);
  for (std::size_t row = 0; row < rows; ++row)
    if (!store.load(static_cast<slot_id>(row),
                    std::span(bytes).subspan(row * row_bytes, row_bytes)))
      return wrong;
  return codes;
}

}  // namespace hearth::engine::index
