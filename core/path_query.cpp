// The keys of a row need not be neighbours: "a/b" is a key of the row a/b, "a/b!/c" is one of
// another row, "a/b/c" is of the first again. What may still come for a row begins with its path,
// so rows wait, one inside the other, until a key comes that does not begin with theirs. Rows come
// out in the order of their paths with a slash behind.
#include "core/path_query.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "core/filter/compiled_filter.hpp"
#include "core/format.hpp"
#include "core/key_path.hpp"
#include "core/metadata_codec.hpp"

namespace hearth::inline core {

namespace {

constexpr std::uint32_t page_keys = 4096;
/// Ordered rows beyond those wanted, before they are sorted out.
constexpr std::size_t spare_rows = 4096;

// Where the path of the row ends in `key`.
std::size_t row_end(std::string_view key) {
  const auto first = find_delimiter(key, 0, path_delimiter);
  if (first == std::string_view::npos)
    return key.size();
  const auto second = find_delimiter(key, first + 1, path_delimiter);
  return std::min(second, key.size());
}

const typed_value* find_column(const typed_object& row, std::string_view name) {
  const auto found = std::ranges::find(row, name, &typed_object::value_type::first);
  return found == row.end() ? nullptr : &found->second;
}

// The first keys of all paths in a filter.
void add_columns(const filter& tree, std::set<std::string, std::less<>>& columns) {
  if (!tree.path.empty())
    columns.insert(tree.path.front());
  for (const auto& part : tree.parts)
    add_columns(part, columns);
}

}  // namespace

class path_query_run::state {
 public:
  state(path_query query, std::optional<compiled_filter> where)
      : query_(std::move(query)), where_(std::move(where)) {
    if (query_.where)
      add_columns(*query_.where, filtered_);
    if (!query_.select.empty()) {
      wanted_.emplace(filtered_.begin(), filtered_.end());
      wanted_->insert(query_.select.begin(), query_.select.end());
      if (query_.order_by)
        wanted_->insert(*query_.order_by);
    }
    done_ = query_.limit == 0;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }

  [[nodiscard]] key_scan scan() const {
    key_scan wanted{.prefix = query_.prefix, .limit = page_keys, .cursor = cursor_};
    // The first rows need no page that is larger than they are.
    if (query_.limit && !query_.order_by && !query_.where && cursor_.empty()) {
      const auto rows = std::min<std::uint64_t>(*query_.limit, page_keys) +
                        std::min<std::uint64_t>(query_.offset, page_keys);
      wanted.limit = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(rows * 8, 64, page_keys));
    }
    return wanted;
  }

  result<std::vector<typed_object>> take(key_page page) {
    for (const auto& entry : page.entries) {
      HEARTH_CHECK(close_rows(entry.key));
      if (done_)
        break;
      HEARTH_CHECK(add(entry));
    }
    if (!done_ && page.next.empty()) {
      HEARTH_CHECK(close_rows(std::nullopt));
      finish();
    }
    cursor_ = std::move(page.next);
    return std::exchange(ready_, {});
  }

 private:
  struct open_row {
    std::string path;
    typed_object columns{};
    std::optional<typed_value> own{};  // of the key that is the row's path
  };

  // Closes the rows to which nothing can come from `key` on.
  result<void> close_rows(std::optional<std::string_view> key) {
    while (!open_.empty() && !done_ && !(key && key->starts_with(open_.back().path))) {
      auto row = std::move(open_.back());
      open_.pop_back();
      HEARTH_CHECK(close(std::move(row)));
    }
    return {};
  }

  // The row of the key is the last that is open or a new one.
  result<void> add(const key_entry& entry) {
    const auto end = row_end(entry.key);
    if (open_.empty() || open_.back().path.size() != end)
      open_.push_back({.path = std::string(entry.key.substr(0, end))});
    auto& row = open_.back();
    if (end == entry.key.size()) {
      row.own = typed_value_of(entry.value);
      return {};
    }
    std::string column(entry.key.substr(end + path_delimiter.size()));
    if (!is_utf8(column))
      return fail(errc::invalid_argument,
                  core::format("key '{}' names a column that is not UTF-8", printable(entry.key)),
                  "read such keys with a scan");
    if (!wanted_ || wanted_->contains(column))
      row.columns.emplace_back(std::move(column), typed_value_of(entry.value));
    return {};
  }

  // The members of an object that is stored under the path of the row itself are columns, too; what
  // keys below it say goes before. Any other value there is the column without a name.
  static void add_own(open_row& row) {
    if (!row.own)
      return;
    if (const auto* const members = row.own->get_if<typed_object>()) {
      std::set<std::string, std::less<>> there;
      for (const auto& [name, content] : row.columns)
        there.insert(name);
      typed_object columns;
      for (const auto& [name, content] : *members)
        if (!there.contains(name))
          columns.emplace_back(name, content);
      std::ranges::move(row.columns, std::back_inserter(columns));
      row.columns = std::move(columns);
    } else if (find_column(row.columns, "") == nullptr) {
      row.columns.insert(row.columns.begin(), {"", *std::move(row.own)});
    }
  }

