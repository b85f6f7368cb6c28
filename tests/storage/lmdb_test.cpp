#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "tests/storage/support.hpp"

namespace hearth::storage::test {

namespace {

constexpr std::uint32_t dimension = 256;
constexpr std::size_t batch_rows = 64;

store_hooks small_map() {
  store_hooks hooks;
  hooks.first_map_bytes = 8 << 20;
  return hooks;
}

std::uint64_t map_bytes(const namespace_store& store) {
  return dynamic_cast<const lmdb_namespace_store&>(store).environment()->map_bytes();
}

void add_rows(namespace_store& store, std::uint64_t first) {
  write(store, batch_of(write_kind::add, numbers(first, batch_rows),
                        vectors_of(batch_rows, dimension, first)));
}

void require_rows(const namespace_store& store, std::uint64_t count) {
  const auto view = need(store.read());
  const auto found = all_vectors(*view);
  REQUIRE(found.size() == count);
  for (std::uint64_t first = 0; first < count; first += batch_rows) {
    const auto expected = vectors_of(batch_rows, dimension, first);
    for (std::size_t i = 0; i < batch_rows; ++i)
      REQUIRE(found[first + i].second == row_of(expected, i));
  }
}

}  // namespace

TEST_CASE("a map grows with its file while others read") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", dimension, {}, small_map());
  const auto before = map_bytes(*store);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> written = 0;
  std::atomic<std::size_t> torn = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) {
        const auto at_least = written.load();
        const auto view = store->read();
        std::size_t rows = 0;
        const auto seen =
            view
                ? (*view)->for_each_vector(0,
                                           [&](std::span<const row_id> block, matrix_view vectors) {
                                             for (std::size_t row = 0; row < vectors.rows(); ++row)
                                               rows += vectors.row(row)[0] >= 0 ? 1 : 0;
                                             return block.size() == vectors.rows();
                                           })
                : result<void>(std::unexpect, view.error());
        if (!seen || rows < at_least)
          ++torn;
      }
    });
  while (written < 200 * batch_rows) {
    add_rows(*store, written);
    written += batch_rows;
  }
  stop = true;
  readers.clear();
  REQUIRE(torn == 0);
  REQUIRE(map_bytes(*store) >= 4 * before);
  require_rows(*store, written);

  store.reset();
  store = need(open_store(home.path() / "docs", {}, small_map()));
  require_rows(*store, written);
}

TEST_CASE("a snapshot that is held puts growth off, and reads on") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", dimension, {}, small_map());
  add_rows(*store, 0);
  const auto before = map_bytes(*store);
  auto held = need(store->read());
  std::uint64_t written = batch_rows;
  for (bool nearly_full = false; !nearly_full; written += batch_rows) {
    nearly_full = store->usage().file_bytes > before / 4 * 3;
    add_rows(*store, written);
  }
  REQUIRE(map_bytes(*store) == before);
  REQUIRE(all_vectors(*held).size() == batch_rows);
  REQUIRE(need(store->read())->record_count() == written);  // beside the one that is held

  held.reset();
  add_rows(*store, written);
  written += batch_rows;
  REQUIRE(map_bytes(*store) == 4 * before);
  require_rows(*store, written);
}

TEST_CASE("growth ends at the largest file that was allowed") {
  const temporary_directory home;
  namespace_store_options options;
  options.map_bytes = 20 << 20;
  auto store = create(home.path() / "docs", dimension, options, small_map());
  std::uint64_t written = 0;
  result<lsn_t> committed = 0;
  for (; committed && written < 40'000; written += batch_rows) {
    const auto applied = store->apply(batch_of(write_kind::add, numbers(written, batch_rows),
                                               vectors_of(batch_rows, dimension, written)));
    committed = applied ? store->commit() : result<lsn_t>(std::unexpect, applied.error());
  }
  REQUIRE(code_of(committed) == errc::no_space);
  REQUIRE(map_bytes(*store) == options.map_bytes);
  require_rows(*store, written - batch_rows);
}

TEST_CASE("hundreds of namespaces are open at once") {
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  rlimit raised = files;
  raised.rlim_cur = raised.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &raised) == 0);
  const temporary_directory home;
  std::vector<std::unique_ptr<namespace_store>> open;
  for (std::size_t i = 0; i < 400; ++i)
    open.push_back(create(home.path() / std::to_string(i), 4));
  write(*open.back(), batch_of(write_kind::add, {"last"}, vectors_of(1, 4, 1)));
  REQUIRE(get(*open.back(), {"last"}).missing.empty());
  open.clear();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
}

}  // namespace hearth::storage::test
