#include "storage/attributes/attribute_reader.hpp"

#include <algorithm>
#include <numbers>
#include <string>

#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t most_waiting = std::size_t{1} << 20;
constexpr std::size_t many_rows = 64;  // in one block: sooner added at once than sorted with others
constexpr std::uint32_t long_run = 64;  // from here on a run is cheaper as such than row by row
constexpr std::uint64_t guessed_keys = 32;
constexpr std::size_t guessed_ranges = 64;

// Where a parallel lies this many metres away, and more than rounding can move it.
constexpr double metres_per_degree = 6'371'008.8 * std::numbers::pi / 180;
constexpr double parallel_slack = 1e-5;

attribute_bytes head(const attribute_field& field) {
  attribute_bytes bytes;
  begin_attribute(field.number, attribute_kind::rows, bytes);
  bytes.pop_back();  // values bring their kind
  return bytes;
}

attribute_bytes kind_start(const attribute_field& field, attribute_kind kind) {
  attribute_bytes bytes;
  begin_attribute(field.number, kind, bytes);
  return bytes;
}

void add_equal(const attribute_field& field, const scalar& operand,
               std::vector<attribute_range>& out) {
  if (operand.kind == scalar_kind::none)
    return;
  auto key = head(field);
  const bool certain = append_attribute(operand, key);
  auto end = behind(key);
  out.push_back({std::move(key), std::move(end), certain});
}

// What is on one side of the operand. A key that several strings share is neither above nor below.
void add_ordered(const attribute_field& field, filter_op op, const scalar& operand,
                 std::vector<attribute_range>& out) {
  auto key = head(field);
  if (operand.kind == scalar_kind::none)
    return;
  const bool whole = append_attribute(operand, key);
  const auto kind = static_cast<attribute_kind>(key[attribute_head_bytes - 1]);
  const auto start = kind_start(field, kind);
  const auto next = behind(key);
  const bool or_equal = op == filter_op::greater_equal || op == filter_op::less_equal;
  if (!whole)
    out.push_back({key, next, false});
  if (op == filter_op::greater || op == filter_op::greater_equal)
    out.push_back({or_equal && whole ? key : next, behind(start), true});
  else
    out.push_back({start, or_equal && whole ? next : key, true});
}

void add_prefix(const attribute_field& field, std::string_view text,
                std::vector<attribute_range>& out) {
  auto key = head(field);
  const bool certain = append_string_start(text, key);
  auto end = behind(key);
  out.push_back({std::move(key), std::move(end), certain});
}

void add_parallels(const attribute_field& field, double south, double north,
                   std::vector<attribute_range>& out) {
  auto from = head(field);
  auto until = head(field);
  append_latitude(south, from);
  append_latitude(north, until);
  out.push_back({std::move(from), behind(std::move(until)), true});
}

std::vector<attribute_range> ranges_of(const attribute_field& field, const filter& leaf) {
  std::vector<attribute_range> ranges;
  switch (leaf.op) {
  case filter_op::equal:
  case filter_op::one_of:
    for (const auto& operand : leaf.operands)
      add_equal(field, scalar_of(operand), ranges);
    break;
  case filter_op::greater:
  case filter_op::greater_equal:
  case filter_op::less:
  case filter_op::less_equal:
    add_ordered(field, leaf.op, scalar_of(leaf.operands[0]), ranges);
    break;
  case filter_op::prefix:
    add_prefix(field, scalar_of(leaf.operands[0]).text, ranges);
    break;
  case filter_op::exists:
    ranges.push_back(attribute_reader::kinds(field, attribute_kind::rows, attribute_kind::rows));
    break;
  case filter_op::geo_radius: {
    const auto center = scalar_of(leaf.operands[0]).place;
    const auto reach = scalar_of(leaf.operands[1]).real / metres_per_degree + parallel_slack;
    add_parallels(field, center.lat - reach, center.lat + reach, ranges);
    break;
  }
  case filter_op::geo_box:
    add_parallels(field, scalar_of(leaf.operands[0]).place.lat,
                  scalar_of(leaf.operands[1]).place.lat, ranges);
    break;
  default:
    break;
  }
  return ranges;
}

bool is_area(const filter& leaf) noexcept {
  return leaf.op == filter_op::geo_radius || leaf.op == filter_op::geo_box;
}

