#include "storage/attributes/select_rows.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "core/format.hpp"
#include "storage/attributes/record_walk.hpp"
#include "storage/corruption.hpp"
#include "storage/keys.hpp"
#include "storage/record_codec.hpp"

namespace hearth::storage {

namespace {

// What looking at a record costs, counted in keys of an index and in rows of its entries.
constexpr std::uint64_t keys_per_record = 8;
constexpr std::uint64_t rows_per_record = 128;

result<bool> test_record(row_id row, byte_span record, const compiled_filter& wanted) {
  HEARTH_TRY(const auto metadata, encoded_metadata(row, record));
  const auto verdict = wanted.matches(metadata);
  if (verdict == filter_verdict::damaged)
    return corrupt(core::format("the record of row {}", row));
  return verdict == filter_verdict::yes;
}

// Joins what indexes say about the leaves of a filter.
class bounds_finder {
 public:
  explicit bounds_finder(attribute_reader& indexes) : indexes_(indexes) {}

  // NOLINTNEXTLINE(misc-no-recursion): as deep as filters may nest
  [[nodiscard]] result<row_bounds> find(const filter& node) {
    switch (node.op) {
    case filter_op::conjunction:
      return find_all(node);
    case filter_op::disjunction:
      return find_any(node);
    case filter_op::negation: {
      HEARTH_TRY(const auto inner, find(node.parts[0]));
      HEARTH_TRY(auto bounds, indexes_.all_rows());
      bounds.certain -= inner.possible;
      bounds.possible -= inner.certain;
      return bounds;
    }
    default:
      if (const auto* const field = indexes_.index_of(node.path)) {
        used_.insert(path_text(node.path));
        return indexes_.leaf(*field, node);
      }
      return anything();
    }
  }

  // Nothing if no index helps.
  // NOLINTNEXTLINE(misc-no-recursion)
  [[nodiscard]] result<std::optional<row_guess>> guess(const filter& node) {
    switch (node.op) {
    case filter_op::conjunction:
      return guess_all(node);
    case filter_op::disjunction:
      return guess_any(node);
    case filter_op::negation:
      return guess_not(node);
    default:
      if (const auto* const field = indexes_.index_of(node.path))
        return indexes_.guess(*field, node);
      return std::nullopt;
    }
  }

  [[nodiscard]] const std::set<std::string>& used() const noexcept { return used_; }

 private:
  [[nodiscard]] result<row_bounds> anything() {
    HEARTH_TRY(auto bounds, indexes_.all_rows());
    bounds.certain = {};
    return bounds;
  }

  // The most selective part first. A part that would cost more than looking at the records that are
  // left by then is not looked up, and neither is one without an index.
  [[nodiscard]] result<row_bounds> find_all(const filter& node) {
    std::vector<std::pair<row_guess, const filter*>> parts;
    bool unknown = false;
    for (const auto& part : node.parts) {
      HEARTH_TRY(const auto guessed, guess(part));
      if (guessed)
        parts.emplace_back(*guessed, &part);
      unknown = unknown || !guessed;
    }
    std::ranges::sort(parts, {},
                      [](const auto& part) { return std::pair(part.first.rows, part.second); });
    std::optional<row_bounds> bounds;
    for (const auto& [guessed, part] : parts) {
      if (bounds) {
        const auto left = bounds->possible.size();
        if (left == 0)
          break;
        if (left < guessed.keys / keys_per_record + guessed.rows / rows_per_record) {
          unknown = true;
          continue;
        }
      }
      HEARTH_TRY(auto found, find(*part));
      if (bounds) {
        bounds->certain &= found.certain;
        bounds->possible &= found.possible;
      } else {
        bounds = std::move(found);
      }
    }
    if (!bounds) {
      HEARTH_TRY(bounds, indexes_.all_rows());
    }
    if (unknown)
      bounds->certain = {};
    return *std::move(bounds);
  }

  [[nodiscard]] result<row_bounds> find_any(const filter& node) {
    row_bounds bounds;
    for (const auto& part : node.parts) {
      HEARTH_TRY(const auto found, find(part));
      bounds.certain |= found.certain;
      bounds.possible |= found.possible;
    }
    return bounds;
  }

