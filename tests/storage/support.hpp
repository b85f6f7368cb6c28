#pragma once
// What the storage tests share: batches, vectors that can be told apart, and values of results.
#include <catch2/catch.hpp>

#include <stdlib.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "storage/namespace_store_impl.hpp"

namespace hearth::storage::test {

inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

/// A directory of its own for one test, removed afterwards.
class temporary_directory {
 public:
  temporary_directory() {
    std::string name = "/tmp/hearth-storage-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
      FAIL("mkdtemp failed");
    path_ = name;
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

/// The value of a result that must hold one.
template <class T>
T need(result<T> outcome) {
  if (!outcome)
    FAIL(to_string(outcome.error()));
  if constexpr (!std::is_void_v<T>)
    return *std::move(outcome);
}

/// The code of a result that must hold an error.
template <class T>
errc code_of(const result<T>& outcome) {
  if (outcome)
    FAIL("no error where one was expected");
  return outcome.error().code;
}

inline namespace_config config_of(std::uint32_t dimension) {
  namespace_config config;
  config.dimension = dimension;
  return config;
}

/// Vectors of which each value depends on `seed`, its row and its place.
inline matrix vectors_of(std::size_t rows, std::uint32_t dimension, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(rows * dimension);
  for (auto& number : values)
    number = static_cast<float>(random() >> 40);
  return {std::move(values), rows, dimension};
}

inline std::vector<float> row_of(const matrix& from, std::size_t row) {
  const auto values = from.view().row(row);
  return {values.begin(), values.end()};
}

inline write_batch batch_of(write_kind kind, std::vector<record_id> ids, matrix vectors = {}) {
  write_batch batch;
  batch.kind = kind;
  batch.ids = std::move(ids);
  batch.vectors = std::move(vectors);
  return batch;
}

inline std::vector<record_id> numbers(std::uint64_t first, std::size_t count) {
  std::vector<record_id> ids;
  ids.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    ids.emplace_back(first + i);
  return ids;
}

inline std::unique_ptr<namespace_store> create(const std::filesystem::path& directory,
                                               std::uint32_t dimension,
                                               namespace_store_options options = {},
                                               const store_hooks& hooks = {}) {
  return need(create_store(directory, config_of(dimension), options, hooks));
}

/// Applies and commits.
inline applied_batch write(namespace_store& store, const write_batch& batch) {
  auto applied = need(store.apply(batch));
  REQUIRE(need(store.commit()) == applied.result.lsn);
  return applied;
}

inline get_result get(const namespace_store& store, std::vector<record_id> ids) {
  return need(need(store.read())->get({std::move(ids), {true, true, true}}, no_limit));
}

/// Every live row and its vector, by for_each_vector.
inline std::vector<std::pair<row_id, std::vector<float>>> all_vectors(read_view& view,
                                                                      row_id after = 0) {
  std::vector<std::pair<row_id, std::vector<float>>> found;
  need(view.for_each_vector(after, [&](std::span<const row_id> rows, matrix_view vectors) {
    REQUIRE(rows.size() == vectors.rows());
    for (std::size_t i = 0; i < rows.size(); ++i)
      found.emplace_back(rows[i], std::vector<float>(vectors.row(i).begin(), vectors.row(i).end()));
    return true;
  }));
  return found;
}

using buffer = std::vector<std::byte>;

/// Calls `check` with every truncation of `bytes`, and with every byte changed in two ways.
template <class Check>
void for_each_damage(const buffer& bytes, Check&& check) {
  for (std::size_t size = 0; size < bytes.size(); ++size)
    check(buffer(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const auto change : {std::byte{0x01}, std::byte{0xFF}}) {
      auto damaged = bytes;
      damaged[at] ^= change;
      check(std::move(damaged));
    }
}

/// Calls maintain until it says that nothing is left.
inline void maintain_all(namespace_store& store, lsn_t keep_after = 0) {
  for (int calls = 0; need(store.maintain(keep_after)); ++calls)
    REQUIRE(calls < 10'000);
}

inline std::vector<std::byte> read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::byte> bytes(std::filesystem::file_size(file));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(in.good());
  return bytes;
}

inline void write_file(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  REQUIRE(out.good());
}

}  // namespace hearth::storage::test
