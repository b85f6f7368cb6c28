#include "engine/index/ivf/ivf_index.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <new>

#include "core/format.hpp"
#include "engine/index/flat_index.hpp"
#include "engine/index/vector_store.hpp"

namespace hearth::engine::index {
namespace {

// A vector whose squared length is below this has finite squared distances to all others like it.
constexpr float largest_squared_norm = 1e37F;
// Rows are encoded and filed so many at a time.
constexpr std::size_t filed_rows = 1024;
// A search that keeps more than one row in so many looks at all of them.
constexpr std::size_t rows_per_candidate = 4;
// A selection of fewer than one row in so many would widen a search of lists to most of them.
constexpr std::size_t rows_per_chosen = 8;
constexpr double least_share = 1.0 / 64;
// With nprobe = 0 a search looks into one list of so many for each candidate.
constexpr std::size_t lists_per_candidate = 1024;
constexpr std::size_t first_rows = 2048;
constexpr std::size_t rows_per_list = 8;      // at the first training, if nlist is given
constexpr std::uint64_t training_growth = 4;  // and again at so many times the rows
constexpr std::size_t sampled_per_list = 40;
constexpr std::size_t least_sample = 4096;
constexpr std::size_t most_refiled_bytes = std::size_t{1} << 26;
constexpr std::size_t most_sampled_values = std::size_t{1} << 26;

bool is_huge(const float* vector, std::size_t dimension) noexcept {
  return !(kernels().squared_norm(vector, dimension) <= largest_squared_norm);
}

// About the square root of the rows there will be halfway to the next training.
std::uint32_t lists_by_rows(std::size_t rows) noexcept {
  const double root = std::sqrt(2 * static_cast<double>(rows));
  constexpr double most = 65'536;
  return std::bit_ceil(static_cast<std::uint32_t>(std::min(root, most)));
}

}  // namespace

ivf_index::ivf_index(std::uint32_t dimension, distance_kind distance, const index_params& params)
    : dimension_(dimension), distance_(distance), params_(params),
      least_rows_(first_training(params)) {}

std::size_t ivf_index::first_training(const index_params& params) noexcept {
  return std::max(first_rows, params.nlist * rows_per_list);
}

void ivf_index::start_with(std::unique_ptr<structure> untrained) {
  owned_ = std::move(untrained);
  current_.store(owned_.get(), std::memory_order_release);
}

result<void> ivf_index::insert(std::span<const row_id> rows, matrix_view vectors) {
  HEARTH_CHECK(check_insert(rows_, dimension_, rows, vectors));
  reclaim();
  HEARTH_TRY(const slot_id bound, rows_.bound_after(rows.size()));
  try {
    rows_.reserve(rows.size());
    reserve(bound);
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} more vectors", rows.size()));
  }
  for (std::size_t first = 0; first < rows.size(); first += filed_rows) {
    const std::size_t count = std::min(filed_rows, rows.size() - first);
    insert_block(rows.subspan(first, count),
                 {vectors.data() + first * dimension_, count, dimension_});
    if (training_is_due())
      train();
  }
  return {};
}

void ivf_index::batch::add(const structure& into, slot_id slot, const float* vector) {
  slots.push_back(slot);
  const std::size_t row_bytes = into.lists.row_bytes();
  rows.resize(rows.size() + row_bytes);
  lists.push_back(into.encode(vector, rows.data() + rows.size() - row_bytes));
}

void ivf_index::batch::clear() {
  slots.clear();
  lists.clear();
  rows.clear();
}

void ivf_index::insert_block(std::span<const row_id> rows, matrix_view vectors) {
  batch filed;
  std::vector<slot_id> slots;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    slots.push_back(rows_.take());
    const float* const vector = keep(slots.back(), vectors.row(i));
    count_huge(slots.back(), vector);
    if (owned_ != nullptr)
      filed.add(*owned_, slots.back(), vector);
  }
  if (owned_ != nullptr)
    file(*owned_, filed);
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows_.show(slots[i], rows[i]);
  inserted_ += rows.size();
}

