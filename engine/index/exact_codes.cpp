#include "engine/index/exact_codes.hpp"

#include <algorithm>
#include <new>

namespace hearth::engine::index {
namespace {

constexpr std::size_t sample_rows = 4096;
constexpr std::size_t training_growth = 16;

}  // namespace

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
    const auto values = sample();
    const std::size_t dimension = vectors_.dimension();
    auto trained = scalar_codes::train(
        {values.data(), values.size() / dimension, vectors_.dimension()}, vectors_.distance());
    if (trained) {
      auto next = std::make_unique<scalar_store>(*std::move(trained));
      const slot_id bound = rows_.bound();
      next->reserve(bound);
      for (slot_id slot = 0; slot < bound; ++slot)
        if (rows_.visible(slot))
          next->put(slot, vectors_.at(slot));
      generations_.push_back(std::move(next));
      row_bytes_ += generations_.back()->codes().row_bytes();
      newest_.store(generations_.back().get(), std::memory_order_release);
    }
    next_training_ *= training_growth;
  } catch (const std::bad_alloc&) {
    // The vectors themselves serve.
  }
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
std::optional<exact_view> exact_codes::view() const noexcept {
  const slot_id bound = rows_.bound();
  const auto* const codes = newest_.load(std::memory_order_acquire);
  if (codes == nullptr)
    return std::nullopt;
  return exact_view{rows_, vectors_, *codes, bound};
}

std::size_t exact_codes::memory_bytes() const noexcept {
  return rows_.bound() * row_bytes_.load(std::memory_order_relaxed);
}

}  // namespace hearth::engine::index
