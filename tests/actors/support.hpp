#pragma once
// What the tests of actors share: temporary stores, made-up vectors, a log that remembers.
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "actors/runtime.hpp"
#include "actors/runtime_parts.hpp"

namespace hearth::test {

class temporary_directory {
 public:
  temporary_directory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "hearth-actors-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Remembers which events were logged, and lets a test wait for one.
class event_log final : public logger {
 public:
  void write(log_level, event_id event, std::string_view detail) noexcept override {
    const std::lock_guard lock(guard_);
    lines_.emplace_back(event.number, std::string(detail));
  }
  [[nodiscard]] std::size_t count(std::uint16_t number) const {
    const std::lock_guard lock(guard_);
    std::size_t found = 0;
    for (const auto& [each, unused] : lines_)
      found += each == number ? 1 : 0;
    return found;
  }
  [[nodiscard]] std::string detail(std::uint16_t number) const {
    const std::lock_guard lock(guard_);
    for (const auto& [each, detail] : lines_) {
      if (each == number)
        return detail;
    }
    return {};
  }

 private:
  mutable std::mutex guard_;
  std::vector<std::pair<std::uint16_t, std::string>> lines_;
};

/// The value, or a failed test that shows the error.
template <class T>
T must(result<T> outcome) {
  if (!outcome)
    FAIL(to_string(outcome.error()));
  if constexpr (!std::is_void_v<T>)
    return *std::move(outcome);
}

template <class T>
errc code_of(const result<T>& outcome) {
  return outcome ? errc{} : outcome.error().code;
}

/// Waits until a condition holds. The bound is for tests that would hang, not for timing.
template <class Condition>
bool eventually(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// Holds up who waits on a flag, until it is lifted or the test ends.
class road_block {
 public:
  explicit road_block(std::atomic<bool>& flag) noexcept : flag_(flag) { flag_ = true; }
  ~road_block() { lift(); }
  road_block(const road_block&) = delete;
  road_block& operator=(const road_block&) = delete;

  void lift() noexcept {
    flag_ = false;
    flag_.notify_all();
  }

 private:
  std::atomic<bool>& flag_;
};

/// `rows` vectors from a seeded normal distribution.
inline matrix random_vectors(std::size_t rows, std::uint32_t dimension, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> value;
  std::vector<float> values(rows * dimension);
  for (auto& each : values)
    each = value(random);
  return {std::move(values), rows, dimension};
}

/// The vector that belongs to an id: searches for it must find the id at distance 0.
inline std::vector<float> vector_of(std::uint64_t id, std::uint32_t dimension,
                                    std::uint64_t version = 0) {
  const auto drawn = random_vectors(1, dimension, id * 1'000'003 + version);
  const auto row = drawn.view().row(0);
  return {row.begin(), row.end()};
}

inline write_batch upsert_of(const std::vector<std::uint64_t>& ids, std::uint32_t dimension,
                             std::uint64_t version = 0, durability ack = durability::sync) {
  write_batch batch;
  batch.ack = ack;
  std::vector<float> values;
  for (const auto id : ids) {
    batch.ids.emplace_back(id);
    const auto vector = vector_of(id, dimension, version);
    values.insert(values.end(), vector.begin(), vector.end());
  }
  batch.vectors = matrix(std::move(values), ids.size(), dimension);
  return batch;
}

inline write_batch erase_of(const std::vector<std::uint64_t>& ids) {
  write_batch batch;
  batch.kind = write_kind::erase;
  for (const auto id : ids)
    batch.ids.emplace_back(id);
  return batch;
}

inline search_query query_of(std::vector<float> vector, std::uint32_t k, bool exact = false) {
  search_query query;
  const auto dimension = static_cast<std::uint32_t>(vector.size());
  query.vectors = matrix(std::move(vector), 1, dimension);
  query.k = k;
  query.exact = exact;
  return query;
}

inline std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> ids;
  for (auto id = first; id < last; ++id)
    ids.push_back(id);
  return ids;
}

inline namespace_request request_of(std::uint32_t dimension, std::uint32_t shards = 1) {
  namespace_request request;
  request.dimension = dimension;
  request.distance = distance_kind::l2;
  request.shards = shards;
  request.ef_construction = 64;
  return request;
}

inline bool index_ready(namespace_handle& space) {
  const auto info = must(space.info());
  return info.index == index_state::ready && info.fresh == 0;
}

}  // namespace hearth::test
