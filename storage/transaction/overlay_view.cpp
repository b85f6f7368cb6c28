#include "storage/transaction/overlay_view.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "core/metadata_codec.hpp"
#include "storage/keyvalue/key_range.hpp"
#include "storage/scan_cursor.hpp"
#include "storage/transaction/merged_keys.hpp"
#include "storage/transaction/own_columns.hpp"
#include "storage/transaction/own_values.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t key_overhead = 48;  // of an entry in a reply

// The order of scans: by the keys of table `ids`.
bool comes_before(const record_id& a, const record_id& b) {
  const id_key left(a, default_id_hash);
  const id_key right(b, default_id_hash);
  const auto order = compare_keys(left.bytes(), right.bytes());
  return order != 0 ? order < 0 : a < b;
}

}  // namespace

own_rows::own_rows(const write_set& written) : written_(written) {
  for (const auto& [id, record] : written.records()) {
    if (record->stored_row != 0)
      replaced_.add(record->stored_row);
    if (record->erased)
      continue;
    auto& one = live_.emplace_back(&id, record.get());
    byte_writer out(one.metadata);
    if (!record->metadata.empty())
      encode_metadata(record->metadata, out);
  }
  std::ranges::sort(live_,
                    [](const entry& a, const entry& b) { return comes_before(*a.id, *b.id); });
  for (std::size_t i = 0; i < live_.size(); ++i)
    rows_.emplace(live_[i].record, first + i);
}

std::optional<row_id> own_rows::find(const record_id& id) const {
  const auto found = written_.records().find(id);
  if (found == written_.records().end())
    return std::nullopt;
  return found->second->erased ? 0 : rows_.at(found->second.get());
}

std::vector<row_id> own_rows::with_vector(std::size_t number) const {
  std::vector<row_id> rows;
  for (std::size_t i = 0; i < live_.size(); ++i)
    if (!live_[i].record->vectors[number].empty())
      rows.push_back(first + i);
  return rows;
}

row_set overlay_view::untouched(const row_set* among) const {
  auto rows = among != nullptr ? *among : row_set::range(0, stored_->row_limit());
  rows -= own_.replaced();
  return rows;
}

std::uint64_t overlay_view::vector_count(std::size_t vector) const {
  const auto replaced = own_.replaced().rows();
  std::vector<float> unused(replaced.size() * config_.vector(vector).dimension);
  const auto had = stored_->fork(vector)->vectors(replaced, unused.data());
  const auto gone = had ? std::ranges::count(*had, true) : 0;
  return stored_->vector_count(vector) - static_cast<std::uint64_t>(gone) +
         own_.with_vector(vector).size();
}

result<std::vector<row_id>> overlay_view::rows_of(std::span<const record_id> ids) {
  HEARTH_TRY(auto rows, stored_->rows_of(ids));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (const auto own = own_.find(ids[i]))
      rows[i] = *own;
  return rows;
}

result<get_result> overlay_view::get(const get_query& query, std::size_t max_bytes) {
  get_result answer;
  HEARTH_TRY(const auto rows, rows_of(query.ids));
  std::vector<row_id> there;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i] != 0)
      there.push_back(rows[i]);
    else
      answer.missing.push_back(query.ids[i]);
  HEARTH_CHECK(resolve(there, query.fields, max_bytes, answer.found));
  return answer;
}

result<std::vector<bool>> overlay_view::resolve(std::span<const row_id> rows,
                                                const field_set& fields, std::size_t max_bytes,
                                                record_columns& out) {
  std::vector<row_id> stored_rows;
  for (const auto row : rows)
    if (!own_rows::is_own(row) && !own_.replaced().contains(row))
      stored_rows.push_back(row);
  record_columns stored;
  HEARTH_TRY(const auto found, stored_->resolve(stored_rows, fields, max_bytes, stored));
  own_columns columns(out, fields, config_, max_bytes);
  std::vector<bool> there;
  there.reserve(rows.size());
  std::size_t asked = 0;
  std::size_t next = 0;
  for (const auto row : rows) {
    if (own_rows::is_own(row)) {
      there.push_back(own_.has(row));
      if (there.back())
        HEARTH_CHECK(columns.add(*own_.at(row).id, *own_.at(row).record));
      continue;
    }
    there.push_back(!own_.replaced().contains(row) && found[asked++]);
    if (there.back())
      columns.add(stored, next++);
  }
  columns.finish();
  return there;
}

