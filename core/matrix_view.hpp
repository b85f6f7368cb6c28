#pragma once
// Dense float32 data in row-major order: a borrowed view, and shared ownership of a buffer.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace hearth::inline core {

/// A borrowed, contiguous, row-major rows x dimension float32 matrix. The owner keeps it alive.
class matrix_view {
 public:
  matrix_view() = default;
  matrix_view(const float* data, std::size_t rows, std::uint32_t dimension) noexcept
      : data_(data), rows_(rows), dimension_(dimension) {}

  [[nodiscard]] const float* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint32_t dimension() const noexcept { return dimension_; }
  [[nodiscard]] bool empty() const noexcept { return rows_ == 0; }
  [[nodiscard]] std::span<const float> row(std::size_t index) const noexcept {
    assert(index < rows_);
    return {data_ + index * dimension_, dimension_};
  }
  [[nodiscard]] std::span<const float> values() const noexcept {
    return {data_, rows_ * dimension_};
  }

 private:
  const float* data_ = nullptr;
  std::size_t rows_ = 0;
  std::uint32_t dimension_ = 0;
};

/// An immutable matrix whose buffer is shared, so that messages between threads copy nothing.
class matrix {
 public:
  matrix() = default;
  matrix(std::shared_ptr<const float[]> data, std::size_t rows, std::uint32_t dimension) noexcept
      : data_(std::move(data)), rows_(rows), dimension_(dimension) {}
  /// Takes over `values`. Precondition: values.size() == rows * dimension.
  matrix(std::vector<float> values, std::size_t rows, std::uint32_t dimension)
      : rows_(rows), dimension_(dimension) {
    assert(values.size() == rows * dimension);
    auto owner = std::make_shared<std::vector<float>>(std::move(values));
    data_ = std::shared_ptr<const float[]>(owner, owner->data());
  }

  [[nodiscard]] matrix_view view() const noexcept { return {data_.get(), rows_, dimension_}; }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint32_t dimension() const noexcept { return dimension_; }
  [[nodiscard]] bool empty() const noexcept { return rows_ == 0; }
  /// The shared buffer, for keeping it alive beyond this matrix.
  [[nodiscard]] const std::shared_ptr<const float[]>& data() const noexcept { return data_; }

 private:
  std::shared_ptr<const float[]> data_;
  std::size_t rows_ = 0;
  std::uint32_t dimension_ = 0;
};

/// True if no value is NaN or infinite.
[[nodiscard]] bool all_finite(std::span<const float> values) noexcept;

}  // namespace hearth::inline core