// List by list, so that each is changed once.
void ivf_index::file(structure& into, batch& rows) {
  const std::size_t row_bytes = into.lists.row_bytes();
  std::vector<std::size_t> order(rows.slots.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return rows.lists[i]; });
  std::vector<slot_id> slots;
  std::vector<std::byte> bytes;
  for (std::size_t start = 0; start < order.size();) {
    const std::uint32_t list = rows.lists[order[start]];
    slots.clear();
    bytes.clear();
    for (; start < order.size() && rows.lists[order[start]] == list; ++start) {
      slots.push_back(rows.slots[order[start]]);
      const auto from = rows.rows.begin() + static_cast<std::ptrdiff_t>(order[start] * row_bytes);
      bytes.insert(bytes.end(), from, from + static_cast<std::ptrdiff_t>(row_bytes));
    }
    into.lists.add(list, slots, bytes);
  }
}

void ivf_index::count_huge(slot_id slot, const float* vector) {
  if (!is_huge(vector, dimension_))
    return;
  huge_.insert(slot);
  any_huge_.store(true, std::memory_order_release);
}

std::size_t ivf_index::erase(std::span<const row_id> rows) {
  std::vector<slot_id> erased;
  erased.reserve(rows.size());
  for (const row_id row : rows) {
    const slot_id slot = rows_.find(row);
    if (slot == no_slot)
      continue;
    rows_.hide(slot);
    if (owned_ != nullptr)
      owned_->lists.remove(slot);
    huge_.erase(slot);
    erased.push_back(slot);
  }
  if (erased.empty())
    return 0;
  any_huge_.store(!huge_.empty(), std::memory_order_release);
  erased_ += erased.size();
  if (owned_ != nullptr)
    owned_->lists.pack();
  rows_.retire(erased);
  reclaim();
  return erased.size();
}

bool ivf_index::training_is_due() const noexcept {
  if (size() < least_rows_)
    return false;
  if (trained_rows_ == 0 || inserted_ >= (training_growth - 1) * trained_rows_)
    return true;
  // Looked at only when much has changed: what training cannot balance, it is not to try again and
  // again.
  return (inserted_ + erased_) * 2 >= trained_rows_ && imbalance() > 2 * trained_imbalance_;
}

// 1000 if all lists are equally long; how many times more rows than that a search for one of the
// stored vectors has to look at.
std::uint64_t ivf_index::imbalance() const noexcept {
  const auto rows = static_cast<double>(size());
  if (rows == 0 || owned_ == nullptr)
    return 0;
  const double lists = owned_->lists.lists();
  return static_cast<std::uint64_t>(1000 * owned_->lists.squared_lengths() * lists / (rows * rows));
}

void ivf_index::train() {
  const std::uint32_t lists = params_.nlist != 0 ? params_.nlist : lists_by_rows(size());
  std::unique_ptr<structure> next;
  if (huge_.empty()) {
    const auto values = sample(lists);
    next = learn({values.data(), values.size() / dimension_, dimension_}, lists);
  }
  if (next == nullptr) {  // what is there goes on; perhaps other rows can be learned from
    least_rows_ = 2 * size();
    return;
  }
  refile(*next);
  publish(std::move(next));
  trainings_.fetch_add(1, std::memory_order_relaxed);
  trained_rows_ = size();
  inserted_ = 0;
  erased_ = 0;
  trained_imbalance_ = imbalance();
}

// Every so-many-th row.
std::vector<float> ivf_index::sample(std::uint32_t lists) const {
  const std::size_t most = std::max<std::size_t>(most_sampled_values / dimension_, lists);
  const std::size_t wanted =
      std::min({std::max(least_sample, lists * sampled_per_list), most, size()});
  std::vector<float> values;
  values.reserve(wanted * dimension_);
  std::size_t seen = 0;
  std::size_t taken = 0;
  for (slot_id slot = 0; slot < rows_.bound() && taken < wanted; ++slot) {
    if (!rows_.visible(slot))
      continue;
    if (seen++ * wanted < taken * size())
      continue;
    const float* const vector = kept(slot);
    values.insert(values.end(), vector, vector + dimension_);
    ++taken;
  }
  return values;
}

