#pragma once
// RFC 4180: comma-separated fields, quotes doubled inside quotes, line breaks inside quotes kept.
#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace hearth::tools {

/// Reads records from `input`, which must outlive it. LF and CRLF both end a record; a byte order
/// mark at the start is skipped; lines that are entirely empty are skipped.
class csv_reader {
 public:
  explicit csv_reader(std::istream& input) : input_(input) {}

  /// Reads the next record into `fields`; false at the end of the input. Errors, with the line
  /// number: invalid_argument (a quote in the middle of a field, a quote never closed),
  /// limit_exceeded (a record over `max_record_bytes`).
  [[nodiscard]] result<bool> next(std::vector<std::string>& fields);

  /// The line, from 1, where the record that next() read last began.
  [[nodiscard]] std::uint64_t line() const noexcept { return record_line_; }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_; }

  static constexpr std::size_t max_record_bytes = std::size_t{64} << 20;

 private:
  enum class stop : std::uint8_t { field, record, end };

  int get();
  result<stop> read_field(std::string& out);
  result<stop> read_quoted(std::string& out);
  std::unexpected<error> refuse(errc code, const std::string& what) const;

  std::istream& input_;
  std::uint64_t current_line_ = 1;
  std::uint64_t record_line_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t record_start_ = 0;
};

}  // namespace hearth::tools
