#include "storage/attributes/list_values.hpp"

#include <algorithm>
#include <limits>
#include <queue>
#include <string>
#include <unordered_map>

#include "core/format.hpp"
#include "storage/attributes/attribute_reader.hpp"
#include "storage/attributes/attribute_values.hpp"
#include "storage/attributes/record_walk.hpp"
#include "storage/corruption.hpp"
#include "storage/keys.hpp"
#include "storage/record_codec.hpp"

namespace hearth::storage {

namespace {

// Kind and value as a key has them, but whole: in the order of values, and equal where they are.
using value_key = std::string;

void append_key(const scalar& item, attribute_bytes& scratch, std::vector<value_key>& out) {
  scratch.clear();
  append_attribute(item, scratch, std::numeric_limits<std::size_t>::max() / 2);
  out.emplace_back(reinterpret_cast<const char*>(scratch.data()), scratch.size());
}

// The values of a field in records, read one by one.
class field_reader {
 public:
  [[nodiscard]] static result<field_reader> open(const lmdb::transaction& in, const tables& from,
                                                 const field_path& path) {
    HEARTH_TRY(auto records, in.open_cursor(from.records));
    HEARTH_TRY(const auto state, read_state(in, from));
    return field_reader(std::move(records), path, state.records);
  }

  /// Calls `visit(row, keys)` with the different values of each record among `among` (null: of
  /// all), rising. Rows without a record are passed over.
  template <class Visit>
  [[nodiscard]] result<void> for_each(const row_set* among, Visit&& visit) {
    return for_each_record(records_, record_count_, among,
                           [&](row_id row, byte_span record) { return read(row, record, visit); });
  }

 private:
  field_reader(lmdb::cursor records, const field_path& path, std::uint64_t record_count)
      : records_(std::move(records)), path_(path), record_count_(record_count) {}

  template <class Visit>
  [[nodiscard]] result<void> read(row_id row, byte_span record, Visit& visit) {
    HEARTH_TRY(const auto metadata, encoded_metadata(row, record));
    if (!find_values(metadata, path_, values_))
      return corrupt(core::format("the record of row {}", row));
    keys_.clear();
    for (const auto& item : values_.items)
      append_key(item, scratch_, keys_);
    std::ranges::sort(keys_);
    keys_.erase(std::ranges::unique(keys_).begin(), keys_.end());
    visit(row, keys_);
    return {};
  }

  lmdb::cursor records_;
  const field_path& path_;
  std::uint64_t record_count_;
  attribute_values values_;
  attribute_bytes scratch_;
  std::vector<value_key> keys_;
};

// Keeps the values that occur most often; of those that occur equally often, the least.
class most_frequent {
 public:
  explicit most_frequent(std::size_t limit) : limit_(limit) {}

  void add(const value_key& key, std::uint64_t count) {
    if (count == 0 || limit_ == 0)
      return;
    counted one{count, key};
    if (kept_.size() < limit_) {
      kept_.push(std::move(one));
    } else if (comes_before(one, kept_.top())) {
      kept_.pop();
      kept_.push(std::move(one));
    }
  }

  [[nodiscard]] result<std::vector<facet>> take() {
    std::vector<facet> facets;
    for (; !kept_.empty(); kept_.pop()) {
      const auto bytes = lmdb::as_key(kept_.top().key);
      auto decoded = decode_attribute(static_cast<attribute_kind>(bytes.front()), bytes.subspan(1));
      if (!decoded)
        return attribute_reader::damaged();
      auto& one = facets.emplace_back();
      one.item = std::move(decoded->item);
      one.count = kept_.top().count;
    }
    std::ranges::reverse(facets);
    return facets;
  }

 private:
  struct counted {
    std::uint64_t count = 0;
    value_key key;
  };
  static bool comes_before(const counted& a, const counted& b) {
    return a.count != b.count ? a.count > b.count : a.key < b.key;
  }
  struct last_on_top {
    bool operator()(const counted& a, const counted& b) const { return comes_before(a, b); }
  };

