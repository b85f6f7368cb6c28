#include "engine/index/row_directory.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <map>
#include <random>
#include <set>

#include "engine/index/slot_segments.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;

slot_id add(row_directory& directory, row_id row) {
  directory.reclaim([](slot_id) {});
  directory.reserve(1);
  const slot_id slot = directory.take();
  directory.show(slot, row);
  return slot;
}

void remove(row_directory& directory, row_id row) {
  const slot_id slot = directory.find(row);
  directory.hide(slot);
  directory.retire({&slot, 1});
}

TEST_CASE("slot_segments: cells start as zeros, never move and do not overlap") {
  slot_segments cells(12);
  std::vector<std::byte*> places;
  for (slot_id count = 1; count <= 5000; ++count) {
    cells.reserve(count);
    const slot_id cell = count - 1;
    places.push_back(cells.at(cell));
    REQUIRE(*cells.at<std::uint32_t>(cell) == 0);
    std::fill_n(cells.at(cell), 12, std::byte{0xFF});
    *cells.at<std::uint32_t>(cell) = cell;
  }
  for (slot_id cell = 0; cell < 5000; ++cell) {
    REQUIRE(cells.at(cell) == places[cell]);
    REQUIRE(*cells.at<std::uint32_t>(cell) == cell);
    REQUIRE(cells.at(cell)[11] == std::byte{0xFF});
  }
}

TEST_CASE("row_directory: rows are found where they were shown, and not after they were hidden") {
  row_directory directory;
  const slot_id slot = add(directory, 7);
  CHECK(directory.find(7) == slot);
  CHECK(directory.row_at(slot) == row_id{7});
  CHECK(directory.find(8) == no_slot);
  CHECK(directory.size() == 1);
  remove(directory, 7);
  CHECK(directory.find(7) == no_slot);
  CHECK_FALSE(directory.visible(slot));
  CHECK(directory.size() == 0);
}

TEST_CASE("row_directory: a retired slot is not handed out while a reader may be in it") {
  row_directory directory;
  const slot_id first = add(directory, 1);
  {
    const auto pin = directory.pin();
    remove(directory, 1);
    CHECK(add(directory, 2) != first);
  }
  remove(directory, 2);
  const slot_id third = add(directory, 3);
  const slot_id fourth = add(directory, 4);
  CHECK(std::set<slot_id>{third, fourth} == std::set<slot_id>{0, 1});
  CHECK(directory.bound() == 2);
}

TEST_CASE("row_directory: rows that are there, named twice or reserved are refused") {
  row_directory directory;
  add(directory, 5);
  const auto code = [&](std::vector<row_id> rows) {
    const auto checked = directory.check_new(rows);
    return checked ? errc{} : checked.error().code;
  };
  CHECK(code({1, 2, 3}) == errc{});
  CHECK(code({9, 3, 4}) == errc{});
  CHECK(code({4, 5}) == errc::already_exists);
  CHECK(code({9, 3, 9}) == errc::already_exists);
  CHECK(code({3, 3}) == errc::already_exists);
  CHECK(code({std::numeric_limits<row_id>::max()}) == errc::invalid_argument);
}

TEST_CASE("row_directory: more rows than slot numbers are refused before memory is taken") {
  row_directory directory;
  const auto bound = directory.bound_after(std::size_t{1} << 32);
  REQUIRE_FALSE(bound);
  CHECK(bound.error().code == errc::limit_exceeded);
}

TEST_CASE("row_directory: long random use agrees with a map, and its memory stays bounded") {
  row_directory directory;
  std::map<row_id, slot_id> model;
  std::mt19937_64 random(1);
  row_id next = 0;
  std::size_t memory_when_warm = 0;
  for (int step = 0; step < 100'000; ++step) {
    if (model.size() < 500 || (model.size() < 1000 && random() % 2 == 0)) {
      const row_id row = random() % 4 == 0 ? random() >> 1 : next++;
      if (model.contains(row))
        continue;
      model[row] = add(directory, row);
    } else {
      auto victim = model.lower_bound(random() % next);
      if (victim == model.end())
        victim = model.begin();
      remove(directory, victim->first);
      model.erase(victim);
    }
    if (step == 20'000)
      memory_when_warm = directory.memory_bytes();
  }
  CHECK(directory.size() == model.size());
  std::set<slot_id> slots;
  for (const auto& [row, slot] : model) {
    CHECK(directory.find(row) == slot);
    CHECK(directory.row_at(slot) == row);
    slots.insert(slot);
  }
  CHECK(slots.size() == model.size());
  CHECK(directory.bound() <= 1002);
  CHECK(directory.memory_bytes() <= 2 * memory_when_warm);
  const auto sorted = directory.sorted_rows();
  CHECK(std::equal(sorted.begin(), sorted.end(), model.begin(), model.end(),
                   [](row_id row, const auto& entry) { return row == entry.first; }));
}

}  // namespace
