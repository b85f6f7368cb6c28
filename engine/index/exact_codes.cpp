#include "engine/index/exact_codes.hpp"

#include <algorithm>
#include <new>

namespace hearth::engine::index {
namespace {

constexpr std::size_t sample_rows = 4096;
constexpr std::size_t training_growth = 16;

}  // namespace

void exact_codes::generation::reserve(slot_id bound) {
  full.reserve(bound);
  if (reduced)
    reduced->reserve(bound);
}

void exact_codes::generation::put(slot_id slot, const float* vector) noexcept {
  full.put(slot, vector);
  if (reduced)
    reduced->put(slot, vector);
}

void exact_codes::room_for(slot_id bound) {
  if (!generations_.empty())
    generations_.back()->reserve(bound);
}

void exact_codes::put(slot_id slot) noexcept {
  if (!generations_.empty())
    generations_.back()->put(slot, vectors_.at(slot));
}

void exact_codes::learn_if_due() {
  if (rows_.size() < next_training_)
    return;
  try {
    if (auto next = learn()) {
      generations_.push_back(std::move(next));
      const auto& newest = *generations_.back();
      row_bytes_ += newest.full.codes().row_bytes() +
                    (newest.reduced ? newest.reduced->codes().row_bytes() : 0);
      newest_.store(&newest, std::memory_order_release);
    }
    next_training_ *= training_growth;
  } catch (const std::bad_alloc&) {
    // The vectors themselves serve.
  }
}

// All rows in new codes. Nothing if they cannot be coded.
std::unique_ptr<exact_codes::generation> exact_codes::learn() const {
  const auto values = sample();
  const matrix_view rows(values.data(), values.size() / vectors_.dimension(), vectors_.dimension());
  const auto distance = computed_as(vectors_.distance());
  auto trained = scalar_codes::train(rows, distance);
  if (!trained)
    return nullptr;
  auto next = std::make_unique<generation>(*std::move(trained));
  auto reduced = reduced_codes::train(rows, distance, next->full.codes().row_bytes());
  if (reduced)
    next->reduced.emplace(*std::move(reduced));
  const slot_id bound = rows_.bound();
  next->reserve(bound);
  for (slot_id slot = 0; slot < bound; ++slot)
    if (rows_.visible(slot))
      next->put(slot, vectors_.at(slot));
  return next;
}

// Evenly over all rows.
std::vector<float> exact_codes::sample() const {
  const std::size_t most = sample_rows * vectors_.dimension();
  const std::size_t stride = std::max<std::size_t>(rows_.size() / sample_rows, 1);
  const slot_id bound = rows_.bound();
  std::vector<float> values;
  values.reserve(most);
  std::size_t seen = 0;
  for (slot_id slot = 0; slot < bound && values.size() < most; ++slot)
    if (rows_.visible(slot) && seen++ % stride == 0)
      values.insert(values.end(), vectors_.at(slot), vectors_.at(slot) + vectors_.dimension());
  return values;
}

// In this order: every visible slot below the bound is in codes that are read later. Older ones may
// lack the newest slots.
std::optional<exact_view> exact_codes::view(const row_selection* among) const noexcept {
  const slot_id bound = rows_.bound();
  const auto* const codes = newest_.load(std::memory_order_acquire);
  if (codes == nullptr)
    return std::nullopt;
  return exact_view{
      {rows_, among}, vectors_, codes->full, codes->reduced ? &*codes->reduced : nullptr, bound};
}

std::size_t exact_codes::memory_bytes() const noexcept {
  return rows_.bound() * row_bytes_.load(std::memory_order_relaxed);
}

}  // namespace hearth::engine::index