  std::size_t limit_;
  std::priority_queue<counted, std::vector<counted>, last_on_top> kept_;
};

using value_counts = std::unordered_map<value_key, std::uint64_t>;

// Rows of one value that an index has, block by block.
class value_group {
 public:
  [[nodiscard]] bool is(const attribute_key& key) const noexcept {
    return !key_.empty() && key_.front() == static_cast<char>(key.kind) &&
           std::ranges::equal(lmdb::as_key(key_).subspan(1), key.value);
  }
  [[nodiscard]] bool empty() const noexcept { return key_.empty(); }
  [[nodiscard]] const value_key& key() const noexcept { return key_; }
  [[nodiscard]] std::vector<row_id>& rows() noexcept { return rows_; }
  /// True if several strings share the key.
  [[nodiscard]] bool is_cut() const noexcept {
    return key_.front() == static_cast<char>(attribute_kind::string) && key_.back() == '\x01' &&
           key_.size() > 2 && key_[key_.size() - 2] == '\0';
  }
  void start(const attribute_key& key) {
    key_.assign(1, static_cast<char>(key.kind));
    key_.append(reinterpret_cast<const char*>(key.value.data()), key.value.size());
    rows_.clear();
  }
  [[nodiscard]] bool add(const attribute_key& key, const row_block_view& block) {
    const auto first = key.block << block_bits;
    return block.for_each_run([&](std::uint32_t low, std::uint32_t count) {
      for (std::uint32_t i = 0; i < count; ++i)
        rows_.push_back(first + low + i);
    });
  }

 private:
  value_key key_;
  std::vector<row_id> rows_;
};

bool counts(row_id row, const row_set* among, const row_set& left_behind) {
  return (among == nullptr || among->contains(row)) && !left_behind.contains(row);
}

// What a key keeps of a string that is too long for it; everything of others.
std::string_view kept_in_key(std::string_view whole) {
  constexpr auto longest = attribute_value_bytes + 1 - 2;  // with the kind, without the end
  if (whole.size() <= attribute_value_bytes + 1)
    return whole;
  return whole.substr(0, whole[longest - 1] == '\0' ? longest - 1 : longest);  // 00 FF is one byte
}

// Strings that share a key are told apart in their records.
result<void> count_cut(field_reader& records, value_group& group, value_counts& into) {
  row_set rows;
  rows.add(group.rows());
  const auto shared = std::string_view(group.key()).substr(0, group.key().size() - 2);
  return records.for_each(&rows, [&](row_id, const std::vector<value_key>& keys) {
    for (const auto& key : keys)
      if (kept_in_key(key) == shared)
        ++into[key];
  });
}

}  // namespace

result<std::vector<facet>> count_values(const lmdb::transaction& in, const tables& from,
                                        const field_path& path, const row_set* among,
                                        std::size_t limit) {
  HEARTH_TRY(const auto state, read_state(in, from));
  HEARTH_TRY(auto indexes, attribute_reader::open(in, from.attributes, state.next_row));
  HEARTH_TRY(auto records, field_reader::open(in, from, path));
  most_frequent most(limit);
  value_counts counted;
  const auto* const field = indexes.index_of(path);
  if (field == nullptr || !field->ready()) {
    HEARTH_CHECK(records.for_each(among, [&](row_id, const std::vector<value_key>& keys) {
      for (const auto& key : keys)
        ++counted[key];
    }));
  } else {
    value_group group;
    const auto end_group = [&]() -> result<void> {
      if (group.empty())
        return {};
      std::erase_if(group.rows(),
                    [&](row_id row) { return !counts(row, among, indexes.left_behind()); });
      if (group.is_cut())
        return count_cut(records, group, counted);
      most.add(group.key(), group.rows().size());
      return {};
    };
    const auto visit = [&](const attribute_key& key, const row_block_view& block) -> result<bool> {
      if (!group.is(key)) {
        HEARTH_CHECK(end_group());
        group.start(key);
      }
      return group.add(key, block) ? result<bool>(true) : attribute_reader::damaged();
    };
    const auto values =
        attribute_reader::kinds(*field, attribute_kind::null, attribute_kind::geo_point);
    HEARTH_CHECK(indexes.for_each_entry(values, visit));
    HEARTH_CHECK(end_group());
  }
  for (const auto& [key, count] : counted)
    most.add(key, count);
  return most.take();
}

namespace {

// The rows asked for, gathered in order.
class page_of_rows {
 public:
  page_of_rows(const row_order& order) : order_(order) {}

  [[nodiscard]] bool full() const noexcept { return rows_.size() == order_.limit; }
  void add(row_id row) {
    if (passed_ < order_.offset)
      ++passed_;
    else if (!full())
      rows_.push_back(row);
  }
  [[nodiscard]] std::vector<row_id> take() { return std::move(rows_); }

 private:
  row_order order_;
  std::size_t passed_ = 0;
  std::vector<row_id> rows_;
};

struct placed_row {
  value_key key;  // empty: the record lacks the field
  row_id row = 0;
};

// Rows without a value come last in either direction, and equal ones in the order of rows.
class row_comparison {
 public:
  explicit row_comparison(bool descending) : descending_(descending) {}

