#include "actors/filter_cache.hpp"

#include <algorithm>
#include <utility>

namespace hearth::actors {

namespace {

constexpr std::size_t most_entries = 64;
constexpr std::size_t most_bytes = std::size_t{64} << 20;
// Reading fewer takes less than a few milliseconds.
constexpr std::uint64_t records_worth_an_index = 10'000;

void collect_fields(const filter& tree, std::vector<field_path>& fields) {
  if (!tree.path.empty() && std::ranges::find(fields, tree.path) == fields.end())
    fields.push_back(tree.path);
  for (const auto& part : tree.parts)
    collect_fields(part, fields);
}

result<std::vector<field_path>> unindexed_fields(storage::read_view& view, const filter& where) {
  std::vector<field_path> fields;
  collect_fields(where, fields);
  HEARTH_TRY(const auto indexed, view.indexed_fields());
  std::erase_if(fields, [&](const field_path& path) {
    return std::ranges::find(indexed, path, &storage::indexed_field::path) != indexed.end();
  });
  if (fields.size() + indexed.size() > limits::indexed_fields)
    fields.clear();
  return fields;
}

}  // namespace

result<filtered_rows> filter_rows(storage::read_view& view, const filter& where) {
  HEARTH_TRY(auto compiled, compiled_filter::compile(where));
  HEARTH_TRY(auto chosen, view.select(where));
  const auto records = static_cast<double>(std::max<std::uint64_t>(view.record_count(), 1));
  const double share = static_cast<double>(chosen.rows.size()) / records;
  return filtered_rows{std::move(compiled), std::move(chosen), view.lsn(), share};
}

result<filter_answer> filter_cache::choose(storage::read_view& view, const filter& where) {
  auto text = to_string(where);
  if (auto known = find(text, view.lsn()))
    return filter_answer{std::move(known), true};
  HEARTH_TRY(auto kept, filter_rows(view, where));
  if (kept.chosen.scanned >= records_worth_an_index) {
    HEARTH_TRY(kept.unindexed, unindexed_fields(view, where));
  }
  auto found = std::make_shared<const filtered_rows>(std::move(kept));
  keep(std::move(text), found);
  return filter_answer{std::move(found), false};
}

std::shared_ptr<const filtered_rows> filter_cache::find(const std::string& text, lsn_t lsn) {
  const std::lock_guard lock(guard_);
  const auto found = std::ranges::find(entries_, text, &entry::text);
  if (found == entries_.end() || found->rows->lsn != lsn)
    return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->rows;
}

void filter_cache::keep(std::string text, std::shared_ptr<const filtered_rows> rows) {
  const std::lock_guard lock(guard_);
  const auto drop = [this](std::list<entry>::iterator each) {
    bytes_ -= each->rows->chosen.rows.memory_bytes();
    entries_.erase(each);
  };
  if (const auto before = std::ranges::find(entries_, text, &entry::text);
      before != entries_.end()) {
    if (before->rows->lsn > rows->lsn)
      return;  // another search looked later
    drop(before);
  }
  bytes_ += rows->chosen.rows.memory_bytes();
  entries_.push_front({std::move(text), std::move(rows)});
  while (entries_.size() > 1 && (entries_.size() > most_entries || bytes_ > most_bytes))
    drop(std::prev(entries_.end()));
}

}  // namespace hearth::actors