// At least `count` records behind the cursor, in order, unless there are fewer.
result<std::vector<overlay_view::placed_id>>
overlay_view::ids_behind(const std::string& cursor, std::size_t count, const row_set* among) {
  const auto rows = untouched(among);
  std::vector<placed_id> stored;
  scan_query page;
  page.fields = {};
  page.cursor = cursor;
  do {
    page.limit = static_cast<std::uint32_t>(std::min<std::size_t>(count - stored.size(), 100'000));
    HEARTH_TRY(auto more, stored_->scan(page, limits::message_bytes, &rows));
    for (auto& id : more.rows.ids)
      stored.emplace_back(std::move(id), 0);
    page.cursor = std::move(more.next);
  } while (!page.cursor.empty() && stored.size() < count);

  std::optional<record_id> after;
  if (!cursor.empty()) {
    HEARTH_TRY(after, parse_cursor(cursor));
  }
  std::vector<placed_id> own;
  for (row_id row = own_rows::first; own_.has(row); ++row) {
    const auto& id = *own_.at(row).id;
    if ((!after || comes_before(*after, id)) && (among == nullptr || among->contains(row)))
      own.emplace_back(id, row);
  }
  std::vector<placed_id> all;
  std::ranges::merge(
      stored, own, std::back_inserter(all),
      [](const record_id& a, const record_id& b) { return comes_before(a, b); }, &placed_id::first,
      &placed_id::first);
  return all;
}

result<scan_page> overlay_view::scan(const scan_query& query, std::size_t max_bytes,
                                     const row_set* among) {
  const std::size_t skip = query.cursor.empty() ? query.offset : 0;
  auto limit = std::max<std::size_t>(query.limit, 1);
  HEARTH_TRY(auto ids, ids_behind(query.cursor, skip + limit + 1, among));
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min(skip, ids.size())));
  std::vector<record_id> unplaced;
  for (auto& [id, row] : ids)
    if (row == 0)
      unplaced.push_back(id);
  HEARTH_TRY(const auto rows, stored_->rows_of(unplaced));
  auto next_row = rows.begin();
  for (auto& [id, row] : ids)
    if (row == 0)
      row = *next_row++;
  for (;; limit = (limit + 1) / 2) {
    const auto count = std::min(limit, ids.size());
    std::vector<row_id> wanted;
    wanted.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      wanted.push_back(ids[i].second);
    scan_page page;
    const auto there = resolve(wanted, query.fields, max_bytes, page.rows);
    if (!there && there.error().code == errc::limit_exceeded && count > 1)
      continue;  // fewer records fit
    if (!there && there.error().code == errc::limit_exceeded)
      HEARTH_CHECK(resolve(wanted, query.fields, limits::message_bytes, page.rows));
    else
      HEARTH_CHECK(there);
    if (count < ids.size())
      page.next = make_cursor(ids[count - 1].first);
    return page;
  }
}

result<key_result> overlay_view::get_keys(const key_query& query, std::size_t max_bytes) {
  const auto& written = own_.written().keys();
  key_query unwritten{{}, query.values};
  std::size_t bytes = 0;
  for (const auto& key : query.keys) {
    if (const auto own = written.find(key); own == written.end())
      unwritten.keys.push_back(key);
    else if (query.values && *own->second)
      bytes += (*own->second)->size() + key.size() + key_overhead;
  }
  if (bytes > max_bytes)
    return fail(errc::limit_exceeded,
                core::format("the values asked for take more than {}", format_bytes(max_bytes)),
                "ask for fewer keys at a time");
  HEARTH_TRY(auto stored, stored_->get_keys(unwritten, max_bytes - bytes));
  auto next = stored.found.begin();
  key_result answer;
  for (const auto& key : query.keys) {
    const auto own = written.find(key);
    if (own == written.end())
      answer.found.push_back(std::move(*next++));
    else if (*own->second)
      answer.found.push_back(key_value{key, query.values ? **own->second : std::string(), 0});
    else
      answer.found.emplace_back();
  }
  return answer;
}

// A page of what is stored, and what was written in the range that it covers.
result<key_page> overlay_view::scan_keys(const key_scan& query, std::size_t max_bytes) {
  const auto& written = own_.written().keys();
  if (!query.delimiter.empty()) {
    merged_keys keys(*stored_, written);
    return list_names(keys, lsn(), query, max_bytes);
  }
  HEARTH_TRY(const auto stored, stored_->scan_keys(query, max_bytes));
  HEARTH_TRY(const auto range, range_of(query));
  const auto reach = covered(query, range, stored.next);
  std::vector<key_entry> own;
  for (auto at = written.lower_bound(reach.first); at != written.end() && reach.has(at->first);
       ++at)
    if (*at->second)
      own.push_back({at->first, query.values ? std::string_view(**at->second) : "", 0});
  if (query.reverse)
    std::ranges::reverse(own);
  key_page page;
  std::size_t bytes = 0;
  // False once the page is full.
  const auto add = [&](const key_entry& entry) {
    bytes += entry.key.size() + entry.value.size() + key_overhead;
    if (page.entries.size() == query.limit || (bytes > max_bytes && !page.entries.empty())) {
      page.next = cursor_behind(page.entries.back().key);
      return false;
    }
    page.entries.append(entry.key, entry.value, entry.version);
    return true;
  };
  auto next = own.begin();
  for (const auto& entry : stored.entries) {
    for (; next != own.end() && (query.reverse ? next->key > entry.key : next->key < entry.key);
         ++next)
      if (!add(*next))
        return page;
    if (!written.contains(std::string(entry.key)) && !add(entry))
      return page;
  }
  for (; next != own.end(); ++next)
    if (!add(*next))
      return page;
  page.next = stored.next;
  return page;
}

