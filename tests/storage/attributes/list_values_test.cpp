#include "storage/attributes/list_values.hpp"

#include <algorithm>
#include <map>

#include "storage/attributes/attribute_values.hpp"
#include "tests/storage/attributes/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

const std::vector<field_path> paths{{"a"}, {"b"}, {"c"}, {"a", "b"}, {"none"}};

// Decoded metadata of every row, and what the answers should be.
class model {
 public:
  explicit model(namespace_store& store, std::uint64_t seed) : store_(store), made_(seed) {}

  void add(std::size_t count) {
    std::vector<record_id> ids;
    std::vector<value_map> metadata;
    for (std::size_t i = 0; i < count; ++i) {
      ids.emplace_back(next_++);
      metadata.push_back(made_.record());
      if (random_() % 5 == 0)
        metadata.back()["b"] = long_text();
      if (random_() % 20 == 0)
        metadata.back()["b"] = value_list{long_text(), long_text(), long_text()};
      records_[next_ - 1] = metadata.back();
    }
    write(store_, metadata_batch(write_kind::add, ids, metadata));
  }
  void erase_some() {
    std::vector<record_id> ids;
    for (std::uint64_t id = 1; id < next_; id += 7) {
      ids.emplace_back(id);
      records_.erase(id);
    }
    write(store_, batch_of(write_kind::erase, ids));
  }

  row_set some_rows(unsigned keep) {
    row_set rows;
    for (std::uint64_t row = 1; row < next_ + 5; ++row)
      if (random_() % 100 < keep)
        rows.add(row);
    return rows;
  }

  void check() {
    const auto view = need(store_.read());
    for (const auto& path : paths) {
      check_path(*view, path, nullptr);
      for (const auto keep : {1U, 60U}) {
        const auto among = some_rows(keep);
        check_path(*view, path, &among);
      }
    }
  }

 private:
  value long_text() {
    return std::string(497 + random_() % 2, 'l') + std::string(1, "\0xy"[random_() % 3]) +
           (random_() % 2 == 0 ? "b" : "");
  }

  // The different values of a record, rising.
  static std::vector<value> values_of(const value_map& metadata, const field_path& path) {
    std::vector<const value*> found;
    const value whole(metadata);
    hearth::test::reach(whole, path, found);
    std::vector<value> values;
    const auto add = [&values](const value& item) {
      if (item.get_if<value_list>() == nullptr && item.get_if<value_map>() == nullptr)
        values.push_back(normal(item));
    };
    for (const auto* item : found)
      if (const auto* list = item->get_if<value_list>())
        std::ranges::for_each(*list, add);
      else
        add(*item);
    std::ranges::sort(values, before);
    values.erase(std::ranges::unique(values).begin(), values.end());
    return values;
  }

  static value normal(const value& item) {
    const auto* real = item.get_if<double>();
    if (real == nullptr || !(*real >= -0x1p63 && *real < 0x1p63) || *real != std::trunc(*real))
      return item;
    return static_cast<std::int64_t>(*real);
  }

  static int rank(const value& item) {
    constexpr int ranks[]{0, 1, 2, 2, 4, 9, 9, 3, 5};
    return ranks[item.data().index()];
  }
  static bool before(const value& a, const value& b) {
    if (rank(a) != rank(b))
      return rank(a) < rank(b);
    return compare(scalar_of(a), scalar_of(b)) < 0;
  }

  void check_path(read_view& view, const field_path& path, const row_set* among) {
    INFO(path_text(path) << (among == nullptr ? "" : " among some"));
    struct counted {
      value item;
      std::uint64_t count = 0;
    };
    std::vector<counted> counts;
    std::vector<std::pair<row_id, std::vector<value>>> rows;
    for (const auto& [row, metadata] : records_) {
      if (among != nullptr && !among->contains(row))
        continue;
      rows.emplace_back(row, values_of(metadata, path));
      for (const auto& item : rows.back().second) {
        const auto known = std::ranges::find(counts, item, &counted::item);
        if (known == counts.end())
          counts.push_back({item, 1});
        else
          ++known->count;
      }
    }
    std::ranges::sort(counts, [](const counted& a, const counted& b) {
      return a.count != b.count ? a.count > b.count : before(a.item, b.item);
    });
    for (const auto limit : {std::size_t{0}, std::size_t{3}, std::size_t{1000}}) {
      const auto facets = need(view.facets(path, among, limit));
      REQUIRE(facets.size() == std::min(limit, counts.size()));
      for (std::size_t i = 0; i < facets.size(); ++i) {
        REQUIRE(facets[i].item == counts[i].item);
        REQUIRE(facets[i].count == counts[i].count);
      }
    }
    for (const bool descending : {false, true}) {
      std::ranges::sort(rows, [&](const auto& a, const auto& b) {
        if (a.second.empty() || b.second.empty())
          return a.second.empty() != b.second.empty() ? b.second.empty() : a.first < b.first;
        const auto& left = descending ? a.second.back() : a.second.front();
        const auto& right = descending ? b.second.back() : b.second.front();
        if (left == right)
          return a.first < b.first;
        return descending ? before(right, left) : before(left, right);
      });
      std::vector<row_id> expected;
      expected.reserve(rows.size());
      for (const auto& row : rows)
        expected.push_back(row.first);
      check_page(view, path, among, descending, 0, 10'000, expected);
      check_page(view, path, among, descending, 0, 7, expected);
      check_page(view, path, among, descending, 40, 25, expected);
      check_page(view, path, among, descending, 5000, 25, expected);
      check_page(view, path, among, descending, 3, no_limit, expected);
    }
  }

  static void check_page(read_view& view, const field_path& path, const row_set* among,
                         bool descending, std::size_t offset, std::size_t limit,
                         const std::vector<row_id>& all) {
    const auto first = std::min(offset, all.size());
    const auto last = first + std::min(limit, all.size() - first);
    const std::vector<row_id> expected(all.begin() + static_cast<long>(first),
                                       all.begin() + static_cast<long>(last));
    REQUIRE(need(view.rows_in_order(path, {descending, offset, limit}, among)) == expected);
  }

  namespace_store& store_;
  hearth::test::random_filters made_;
  std::mt19937_64 random_{17};
  std::uint64_t next_ = 1;  // ids are rows: nothing is replaced
  std::map<row_id, value_map> records_;
};

}  // namespace

TEST_CASE("facets and orders are the same with an index, without, and while it is built") {
  const temporary_directory home;
  store_hooks hooks;
  hooks.indexed_records = 200;
  auto store = create(home.path() / "docs", 2, {}, hooks);
  model expected(*store, 3);
  expected.add(700);
  expected.erase_some();
  expected.check();
  need(store->index_fields(paths));
  need(store->maintain(0));
  need(store->maintain(0));
  expected.check();
  maintain_all(*store);
  expected.check();
  expected.add(100);
  expected.check();
}

TEST_CASE("a field without a name has neither facets nor an order") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  const auto view = need(store->read());
  REQUIRE(code_of(view->facets({}, nullptr, 1)) == errc::invalid_argument);
  REQUIRE(code_of(view->rows_in_order({}, {}, nullptr)) == errc::invalid_argument);
}
