#pragma once
// The files that `hearth import` reads, as one stream of rows.
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/record.hpp"
#include "tools/json_value.hpp"

namespace hearth::tools {

/// One record as the file has it; what is absent is empty.
struct import_row {
  std::optional<record_id> id;
  std::vector<float> vector;
  std::map<std::string, std::vector<float>> named_vectors;
  value_map metadata;
  std::optional<std::string> text;
};

/// Rows from front to back. One thread.
class row_source {
 public:
  virtual ~row_source() = default;
  /// Fills `row`; false at the end. Messages of errors name the place but not the file.
  [[nodiscard]] virtual result<bool> next(import_row& row) = 0;
  /// Where the row that next() answered last is: "line 17", "row 16".
  [[nodiscard]] virtual std::string place() const = 0;
  /// How much of the file is read, 0..1; negative if its size is not known.
  [[nodiscard]] virtual double share() const = 0;
};

enum class file_format : std::uint8_t { npy, jsonl, csv };

/// From the file's extension. invalid_argument with the known ones.
[[nodiscard]] result<file_format> format_of(const std::filesystem::path& file);

struct source_options {
  file_format format = file_format::jsonl;
  std::string id_field = "id";
  std::string text_field = "text";
  std::string vector_field = "vector";
  id_style ids = id_style::automatic;
  bool string_values = false;           ///< CSV: metadata cells stay strings
  std::filesystem::path ids_file;       ///< npy: one id per line; empty: the row numbers from 0
  std::filesystem::path metadata_file;  ///< npy: one JSON object per line; empty: none
};

/// Opens `file` ("-": standard input, for jsonl and csv). not_found, io_error, or what the file's
/// first bytes are refused for.
[[nodiscard]] result<std::unique_ptr<row_source>> open_source(const std::filesystem::path& file,
                                                              const source_options& options);

/// A CSV cell as a metadata value: integers without leading zeros, decimal numbers, true and false;
/// anything else is a string.
[[nodiscard]] value value_from_cell(const std::string& cell);

}  // namespace hearth::tools