bool is_inside(const filter& leaf, geo_point place) noexcept {
  const auto first = scalar_of(leaf.operands[0]).place;
  const auto second = scalar_of(leaf.operands[1]);
  return leaf.op == filter_op::geo_box ? geo_box{first, second.place}.contains(place)
                                       : geo_distance(first, place) <= second.real;
}

}  // namespace

bool row_collector::add(const attribute_key& key, const row_block_view& rows) {
  const auto first = key.block << block_bits;
  of_block_.clear();
  const bool sound = rows.for_each_run([&](std::uint32_t low, std::uint32_t count) {
    if (count >= long_run)
      rows_ |= row_set::range(first + low, first + low + count);
    else
      for (std::uint32_t i = 0; i < count; ++i)
        of_block_.push_back(first + low + i);
  });
  if (of_block_.size() >= many_rows)
    rows_.add(of_block_);
  else
    waiting_.insert(waiting_.end(), of_block_.begin(), of_block_.end());
  if (waiting_.size() >= most_waiting)
    flush();
  return sound;
}

void row_collector::flush() {
  std::ranges::sort(waiting_);
  rows_.add(waiting_);
  waiting_.clear();
}

row_set row_collector::take() {
  flush();
  return std::move(rows_);
}

result<attribute_reader> attribute_reader::open(const lmdb::transaction& in,
                                                const attribute_tables& from, row_id next_row) {
  HEARTH_TRY(auto fields, read_attribute_fields(in, from));
  HEARTH_TRY(auto entries, in.open_cursor(from.entries));
  attribute_reader reader(std::move(entries), std::move(fields), next_row);
  if (!reader.fields_.indexed.empty()) {
    const auto all = reader.fields_.indexed.front();
    HEARTH_TRY(reader.left_behind_, reader.rows_of(all, attribute_kind::left_behind));
    HEARTH_TRY(reader.unread_, reader.rows_of(all, attribute_kind::unread));
  }
  return reader;
}

std::unexpected<error> attribute_reader::damaged() {
  return fail(errc::corruption, "an entry of an attribute index is damaged",
              "drop the index of the field and make it again");
}

attribute_range attribute_reader::kinds(const attribute_field& field, attribute_kind first,
                                        attribute_kind last) {
  return {kind_start(field, first), behind(kind_start(field, last)), true};
}

result<row_set> attribute_reader::rows_of(const attribute_field& field, attribute_kind marker) {
  row_collector rows;
  HEARTH_CHECK(collect(kinds(field, marker, marker), {}, rows));
  return rows.take();
}

result<void> attribute_reader::collect(const attribute_range& range, const filter& leaf,
                                       row_collector& into) {
  const bool area = is_area(leaf);
  return for_each_entry(range,
                        [&](const attribute_key& key, const row_block_view& rows) -> result<bool> {
                          if (area) {
                            const auto place = decode_place(key.value);
                            if (!place)
                              return damaged();
                            if (!is_inside(leaf, *place))
                              return true;
                          }
                          return into.add(key, rows) ? result<bool>(true) : damaged();
                        });
}

result<row_bounds> attribute_reader::all_rows() {
  if (all_rows_)
    return *all_rows_;
  row_bounds bounds;
  if (fields_.indexed.empty()) {
    bounds.possible = row_set::range(1, next_row_);
    return bounds;
  }
  const auto& all = fields_.indexed.front();
  HEARTH_TRY(bounds.certain, rows_of(all, attribute_kind::rows));
  bounds.possible = bounds.certain;
  if (!all.ready())
    bounds.possible |= row_set::range(all.done + 1, next_row_);
  all_rows_ = bounds;
  return bounds;
}

result<row_bounds> attribute_reader::leaf(const attribute_field& field, const filter& leaf) {
  row_bounds bounds;
  if (leaf.op == filter_op::contains) {
    HEARTH_TRY(bounds, contained(field, leaf));
  } else {
    row_collector certain;
    row_collector uncertain;
    for (const auto& range : ranges_of(field, leaf))
      HEARTH_CHECK(collect(range, leaf, range.certain ? certain : uncertain));
    bounds.certain = certain.take();
    bounds.possible = bounds.certain;
    bounds.possible |= uncertain.take();
  }
  complete(field, bounds);
  return bounds;
}

void attribute_reader::complete(const attribute_field& field, row_bounds& bounds) const {
  bounds.certain -= left_behind_;
  bounds.possible -= left_behind_;
  bounds.possible |= unread_;
  if (!field.ready())
    bounds.possible |= row_set::range(field.done + 1, next_row_);
}

