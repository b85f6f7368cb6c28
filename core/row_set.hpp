#pragma once
// Sets of rows, compressed: what a filter selects, and what an attribute index holds.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace hearth::inline core {

/// A set of row numbers (see storage: rows rise and are never used twice). Copies are deep.
/// Thread rule: as a container; any number of threads may read one at the same time.
class row_set {
 public:
  row_set();
  ~row_set();
  row_set(const row_set& other);
  row_set(row_set&&) noexcept;
  row_set& operator=(const row_set& other);
  row_set& operator=(row_set&&) noexcept;

  /// Every row in [first, last).
  [[nodiscard]] static row_set range(std::uint64_t first, std::uint64_t last);

  void add(std::uint64_t row);
  /// Fast where `rows` rise.
  void add(std::span<const std::uint64_t> rows);
  void remove(std::uint64_t row);

  [[nodiscard]] bool contains(std::uint64_t row) const noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  row_set& operator|=(const row_set& other);
  row_set& operator&=(const row_set& other);
  row_set& operator-=(const row_set& other);
  [[nodiscard]] std::uint64_t common(const row_set& other) const noexcept;  ///< size of both's and

  /// All of them, rising.
  [[nodiscard]] std::vector<std::uint64_t> rows() const;

  friend bool operator==(const row_set& a, const row_set& b) noexcept { return a.equals(b); }

 private:
  struct bitmap;
  [[nodiscard]] bool equals(const row_set& other) const noexcept;

  std::unique_ptr<bitmap> rows_;
};

}  // namespace hearth::inline core
