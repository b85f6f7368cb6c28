// An inverted file as sections, and back. Vectors are numbered by rising row, whatever slots and
// blocks they were in.
#include <algorithm>
#include <new>

#include "core/format.hpp"
#include "engine/index/ivf/ivf_index.hpp"
#include "engine/index/row_loading.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::uint64_t most_lists = 65'536;
constexpr std::uint64_t most_counted = std::uint64_t{1} << 48;  // far above, far from overflow

std::unexpected<error> corrupt(std::string_view what) {
  return fail(errc::corruption, core::format("snapshot: {}", what));
}

/// The section ivf_training. Lists 0: there are none, and the other numbers but the last are 0.
struct training_section {
  std::uint64_t lists = 0;
  std::uint64_t trained_rows = 0;
  std::uint64_t inserted = 0;
  std::uint64_t erased = 0;
  std::uint64_t imbalance = 0;
  std::uint64_t least_rows = 0;
};

result<training_section> read_training(section_reader& sections) {
  HEARTH_TRY(const auto read, sections.next<training_section>(section_tag::ivf_training));
  if (read.size() != 1)
    return corrupt("more or less than one training");
  const auto& training = read.front();
  for (const auto number : {training.trained_rows, training.inserted, training.erased,
                            training.imbalance, training.least_rows})
    if (number > most_counted)
      return corrupt("a training with impossible numbers");
  if (training.lists > most_lists || (training.trained_rows > 0 && training.lists == 0))
    return corrupt("a training with an impossible number of lists");
  return training;
}

}  // namespace

void ivf_index::save(section_writer& out) const {
  const auto rows = rows_.sorted_rows();
  out.add<row_id>(section_tag::rows, rows);
  const training_section training{owned_ == nullptr ? 0 : owned_->lists.lists(),
                                  trained_rows_,
                                  inserted_,
                                  erased_,
                                  trained_imbalance_,
                                  least_rows_};
  out.add<training_section>(section_tag::ivf_training, {&training, 1});
  if (owned_ == nullptr)
    return;
  std::vector<std::uint32_t> lists;
  std::vector<std::byte> packed;
  const std::size_t row_bytes = rows_are_vectors() ? 0 : owned_->lists.row_bytes();
  packed.resize(rows.size() * row_bytes);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const slot_id slot = rows_.find(rows[i]);
    lists.push_back(owned_->lists.list_of(slot));
    if (row_bytes > 0)
      owned_->lists.read(slot, packed.data() + i * row_bytes);
  }
  out.add<std::uint32_t>(section_tag::ivf_lists, lists);
  out.add<std::byte>(section_tag::ivf_rows, packed);
  owned_->save(out);
}

result<void> ivf_index::load_sections(section_reader& sections, const fetch_vectors& fetch) {
  HEARTH_TRY(const auto rows, sections.next<row_id>(section_tag::rows));
  HEARTH_CHECK(check_rising(rows));
  if (rows.size() >= no_slot - slot_segments::first_cells)
    return corrupt("too many rows");
  HEARTH_TRY(const auto training, read_training(sections));
  std::vector<std::uint32_t> lists;
  std::vector<std::byte> packed;
  try {
    if (training.lists > 0) {
      HEARTH_TRY(lists, sections.next<std::uint32_t>(section_tag::ivf_lists));
      HEARTH_TRY(packed, sections.next<std::byte>(section_tag::ivf_rows));
      HEARTH_TRY(auto loaded, read(sections, static_cast<std::uint32_t>(training.lists)));
      start_with(std::move(loaded));
      const bool listed = lists.size() == rows.size() && std::ranges::all_of(lists, [&](auto list) {
                            return list < training.lists;
                          });
      if (!listed || !rows_are_sound(*owned_, packed, rows.size()))
        return corrupt("lists that do not fit the rows");
    } else if (owned_ != nullptr) {
      return corrupt("no lists");
    }
    if (!sections.at_end())
      return corrupt("bytes behind the last section");
    rows_.reserve(rows.size());
    reserve(static_cast<slot_id>(rows.size()));
    HEARTH_CHECK(load_rows(rows, lists, packed, fetch));
  } catch (const std::bad_alloc&) {
    return fail(errc::no_space, core::format("no memory for {} vectors", rows.size()));
  }
  trained_rows_ = training.trained_rows;
  inserted_ = training.inserted;
  erased_ = training.erased;
  trained_imbalance_ = training.imbalance;
  least_rows_ = std::max<std::uint64_t>(training.least_rows, first_training(params_));
  return {};
}

// Rows in order, each in the list that it was in.
result<void> ivf_index::load_rows(std::span<const row_id> rows,
                                  std::span<const std::uint32_t> lists,
                                  std::span<const std::byte> packed, const fetch_vectors& fetch) {
  const auto put = [&](std::size_t first, matrix_view vectors) -> result<void> {
    batch filed;
    for (std::size_t i = 0; i < vectors.rows(); ++i) {
      const slot_id slot = rows_.take();
      const float* const vector = keep(slot, vectors.row(i));
      count_huge(slot, vector);
      if (owned_ == nullptr)
        continue;
      const std::size_t row_bytes = owned_->lists.row_bytes();
      const auto bytes = rows_are_vectors() ? std::as_bytes(std::span(vector, dimension_))
                                            : packed.subspan((first + i) * row_bytes, row_bytes);
      filed.slots.push_back(slot);
      filed.lists.push_back(lists[first + i]);
      filed.rows.insert(filed.rows.end(), bytes.begin(), bytes.end());
    }
    if (owned_ != nullptr)
      file(*owned_, filed);
    return {};
  };
  HEARTH_TRY(const auto missing, fetch_in_blocks(rows, dimension_, fetch, put));
  // Slots were taken in order.
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows_.show(static_cast<slot_id>(i), rows[i]);
  erase(missing);
  return {};
}

}  // namespace hearth::engine::index