// An equal value counts where it is an element of a list, a part of a string where it is not: the
// index tells rows apart by whether the path leads to lists, to other things, or to both.
result<row_bounds> attribute_reader::contained(const attribute_field& field, const filter& leaf) {
  const auto operand = scalar_of(leaf.operands[0]);
  std::vector<attribute_range> equal;
  add_equal(field, operand, equal);
  row_collector found;
  for (const auto& range : equal)
    HEARTH_CHECK(collect(range, leaf, found));
  HEARTH_TRY(const auto lists, rows_of(field, attribute_kind::lists));
  HEARTH_TRY(const auto mixed, rows_of(field, attribute_kind::mixed));

  row_bounds bounds;
  bounds.possible = found.take();
  bounds.possible &= lists;
  if (!equal.empty() && equal.front().certain) {
    bounds.certain = bounds.possible;
    bounds.certain -= mixed;
  }
  if (operand.kind != scalar_kind::string)
    return bounds;
  HEARTH_TRY(auto texts, texts_with(field, operand.text));
  auto only_lists = lists;
  only_lists -= mixed;
  texts.certain -= lists;
  texts.possible -= only_lists;
  bounds.certain |= texts.certain;
  bounds.possible |= texts.possible;
  return bounds;
}

// Looks at every string of the field.
result<row_bounds> attribute_reader::texts_with(const attribute_field& field,
                                                std::string_view part) {
  row_collector certain;
  row_collector uncertain;
  const auto visit = [&](const attribute_key& key, const row_block_view& rows) -> result<bool> {
    const auto found = decode_attribute(key.kind, key.value);
    if (!found)
      return damaged();
    const bool has = found->item.get_if<std::string>()->find(part) != std::string::npos;
    if (!has && !found->cut)
      return true;
    auto& into = has ? certain : uncertain;
    return into.add(key, rows) ? result<bool>(true) : damaged();
  };
  HEARTH_CHECK(for_each_entry(kinds(field, attribute_kind::string, attribute_kind::string), visit));
  row_bounds bounds;
  bounds.certain = certain.take();
  bounds.possible = bounds.certain;
  bounds.possible |= uncertain.take();
  return bounds;
}

// Counts what the first keys hold. If there are more, a comparison with one value is taken to have
// as many rows in every block, several values to be alike, and any other to select a third.
result<row_guess> attribute_reader::guess(const attribute_field& field, const filter& leaf) {
  auto ranges = ranges_of(field, leaf);
  if (leaf.op == filter_op::contains) {
    if (const auto operand = scalar_of(leaf.operands[0]); operand.kind != scalar_kind::string)
      add_equal(field, operand, ranges);
    else  // every string will be looked at
      ranges.push_back(kinds(field, attribute_kind::string, attribute_kind::string));
  }
  std::uint64_t keys = 0;
  std::uint64_t rows_seen = 0;
  std::size_t done = 0;
  for (; done < ranges.size() && done < guessed_ranges && keys <= guessed_keys; ++done) {
    const auto visit = [&](const attribute_key&, const row_block_view& rows) -> result<bool> {
      const auto count = rows.size();
      if (!count)
        return damaged();
      rows_seen += *count;
      return ++keys <= guessed_keys;
    };
    HEARTH_CHECK(for_each_entry(ranges[done], visit));
  }
  if (keys > guessed_keys && done > 0)
    --done;  // the last one was not read to its end
  row_guess sum{rows_seen, keys};
  if (done == ranges.size())
    return sum;
  const auto blocks = (next_row_ >> block_bits) + 1;
  const auto per_key = std::max<std::uint64_t>(rows_seen / std::max<std::uint64_t>(keys, 1), 1);
  if (leaf.op == filter_op::one_of && done > 0) {
    sum.rows = std::min(next_row_, rows_seen * ranges.size() / done);
    sum.keys = keys * ranges.size() / done;
  } else if (leaf.op == filter_op::equal || leaf.op == filter_op::exists ||
             leaf.op == filter_op::one_of) {
    sum.rows = std::min(next_row_, per_key * blocks * ranges.size());
    sum.keys = blocks * ranges.size();
  } else {
    sum.rows = next_row_ / 3;
    sum.keys = std::max(sum.rows / per_key, keys);
  }
  return sum;
}

}  // namespace hearth::storage
