#include "core/row_set.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace hearth;

namespace {

constexpr std::uint64_t far = std::uint64_t{5} << 32;

std::set<std::uint64_t> random_rows(std::mt19937_64& random) {
  std::set<std::uint64_t> rows;
  const auto count = random() % 3000;
  for (std::size_t i = 0; i < count; ++i)
    rows.insert((random() % 3 == 0 ? far : 0) + random() % 10'000);
  return rows;
}

row_set set_of(const std::set<std::uint64_t>& rows) {
  row_set made;
  made.add(std::vector<std::uint64_t>(rows.begin(), rows.end()));
  return made;
}

std::vector<std::uint64_t> list_of(const std::set<std::uint64_t>& rows) {
  return {rows.begin(), rows.end()};
}

}  // namespace

TEST_CASE("a row set has the rows that were added and not removed, in order") {
  row_set rows;
  CHECK(rows.empty());
  for (const auto row : {std::uint64_t{7}, far + 1, std::uint64_t{3}, far})
    rows.add(row);
  rows.remove(far);
  rows.remove(99);
  CHECK(rows.rows() == std::vector<std::uint64_t>{3, 7, far + 1});
  CHECK(rows.size() == 3);
  CHECK(rows.contains(far + 1));
  CHECK_FALSE(rows.contains(far));
  rows.remove(far + 1);
  CHECK(rows == set_of({3, 7}));
}

TEST_CASE("a range of rows may cross the border of 32 bits") {
  const auto border = std::uint64_t{1} << 32;
  const auto rows = row_set::range(border - 2, border + 2);
  CHECK(rows.rows() == std::vector<std::uint64_t>{border - 2, border - 1, border, border + 1});
  CHECK(row_set::range(5, 5).empty());
  CHECK(row_set::range(5, 4).empty());
}

TEST_CASE("operations on row sets are those on sets") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    const auto a = random_rows(random);
    const auto b = random_rows(random);
    std::set<std::uint64_t> either = a;
    either.insert(b.begin(), b.end());
    std::set<std::uint64_t> both;
    std::set<std::uint64_t> only_a;
    for (const auto row : a)
      (b.contains(row) ? both : only_a).insert(row);
    CHECK((set_of(a) |= set_of(b)).rows() == list_of(either));
    CHECK((set_of(a) &= set_of(b)).rows() == list_of(both));
    CHECK((set_of(a) -= set_of(b)).rows() == list_of(only_a));
    CHECK(set_of(a).common(set_of(b)) == both.size());
  }
}

TEST_CASE("a copy of a row set is its own, and one that was moved from is empty") {
  auto rows = set_of({1, 2});
  const auto copy = rows;
  rows.add(3);
  CHECK(copy.size() == 2);
  const auto moved = std::move(rows);
  CHECK(moved.size() == 3);
  CHECK(rows.empty());  // NOLINT(bugprone-use-after-move)
}
