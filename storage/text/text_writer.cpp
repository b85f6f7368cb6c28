#include "storage/text/text_writer.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"
#include "storage/text/text_reader.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t first_slots = 1024;

}  // namespace

text_writer::text_writer(lmdb::write_transaction& in, const text_tables& to,
                         std::size_t most_collected)
    : transaction_(in), tables_(to), editor_(in, to), most_collected_(most_collected),
      slots_(first_slots) {}

result<void> text_writer::add(row_id row, std::uint32_t field, std::span<const text_token> tokens) {
  return collect(row, field, tokens, true);
}

result<void> text_writer::remove(row_id row, std::uint32_t field,
                                 std::span<const text_token> tokens) {
  return collect(row, field, tokens, false);
}

void text_writer::grow_slots() {
  slots_.assign(2 * slots_.size(), 0);
  for (std::uint32_t number = 0; number < terms_.size(); ++number) {
    auto at = terms_[number].hash & (slots_.size() - 1);
    while (slots_[at] != 0)
      at = (at + 1) & (slots_.size() - 1);
    slots_[at] = number + 1;
  }
}

std::uint32_t text_writer::number_of(std::uint32_t field, std::string_view name) {
  const auto hash = static_cast<std::uint32_t>(
      checksum(std::as_bytes(std::span(name.data(), name.size())), field));
  const auto key_size = static_cast<std::uint32_t>(sizeof field + name.size());
  const auto field_key = big_endian(field);
  auto at = hash & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    const auto& known = terms_[slots_[at] - 1];
    const auto* key = names_.data() + known.key_at;
    if (known.hash == hash && known.key_size == key_size &&
        std::memcmp(key, field_key.data(), sizeof field) == 0 &&
        std::memcmp(key + sizeof field, name.data(), name.size()) == 0)
      return slots_[at] - 1;
  }
  const auto number = static_cast<std::uint32_t>(terms_.size());
  terms_.push_back({names_.size(), key_size, hash});
  append_big_endian(field, names_);
  names_.insert(names_.end(), name.begin(), name.end());
  slots_[at] = number + 1;
  if (2 * terms_.size() > slots_.size())
    grow_slots();
  return number;
}

result<void> text_writer::collect(row_id row, std::uint32_t field,
                                  std::span<const text_token> tokens, bool added) {
  if (tokens.empty())
    return {};
  if (tokens.size() > UINT32_MAX)
    return fail(errc::limit_exceeded, "a text has more than 2^32 words");
  of_text_.clear();
  for (const auto& token : tokens) {
    if (token.term.empty() || token.term.size() > limits::text_term_bytes ||
        std::memchr(token.term.data(), 0, token.term.size()) != nullptr)
      return fail(errc::invalid_argument,
                  core::format("\"{}\" cannot be a term of the full-text index: terms have 1 to {} "
                               "bytes and no NUL",
                               printable(token.term), limits::text_term_bytes));
    of_text_.push_back(std::uint64_t{number_of(field, token.term)} << 32 | token.position);
  }
  std::ranges::sort(of_text_);
  const auto number = static_cast<std::uint32_t>(documents_.size());
  const auto length = static_cast<std::uint32_t>(tokens.size());
  documents_.push_back({row, length, added});
  for (std::size_t i = 0; i < of_text_.size();) {
    const auto name = static_cast<std::uint32_t>(of_text_[i] >> 32);
    run_.clear();
    for (; i < of_text_.size() && of_text_[i] >> 32 == name; ++i)
      run_.push_back(static_cast<std::uint32_t>(of_text_[i]));
    if (std::ranges::adjacent_find(run_) != run_.end())
      return fail(errc::invalid_argument, "a text has the same term twice at one position");
    occurrences_.push_back(
        {name, number, static_cast<std::uint32_t>(run_.size()), positions_.size()});
    if (added)
      append_positions(run_, positions_);
  }
  auto changed = std::ranges::find(fields_, field, &field_change::field);
  if (changed == fields_.end())
    changed = fields_.insert(fields_.end(), {field, 0, 0});
  changed->documents += added ? 1 : -1;
  changed->length += added ? std::int64_t{length} : -std::int64_t{length};
  // Positions are a byte or two each.
  if (occurrences_.size() + positions_.size() / 8 > most_collected_)
    return flush();
  return {};
}

result<void> text_writer::finish() {
  return flush();
}

result<void> text_writer::flush() {
  HEARTH_CHECK(write_terms());
  HEARTH_CHECK(write_statistics());
  names_.clear();
  terms_.clear();
  std::ranges::fill(slots_, 0);
  documents_.clear();
  occurrences_.clear();
  positions_.clear();
  fields_.clear();
  return {};
}

void text_writer::make_changes(std::span<occurrence> of_term) {
  // Of one row, in the order in which the documents came.
  const auto order_of = [this](const occurrence& each) {
    return std::pair(documents_[each.document].row, each.document);
  };
  if (!std::ranges::is_sorted(of_term, {}, order_of))
    std::ranges::sort(of_term, {}, order_of);
  changes_.clear();
  for (const auto& each : of_term) {
    const auto& from = documents_[each.document];
    // The first change of a row says what was there before, the last one what will be.
    if (changes_.empty() || changes_.back().to.row != from.row)
      changes_.push_back({{}, false, !from.added});
    const auto room = std::span(positions_).subspan(each.positions_at);
    changes_.back().to = {from.row, each.frequency, from.length, room};
    changes_.back().present = from.added;
  }
}

result<void> text_writer::write_terms() {
  // By term, in the order of keys; within a term in the order they came.
  std::vector<std::uint32_t> order(terms_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [this](std::uint32_t number) {
    return std::string_view(names_.data() + terms_[number].key_at, terms_[number].key_size);
  });
  std::vector<std::size_t> begins(terms_.size() + 1);
  for (const auto& each : occurrences_)
    ++begins[each.term + 1];
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  std::vector<occurrence> grouped(occurrences_.size());
  {
    auto next = begins;
    for (const auto& each : occurrences_)
      grouped[next[each.term]++] = each;
  }
  for (const auto number : order) {
    make_changes(std::span(grouped).subspan(begins[number], begins[number + 1] - begins[number]));
    for (auto& change : changes_) {
      if (!change.present) {
        change.to.positions = {};
        continue;
      }
      // Where they end is not recorded: as many numbers as the frequency says.
      std::size_t size = 0;
      for (std::uint32_t left = change.to.frequency; left > 0; ++size)
        left -= (change.to.positions[size] & std::byte{0x80}) == std::byte{0} ? 1 : 0;
      change.to.positions = change.to.positions.first(size);
    }
    const std::string_view key(names_.data() + terms_[number].key_at, terms_[number].key_size);
    const auto field = read_big_endian<std::uint32_t>(lmdb::as_key(key));
    HEARTH_CHECK(editor_.edit(term_key(field, key.substr(sizeof field)), changes_));
  }
  return {};
}

result<void> text_writer::write_statistics() {
  for (const auto& change : fields_) {
    HEARTH_TRY(auto numbers, read_text_statistics(transaction_, tables_, change.field));
    const auto documents = static_cast<std::int64_t>(numbers.documents) + change.documents;
    const auto length = static_cast<std::int64_t>(numbers.total_length) + change.length;
    if (documents < 0 || length < 0 || (documents == 0) != (length == 0))
      return corrupt(core::format("the full-text index of field {}", change.field));
    numbers = {static_cast<std::uint64_t>(documents), static_cast<std::uint64_t>(length)};
    HEARTH_CHECK(write_text_statistics(transaction_, tables_, change.field, numbers));
  }
  return {};
}

}  // namespace hearth::storage