  result<void> close(open_row row) {
    add_own(row);
    if (!query_.path_column.empty()) {
      if (!is_utf8(row.path))
        return fail(errc::invalid_argument,
                    core::format("row '{}' has a path that is not UTF-8", printable(row.path)),
                    "leave the column of paths out");
      std::erase_if(row.columns,
                    [&](const auto& each) { return each.first == query_.path_column; });
      row.columns.insert(row.columns.begin(), {query_.path_column, std::move(row.path)});
    }
    if (where_) {
      HEARTH_TRY(const bool matched, matches(row.columns));
      if (!matched)
        return {};
    }
    if (query_.order_by) {
      keep_in_order(std::move(row.columns));
      return {};
    }
    if (skipped_ < query_.offset) {
      ++skipped_;
      return {};
    }
    emit(std::move(row.columns));
    return {};
  }

  result<bool> matches(const typed_object& columns) {
    value_map metadata;
    for (const auto& name : filtered_)
      if (const auto* const content = find_column(columns, name))
        metadata.emplace(name, metadata_of(*content));
    encoded_.clear();
    byte_writer out(encoded_);
    encode_metadata(metadata, out);
    const auto verdict = where_->matches(encoded_);
    if (verdict == filter_verdict::damaged)
      return fail(errc::internal, "a row of a path query cannot be filtered");
    return verdict == filter_verdict::yes;
  }

  void emit(typed_object columns) {
    ready_.push_back(selected(std::move(columns)));
    if (query_.limit && ++emitted_ == *query_.limit)
      done_ = true;
  }

  [[nodiscard]] typed_object selected(typed_object columns) const {
    if (query_.select.empty())
      return columns;
    typed_object row;
    if (!query_.path_column.empty())
      row.push_back(columns.front());
    for (const auto& name : query_.select)
      if (const auto* const content = find_column(columns, name);
          content != nullptr && find_column(row, name) == nullptr)
        row.emplace_back(name, *content);
    return row;
  }

  struct ordered_row {
    std::optional<typed_value> by{};
    typed_object columns{};
  };

  void keep_in_order(typed_object columns) {
    ordered_row row;
    if (const auto* const by = find_column(columns, *query_.order_by))
      row.by = *by;
    row.columns = selected(std::move(columns));
    ordered_.push_back(std::move(row));
    if (query_.limit && ordered_.size() >= rows_wanted() &&
        ordered_.size() - rows_wanted() >= spare_rows)
      sort_out();
  }

  // Of which the offset is left out in the end.
  [[nodiscard]] std::uint64_t rows_wanted() const {
    const auto limit = query_.limit.value_or(UINT64_MAX);
    return limit > UINT64_MAX - query_.offset ? UINT64_MAX : query_.offset + limit;
  }

  void sort_out() {
    std::ranges::stable_sort(ordered_, [this](const ordered_row& a, const ordered_row& b) {
      if (!a.by || !b.by)
        return a.by.has_value() && !b.by.has_value();
      const auto order = compare(*a.by, *b.by);
      return query_.descending ? order > 0 : order < 0;
    });
    if (ordered_.size() > rows_wanted())
      ordered_.resize(rows_wanted());
  }

  void finish() {
    done_ = true;
    if (!query_.order_by)
      return;
    sort_out();
    for (auto at = std::min<std::uint64_t>(query_.offset, ordered_.size()); at < ordered_.size();
         ++at)
      ready_.push_back(std::move(ordered_[at].columns));
    ordered_.clear();
  }

  const path_query query_;
  const std::optional<compiled_filter> where_;
  std::set<std::string, std::less<>> filtered_;               // columns that the filter names
  std::optional<std::set<std::string, std::less<>>> wanted_;  // columns to read; nothing: all
  std::string cursor_;
  std::vector<open_row> open_;  // each path begins with the one before
  std::vector<typed_object> ready_;
  std::vector<ordered_row> ordered_;
  std::vector<std::byte> encoded_;
  std::uint64_t skipped_ = 0;
  std::uint64_t emitted_ = 0;
  bool done_ = false;
};

path_query_run::path_query_run(std::unique_ptr<state> made) : state_(std::move(made)) {}
path_query_run::path_query_run(path_query_run&&) noexcept = default;
path_query_run& path_query_run::operator=(path_query_run&&) noexcept = default;
path_query_run::~path_query_run() = default;

result<path_query_run> path_query_run::start(path_query query) {
  std::optional<compiled_filter> where;
  if (query.where) {
    HEARTH_TRY(where, compiled_filter::compile(*query.where));
  }
  return path_query_run(std::make_unique<state>(std::move(query), std::move(where)));
}

bool path_query_run::done() const noexcept {
  return state_->done();
}

key_scan path_query_run::wanted() const {
  return state_->scan();
}

result<std::vector<typed_object>> path_query_run::take(key_page page) {
  return state_->take(std::move(page));
}

result<std::vector<typed_object>> query_paths(namespace_handle& from, path_query query) {
  HEARTH_TRY(auto run, path_query_run::start(std::move(query)));
  std::vector<typed_object> rows;
  while (!run.done()) {
    HEARTH_TRY(auto page, from.scan_keys(run.wanted()));
    HEARTH_TRY(auto some, run.take(std::move(page)));
    std::ranges::move(some, std::back_inserter(rows));
  }
  return rows;
}

}  // namespace hearth::inline core
