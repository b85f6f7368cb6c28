#pragma once
// Writes whose every trace can be checked after a crash, whenever it came.
#include "tests/storage/support.hpp"

namespace hearth::storage::test {

inline constexpr std::uint32_t crash_dimension = 300;

/// Batch n writes ids n * 10 ... n * 10 + 9 with vectors and texts made from n.
inline write_batch crash_batch(std::uint64_t n) {
  auto batch =
      batch_of(write_kind::upsert, numbers(n * 10, 10), vectors_of(10, crash_dimension, n));
  for (std::uint64_t i = 0; i < 10; ++i)
    batch.texts.emplace_back("batch " + std::to_string(n));
  return batch;
}

/// Writes batch n and erases half of batch n - 3, in one commit. Answers false if anything failed.
inline bool crash_step(namespace_store& store, std::uint64_t n) {
  auto ok = store.apply(crash_batch(n)).has_value();
  if (ok && n >= 3)
    ok = store.apply(batch_of(write_kind::erase, numbers((n - 3) * 10, 5))).has_value();
  return ok && store.commit().has_value();
}

/// Checks that the first `acknowledged` steps are there, at most one more, and no half of any;
/// answers how many are.
inline std::uint64_t check_after_crash(const namespace_store& store, std::uint64_t acknowledged) {
  const auto view = need(store.read());
  // Steps 0 to 2 are one batch each, the others two.
  REQUIRE((view->lsn() <= 3 || (view->lsn() + 3) % 2 == 0));
  const auto written = view->lsn() <= 3 ? view->lsn() : (view->lsn() + 3) / 2;
  REQUIRE(written >= acknowledged);
  REQUIRE(written <= acknowledged + 1);
  const auto erased = written > 3 ? (written - 3) * 5 : 0;
  REQUIRE(view->record_count() == written * 10 - erased);
  const auto vectors = all_vectors(*view);
  REQUIRE(vectors.size() == view->record_count());
  for (std::uint64_t n = 0; n < written; ++n) {
    const auto batch = crash_batch(n);
    const auto got = need(view->get({batch.ids, {true, true, true}}, limits::message_bytes));
    REQUIRE(got.found.size() == (n + 3 < written ? 5 : 10));
    for (std::size_t i = 0; i < got.found.size(); ++i) {
      const auto place = got.found.ids[i].number() - n * 10;
      REQUIRE(row_of(got.found.vectors, i) == row_of(batch.vectors, place));
      REQUIRE(got.found.texts[i] == batch.texts[place]);
    }
  }
  return written;
}

}  // namespace hearth::storage::test