  bool operator()(const placed_row& a, const placed_row& b) const {
    if (a.key == b.key)
      return a.row < b.row;
    if (a.key.empty() || b.key.empty())
      return b.key.empty();
    return (a.key < b.key) != descending_;
  }

 private:
  bool descending_;
};

// Keeps the first of all rows that are added, in memory for twice as many.
class first_rows {
 public:
  explicit first_rows(const row_order& order)
      : order_(order), compare_(order.descending),
        wanted_(order.limit > most_wanted - std::min(order.offset, most_wanted)
                    ? most_wanted
                    : order.offset + order.limit) {}

  void add(row_id row, const std::vector<value_key>& keys) {
    rows_.push_back({keys.empty()        ? value_key()
                     : order_.descending ? keys.back()
                                         : keys.front(),
                     row});
    if (rows_.size() / 2 > wanted_ + 512)
      cut();
  }
  void give(page_of_rows& page) {
    std::ranges::sort(rows_, compare_);
    for (const auto& one : rows_)
      page.add(one.row);
  }

 private:
  static constexpr std::size_t most_wanted = std::numeric_limits<std::size_t>::max() / 4;

  void cut() {
    std::ranges::nth_element(rows_, rows_.begin() + static_cast<std::ptrdiff_t>(wanted_), compare_);
    rows_.resize(wanted_);
  }

  row_order order_;
  row_comparison compare_;
  std::size_t wanted_;
  std::vector<placed_row> rows_;
};

// Walks an index from one end; a row has its place where it is met first.
class index_walk {
 public:
  index_walk(field_reader& records, const attribute_reader& indexes, const row_order& order,
             const row_set* among, page_of_rows& page)
      : records_(records), indexes_(indexes), order_(order), among_(among), page_(page) {}

  /// False once the page is full.
  [[nodiscard]] result<bool> visit(const attribute_key& key, const row_block_view& block) {
    if (!group_.is(key)) {
      HEARTH_CHECK(end_group());
      group_.start(key);
    }
    if (!group_.add(key, block))
      return attribute_reader::damaged();
    return !page_.full();
  }
  [[nodiscard]] result<void> end_group() {
    auto& rows = group_.rows();
    std::erase_if(rows, [&](row_id row) {
      return !counts(row, among_, indexes_.left_behind()) || seen_.contains(row);
    });
    std::ranges::sort(rows);  // backwards, blocks come from the last to the first
    seen_.add(rows);
    if (group_.empty() || !group_.is_cut()) {
      for (const auto row : rows)
        page_.add(row);
      return {};
    }
    row_set cut;
    cut.add(rows);
    first_rows first({order_.descending, 0, rows.size()});
    HEARTH_CHECK(records_.for_each(
        &cut, [&](row_id row, const std::vector<value_key>& keys) { first.add(row, keys); }));
    first.give(page_);
    return {};
  }
  [[nodiscard]] const row_set& seen() const noexcept { return seen_; }

 private:
  field_reader& records_;
  const attribute_reader& indexes_;
  row_order order_;
  const row_set* among_;
  page_of_rows& page_;
  value_group group_;
  row_set seen_;
};

}  // namespace

result<std::vector<row_id>> order_rows(const lmdb::transaction& in, const tables& from,
                                       const field_path& path, const row_order& order,
                                       const row_set* among) {
  HEARTH_TRY(const auto state, read_state(in, from));
  HEARTH_TRY(auto indexes, attribute_reader::open(in, from.attributes, state.next_row));
  HEARTH_TRY(auto records, field_reader::open(in, from, path));
  page_of_rows page(order);
  const auto* const field = indexes.index_of(path);
  HEARTH_TRY(auto all, indexes.all_rows());
  all.possible -= all.certain;
  if (field == nullptr || !field->ready() || !all.possible.empty()) {
    first_rows first(order);
    HEARTH_CHECK(records.for_each(
        among, [&](row_id row, const std::vector<value_key>& keys) { first.add(row, keys); }));
    first.give(page);
    return page.take();
  }
  index_walk walk(records, indexes, order, among, page);
  const auto visit = [&](const attribute_key& key, const row_block_view& block) {
    return walk.visit(key, block);
  };
  const auto values =
      attribute_reader::kinds(*field, attribute_kind::null, attribute_kind::geo_point);
  HEARTH_CHECK(order.descending ? indexes.for_each_entry_backwards(values, visit)
                                : indexes.for_each_entry(values, visit));
  HEARTH_CHECK(walk.end_group());
  if (page.full())
    return page.take();
  if (among != nullptr)
    all.certain &= *among;
  all.certain -= walk.seen();
  for (const auto row : all.certain.rows())
    page.add(row);
  return page.take();
}

}  // namespace hearth::storage