void ivf_index::refile(structure& next) {
  // Many at a time, so that the blocks of a list lie side by side.
  const std::size_t together = std::max(filed_rows, most_refiled_bytes / next.lists.row_bytes());
  batch filed;
  for (slot_id slot = 0; slot < rows_.bound(); ++slot) {
    if (rows_.visible(slot))
      filed.add(next, slot, kept(slot));
    if (filed.slots.size() == together || slot + 1 == rows_.bound()) {
      file(next, filed);
      filed.clear();
    }
  }
}

void ivf_index::publish(std::unique_ptr<structure> next) {
  auto old = std::exchange(owned_, std::move(next));
  current_.store(owned_.get(), std::memory_order_release);
  if (old != nullptr)
    retired_.emplace_back(rows_.readers().advance(), std::move(old));
  reclaim();
}

void ivf_index::reclaim() {
  rows_.reclaim([](slot_id) {});
  const auto oldest = rows_.readers().oldest();
  if (owned_ != nullptr)
    owned_->lists.reclaim(oldest);
  std::erase_if(retired_, [&](const auto& each) { return each.first < oldest; });
}

std::vector<neighbor> ivf_index::search(std::span<const float> query, std::size_t k,
                                        const search_effort& effort) const {
  assert(query.size() == dimension_);
  thread_local std::vector<float> normalized;
  const float* const values = compared({query.data(), 1, dimension_}, distance_, normalized).data();
  const auto pin = rows_.pin();
  if (k == 0 || size() == 0)
    return {};
  const std::size_t ef = std::max(effort.ef, k);
  const structure* const lists = current();
  if (lists == nullptr)
    return scan(values, k, effort.among);
  if (!scans_all(k, effort) && !is_huge(values, dimension_)) {
    // Of a selection there is less in each list.
    const double chosen = effort.among == nullptr ? 1 : std::max(effort.among->share, least_share);
    const auto widened = [chosen](std::size_t count) {
      return static_cast<std::size_t>(static_cast<double>(count) / chosen);
    };
    auto found = find(*lists, values,
                      {k, ef, widened(lists_for(lists->lists.lists(), ef, effort.nprobe)),
                       widened(ef), effort.among});
    if (found && found->size() >= std::min(k, size()))
      return *std::move(found);
  }
  scans_.fetch_add(1, std::memory_order_relaxed);
  return scan(values, k, effort.among);
}

bool ivf_index::scans_all(std::size_t k, const search_effort& effort) const noexcept {
  const auto chosen = chosen_rows::share_of(size(), effort.among);
  return effort.exact || std::max(effort.ef, k) > chosen / rows_per_candidate ||
         chosen < size() / rows_per_chosen || any_huge_.load(std::memory_order_acquire);
}

search_plan ivf_index::plan(std::size_t /*queries*/, std::size_t k,
                            const search_effort& effort) const {
  const auto pin = rows_.pin();
  return {.exact = current() == nullptr || scans_all(k, effort)};
}

std::size_t ivf_index::lists_for(std::size_t lists, std::size_t ef,
                                 std::size_t nprobe) const noexcept {
  if (nprobe == 0)
    nprobe = params_.nprobe;
  if (nprobe == 0)
    nprobe =
        (lists * std::min(ef, lists_per_candidate) + lists_per_candidate - 1) / lists_per_candidate;
  return std::clamp<std::size_t>(nprobe, 1, lists);
}

bool ivf_index::contains(row_id row) const {
  const auto pin = rows_.pin();
  return rows_.find(row) != no_slot;
}

std::size_t ivf_index::memory_bytes() const noexcept {
  const auto pin = rows_.pin();
  const structure* const lists = current();
  return rows_.memory_bytes() + vector_bytes() +
         (lists == nullptr ? 0 : lists->lists.memory_bytes() + lists->memory_bytes());
}

}  // namespace hearth::engine::index