  [[nodiscard]] result<std::optional<row_guess>> guess_all(const filter& node) {
    std::optional<row_guess> least;
    for (const auto& part : node.parts) {
      HEARTH_TRY(const auto guessed, guess(part));
      if (guessed && (!least || guessed->rows < least->rows))
        least = guessed;
    }
    return least;
  }

  [[nodiscard]] result<std::optional<row_guess>> guess_any(const filter& node) {
    row_guess sum;
    for (const auto& part : node.parts) {
      HEARTH_TRY(const auto guessed, guess(part));
      if (!guessed)
        return std::nullopt;
      sum.rows += guessed->rows;
      sum.keys += guessed->keys;
    }
    return sum;
  }

  [[nodiscard]] result<std::optional<row_guess>> guess_not(const filter& node) {
    HEARTH_TRY(auto guessed, guess(node.parts[0]));
    if (!guessed || indexes_.fields().indexed.empty())
      return std::nullopt;
    HEARTH_TRY(const auto all,
               indexes_.guess(indexes_.fields().indexed.front(), {.op = filter_op::exists}));
    guessed->rows = all.rows - std::min(all.rows, guessed->rows);
    guessed->keys += all.keys;
    return guessed;
  }

  attribute_reader& indexes_;
  std::set<std::string> used_;
};

// Gathers the rows whose records match.
class record_tester {
 public:
  record_tester(const compiled_filter& wanted, row_set& matching)
      : wanted_(wanted), matching_(matching) {}

  [[nodiscard]] result<void> test(row_id row, byte_span record) {
    ++tested_;
    HEARTH_TRY(const bool matches, test_record(row, record, wanted_));
    if (matches)
      found_.push_back(row);
    if (found_.size() == most_found) {
      matching_.add(found_);
      found_.clear();
    }
    return {};
  }
  [[nodiscard]] std::uint64_t tested() const noexcept { return tested_; }
  /// Adds what was found to the matching rows.
  void finish() { matching_.add(found_); }

 private:
  static constexpr std::size_t most_found = 1 << 16;

  const compiled_filter& wanted_;
  row_set& matching_;
  std::vector<row_id> found_;
  std::uint64_t tested_ = 0;
};

std::string describe(const std::set<std::string>& used, const selection& found) {
  std::string text;
  for (const auto& path : used)
    text += (text.empty() ? "index of " : ", ") + path;
  if (found.exact)
    return text.empty() ? "all rows" : text;
  return core::format("{}{} records", text.empty() ? "" : text + "; ", found.scanned);
}

}  // namespace

result<selection> select_rows(const lmdb::transaction& in, const tables& from,
                              const filter& wanted) {
  HEARTH_TRY(const auto compiled, compiled_filter::compile(wanted));
  HEARTH_TRY(const auto state, read_state(in, from));
  HEARTH_TRY(auto indexes, attribute_reader::open(in, from.attributes, state.next_row));
  bounds_finder finder(indexes);
  HEARTH_TRY(auto bounds, finder.find(wanted));

  selection found;
  found.rows = std::move(bounds.certain);
  bounds.possible -= found.rows;
  found.exact = bounds.possible.empty();
  if (!found.exact) {
    HEARTH_TRY(auto records, in.open_cursor(from.records));
    record_tester tester(compiled, found.rows);
    HEARTH_CHECK(
        for_each_record(records, state.records, &bounds.possible,
                        [&](row_id row, byte_span record) { return tester.test(row, record); }));
    tester.finish();
    found.scanned = tester.tested();
  }
  found.how = describe(finder.used(), found);
  return found;
}

result<std::optional<bool>> test_row(const lmdb::transaction& in, const tables& from, row_id row,
                                     const compiled_filter& wanted) {
  HEARTH_TRY(const auto record, in.get(from.records, encode_row(row)));
  if (!record)
    return std::nullopt;
  HEARTH_TRY(const bool matches, test_record(row, *record, wanted));
  return matches;
}

}  // namespace hearth::storage