result<std::vector<bool>> overlay_view::vectors(std::span<const row_id> rows, float* out) {
  const auto dimension = config_.vector(vector_).dimension;
  std::vector<bool> there;
  there.reserve(rows.size());
  // Runs of rows that are stored are read together.
  for (std::size_t i = 0; i < rows.size();) {
    if (own_rows::is_own(rows[i])) {
      const bool has = own_.has(rows[i]) && !own_.at(rows[i]).record->vectors[vector_].empty();
      if (has)
        std::ranges::copy(own_.at(rows[i]).record->vectors[vector_], out + i * dimension);
      there.push_back(has);
      ++i;
      continue;
    }
    auto end = i;
    while (end < rows.size() && !own_rows::is_own(rows[end]))
      ++end;
    HEARTH_TRY(const auto stored, stored_->vectors(rows.subspan(i, end - i), out + i * dimension));
    for (const bool one : stored) {
      there.push_back(one && !own_.replaced().contains(rows[i]));
      ++i;
    }
  }
  return there;
}

result<void> overlay_view::for_each_vector(
    row_id after, const std::function<bool(std::span<const row_id>, matrix_view)>& visit) {
  bool more = true;
  if (!own_rows::is_own(after)) {
    const auto run = [&](std::span<const row_id> rows, matrix_view block, std::size_t from,
                         std::size_t to) {
      return from == to || visit(rows.subspan(from, to - from),
                                 {block.row(from).data(), to - from, block.dimension()});
    };
    HEARTH_CHECK(
        stored_->for_each_vector(after, [&](std::span<const row_id> rows, matrix_view block) {
          std::size_t from = 0;
          for (std::size_t i = 0; more && i <= rows.size(); ++i) {
            if (i < rows.size() && !own_.replaced().contains(rows[i]))
              continue;
            more = run(rows, block, from, i);
            from = i + 1;
          }
          return more;
        }));
  }
  if (!more)
    return {};
  std::vector<row_id> rows;
  std::vector<float> values;
  for (const auto row : own_.with_vector(vector_)) {
    if (row <= after)
      continue;
    rows.push_back(row);
    const auto& vector = own_.at(row).record->vectors[vector_];
    values.insert(values.end(), vector.begin(), vector.end());
  }
  if (!rows.empty())
    visit(rows, {values.data(), rows.size(), config_.vector(vector_).dimension});
  return {};
}

result<selection> overlay_view::select(const filter& wanted) {
  HEARTH_TRY(auto chosen, stored_->select(wanted));
  HEARTH_TRY(const auto compiled, compiled_filter::compile(wanted));
  chosen.rows -= own_.replaced();
  for (row_id row = own_rows::first; own_.has(row); ++row)
    if (compiled.matches(own_.at(row).metadata) == filter_verdict::yes)
      chosen.rows.add(row);
  chosen.scanned += own_.size();
  return chosen;
}

result<bool> overlay_view::matches(row_id row, const compiled_filter& wanted) {
  if (own_rows::is_own(row))
    return own_.has(row) && wanted.matches(own_.at(row).metadata) == filter_verdict::yes;
  return own_.replaced().contains(row) ? result<bool>(false) : stored_->matches(row, wanted);
}

result<std::vector<bool>> overlay_view::matches(std::span<const row_id> rows,
                                                const compiled_filter& wanted) {
  std::vector<bool> all;
  all.reserve(rows.size());
  for (const auto row : rows) {
    HEARTH_TRY(const bool one, matches(row, wanted));
    all.push_back(one);
  }
  return all;
}

result<std::vector<facet>> overlay_view::facets(const field_path& path, const row_set* among,
                                                std::size_t limit) {
  const auto rows = untouched(among);
  HEARTH_TRY(auto stored, stored_->facets(path, &rows, limits::facets));
  value_counts counts(std::move(stored));
  for (row_id row = own_rows::first; own_.has(row); ++row)
    if (among == nullptr || among->contains(row))
      counts.add(own_.at(row).metadata, path);
  return counts.most_frequent(limit);
}

result<std::vector<row_id>>
overlay_view::rows_in_order(const field_path& path, const row_order& order, const row_set* among) {
  const auto rows = untouched(among);
  const auto wanted = order.offset + order.limit;
  HEARTH_TRY(const auto stored, stored_->rows_in_order(path, {order.descending, 0, wanted}, &rows));
  ordered_rows all(path, order.descending);
  record_columns records;
  HEARTH_CHECK(stored_->resolve(stored, {.vectors = false, .metadata = true, .texts = false},
                                limits::message_bytes, records));
  for (std::size_t i = 0; i < stored.size(); ++i) {
    std::vector<std::byte> metadata;
    byte_writer out(metadata);
    encode_metadata(records.metadata[i], out);
    all.add(stored[i], metadata);
  }
  for (row_id row = own_rows::first; own_.has(row); ++row)
    if (among == nullptr || among->contains(row))
      all.add(row, own_.at(row).metadata);
  return all.take(order.offset, order.limit);
}

}  // namespace hearth::storage
