#pragma once
// NumPy's .npy files: the header, bounds-checked, and its rows as float32. Written after the format
// description in NumPy's documentation (numpy.lib.format, versions 1.0 to 3.0).
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "core/error.hpp"
#include "core/matrix_view.hpp"

namespace hearth::tools {

enum class npy_type : std::uint8_t { float16, float32, float64 };

/// Bytes of one value.
[[nodiscard]] std::size_t size_of(npy_type type) noexcept;

/// What a .npy file says about itself. A one-dimensional array is one row.
struct npy_header {
  npy_type type = npy_type::float32;
  std::uint64_t rows = 0;
  std::uint32_t dimension = 0;
  std::uint64_t data_offset = 0;  ///< of the first value, in bytes from the start of the file
};

/// The longest header that is read; a header needs about 128 bytes.
inline constexpr std::size_t npy_max_header = 64 * 1024;

/// Parses the header at the start of a file. `start` holds the first min(file_size, npy_max_header)
/// bytes. Accepts '<f2', '<f4' and '<f8' in C order with one or two axes, and only if the file
/// holds exactly the bytes that the shape announces. Errors: corruption, unsupported (both with a
/// hint), limit_exceeded for more than limits::dimension columns.
[[nodiscard]] result<npy_header> parse_npy_header(std::span<const std::byte> start,
                                                  std::uint64_t file_size);

/// The bytes of a version 1.0 header for rows x dimension float32 values. Its length does not
/// depend on `rows`, so that it can be written again when the count is known.
[[nodiscard]] std::string make_npy_header(std::uint64_t rows, std::uint32_t dimension);

/// IEEE 754 binary16 to binary32, exactly; subnormals, infinities and NaN included.
[[nodiscard]] float half_to_float(std::uint16_t half) noexcept;

/// A .npy file read from front to back. One thread at a time.
class npy_reader {
 public:
  [[nodiscard]] static result<npy_reader> open(const std::filesystem::path& file);

  [[nodiscard]] const npy_header& header() const noexcept { return header_; }

  /// The next min(max_rows, rows left) rows as float32; zero rows at the end.
  [[nodiscard]] result<matrix> read(std::size_t max_rows);
  /// Moves to `row`. Precondition: row <= header().rows.
  void seek(std::uint64_t row);

 private:
  std::filesystem::path path_;
  std::ifstream stream_;
  npy_header header_;
  std::uint64_t next_row_ = 0;
};

}  // namespace hearth::tools
