#include "tools/row_source.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iostream>

#include "core/format.hpp"
#include "tools/csv.hpp"
#include "tools/npy.hpp"

namespace hearth::tools {
namespace {

constexpr std::size_t max_line_bytes = std::size_t{64} << 20;

// An input file or standard input, and how much of it there is.
struct text_input {
  std::ifstream file;
  std::istream* stream = nullptr;
  std::uint64_t size = 0;  // 0: not known
};

result<std::unique_ptr<text_input>> open_text(const std::filesystem::path& path) {
  auto input = std::make_unique<text_input>();
  if (path == "-") {
    input->stream = &std::cin;
    return input;
  }
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (status.type() == std::filesystem::file_type::not_found)
    return fail(errc::not_found, core::format("{}: no such file", path.string()));
  if (status.type() == std::filesystem::file_type::directory)
    return fail(errc::invalid_argument, core::format("{} is a directory", path.string()));
  input->file.open(path, std::ios::binary);
  if (!input->file)
    return fail(errc::io_error, core::format("{} cannot be opened for reading", path.string()));
  if (status.type() == std::filesystem::file_type::regular)
    input->size = std::filesystem::file_size(path, failure);
  input->stream = &input->file;
  return input;
}

double share_of(std::uint64_t done, std::uint64_t all) {
  return all == 0 ? -1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(all));
}

error at(const std::string& place, error failure) {
  failure.message = place + ": " + failure.message;
  return failure;
}

// Lines of bounded length, counted from 1.
class line_reader {
 public:
  explicit line_reader(std::unique_ptr<text_input> input) : input_(std::move(input)) {}

  result<bool> next(std::string& line) {
    line.clear();
    auto* buffer = input_->stream->rdbuf();
    ++number_;
    for (;;) {
      const int byte = buffer->sbumpc();
      if (byte == std::char_traits<char>::eof())
        return !line.empty();
      ++bytes_;
      if (byte == '\n')
        break;
      if (line.size() == max_line_bytes)
        return fail(errc::limit_exceeded, place() + " is longer than 64 MiB");
      line += static_cast<char>(byte);
    }
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    return true;
  }

  [[nodiscard]] std::string place() const { return core::format("line {}", number_); }
  [[nodiscard]] double share() const { return share_of(bytes_, input_->size); }

 private:
  std::unique_ptr<text_input> input_;
  std::uint64_t number_ = 0;
  std::uint64_t bytes_ = 0;
};

class jsonl_source final : public row_source {
 public:
  jsonl_source(std::unique_ptr<text_input> input, source_options options)
      : lines_(std::move(input)), options_(std::move(options)) {}

  result<bool> next(import_row& row) override {
    for (;;) {
      HEARTH_TRY(const bool more, lines_.next(line_));
      if (!more)
        return false;
      if (line_.find_first_not_of(" \t") != std::string::npos)
        break;
    }
    if (auto parsed = parse(row); !parsed)
      return std::unexpected(at(place(), std::move(parsed).error()));
    return true;
  }

  std::string place() const override { return lines_.place(); }
  double share() const override { return lines_.share(); }

 private:
  result<void> parse(import_row& row) {
    HEARTH_TRY(const auto document, parse_json(line_));
    if (!document.is_object())
      return fail(errc::invalid_argument, "not a JSON object");
    row = {};
    for (const auto& [key, item] : document.items()) {
      if (key == options_.id_field) {
        HEARTH_TRY(row.id, id_from_json(item, key));
      } else if (key == options_.vector_field) {
        if (!item.is_null()) {
          HEARTH_TRY(row.vector, vector_from_json(item, key));
        }
      } else if (key == options_.text_field) {
        if (item.is_string())
          row.text = item.get<std::string>();
        else if (!item.is_null())
          return fail(errc::invalid_argument, key + " must be a string");
      } else if (key == "named_vectors" && item.is_object()) {
        for (const auto& [name, values] : item.items()) {
          HEARTH_TRY(row.named_vectors[name],
                     vector_from_json(values, core::format("{}.{}", key, name)));
        }
      } else if (key == "metadata") {
        HEARTH_TRY(auto members, metadata_from_json(item, key));
        HEARTH_CHECK(add(row, std::move(members)));
      } else if (key != "version") {  // exported lines carry it; it cannot be set
        HEARTH_TRY(auto members, metadata_from_json(json::object({{key, item}}), "metadata"));
        HEARTH_CHECK(add(row, std::move(members)));
      }
    }
    return {};
  }

  static result<void> add(import_row& row, value_map members) {
    row.metadata.merge(members);
    if (!members.empty())  // what merge left behind was there already
      return fail(errc::invalid_argument,
                  core::format("metadata key '{}' is given twice", members.begin()->first),
                  "top-level fields are metadata too; name each key once");
    return {};
  }

  line_reader lines_;
  source_options options_;
  std::string line_;
};

class csv_source final : public row_source {
 public:
  csv_source(std::unique_ptr<text_input> input, source_options options)
      : input_(std::move(input)), reader_(*input_->stream), options_(std::move(options)) {}

  result<void> read_header() {
    HEARTH_TRY(const bool any, reader_.next(header_));
    if (!any)
      return fail(errc::invalid_argument, "the file is empty", "the first line names the columns");
    auto names = header_;
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
      return fail(errc::invalid_argument,
                  core::format("line 1: column '{}' is named twice", *twice));
    if (names.front().empty())
      return fail(errc::invalid_argument, "line 1: a column has no name");
    return {};
  }

  result<bool> next(import_row& row) override {
    HEARTH_TRY(const bool more, reader_.next(fields_));
    if (!more)
      return false;
    if (auto parsed = parse(row); !parsed)
      return std::unexpected(at(place(), std::move(parsed).error()));
    return true;
  }

  std::string place() const override { return core::format("line {}", reader_.line()); }
  double share() const override { return share_of(reader_.bytes_read(), input_->size); }

 private:
  result<void> parse(import_row& row) {
    if (fields_.size() != header_.size())
      return fail(errc::invalid_argument, core::format("{} fields, but the header names {} columns",
                                                       fields_.size(), header_.size()));
    row = {};
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const auto& name = header_[i];
      auto& cell = fields_[i];
      if (cell.empty())
        continue;
      if (name == options_.id_field) {
        HEARTH_TRY(row.id, id_from_text(cell, options_.ids));
      } else if (name == options_.text_field) {
        row.text = std::move(cell);
      } else if (name == options_.vector_field) {
        HEARTH_TRY(const auto array, parse_json(cell));
        HEARTH_TRY(row.vector, vector_from_json(array, name));
      } else {
        row.metadata.emplace(name, options_.string_values ? value(cell) : value_from_cell(cell));
      }
    }
    return {};
  }

  std::unique_ptr<text_input> input_;
  csv_reader reader_;
  source_options options_;
  std::vector<std::string> header_;
  std::vector<std::string> fields_;
};

class npy_source final : public row_source {
 public:
  npy_source(npy_reader reader, id_style ids) : reader_(std::move(reader)), style_(ids) {}

  result<void> open_columns(const source_options& options) {
    if (!options.ids_file.empty()) {
      HEARTH_TRY(auto input, open_text(options.ids_file));
      ids_.emplace(std::move(input));
    }
    if (!options.metadata_file.empty()) {
      HEARTH_TRY(auto input, open_text(options.metadata_file));
      metadata_.emplace(std::move(input));
    }
    return {};
  }

  result<bool> next(import_row& row) override {
    if (row_ == reader_.header().rows) {
      HEARTH_CHECK(expect_end(ids_, "ids"));
      HEARTH_CHECK(expect_end(metadata_, "metadata"));
      return false;
    }
    const auto in_block = row_ - block_start_;
    if (in_block == block_.rows()) {
      block_start_ = row_;
      HEARTH_TRY(block_, reader_.read(block_rows()));
    }
    row = {};
    const auto values = block_.view().row(static_cast<std::size_t>(row_ - block_start_));
    row.vector.assign(values.begin(), values.end());
    HEARTH_CHECK(read_id(row));
    HEARTH_CHECK(read_metadata(row));
    ++row_;
    return true;
  }

  std::string place() const override { return core::format("row {}", row_ == 0 ? 0 : row_ - 1); }
  double share() const override { return share_of(row_, reader_.header().rows); }

 private:
  std::size_t block_rows() const {
    constexpr std::size_t block_bytes = std::size_t{4} << 20;
    return std::max<std::size_t>(1, block_bytes / sizeof(float) / reader_.header().dimension);
  }

  result<void> read_id(import_row& row) {
    if (!ids_) {
      row.id = record_id{row_};
      return {};
    }
    HEARTH_TRY(const bool more, ids_->next(line_));
    if (!more)
      return too_short("ids");
    auto id = id_from_text(line_, style_);
    if (!id)
      return std::unexpected(at("ids, " + ids_->place(), std::move(id).error()));
    row.id = *std::move(id);
    return {};
  }

  result<void> read_metadata(import_row& row) {
    if (!metadata_)
      return {};
    HEARTH_TRY(const bool more, metadata_->next(line_));
    if (!more)
      return too_short("metadata");
    auto parsed = [&]() -> result<value_map> {
      HEARTH_TRY(const auto document, parse_json(line_));
      return metadata_from_json(document, "metadata");
    }();
    if (!parsed)
      return std::unexpected(at("metadata, " + metadata_->place(), std::move(parsed).error()));
    row.metadata = *std::move(parsed);
    return {};
  }

  std::unexpected<error> too_short(const char* column) const {
    return fail(errc::invalid_argument,
                core::format("the {} file ends after {} lines, but the matrix has {} rows", column,
                             row_, reader_.header().rows),
                "one line per row of the matrix is needed");
  }

  result<void> expect_end(std::optional<line_reader>& lines, const char* column) {
    if (!lines)
      return {};
    HEARTH_TRY(const bool more, lines->next(line_));
    if (more)
      return fail(errc::invalid_argument,
                  core::format("the {} file has more lines than the matrix has rows ({})", column,
                               reader_.header().rows),
                  "one line per row of the matrix is needed");
    return {};
  }

  npy_reader reader_;
  id_style style_;
  std::optional<line_reader> ids_;
  std::optional<line_reader> metadata_;
  matrix block_;
  std::uint64_t block_start_ = 0;
  std::uint64_t row_ = 0;
  std::string line_;
};

}  // namespace

result<file_format> format_of(const std::filesystem::path& file) {
  const auto extension = file.extension();
  if (extension == ".npy")
    return file_format::npy;
  if (extension == ".jsonl" || extension == ".ndjson")
    return file_format::jsonl;
  if (extension == ".csv")
    return file_format::csv;
  return fail(errc::invalid_argument,
              core::format("{}: the format cannot be told from the name", file.string()),
              "name it: --format npy, --format jsonl or --format csv");
}

result<std::unique_ptr<row_source>> open_source(const std::filesystem::path& file,
                                                const source_options& options) {
  if (options.format == file_format::npy) {
    HEARTH_TRY(auto reader, npy_reader::open(file));
    auto source = std::make_unique<npy_source>(std::move(reader), options.ids);
    HEARTH_CHECK(source->open_columns(options));
    return source;
  }
  HEARTH_TRY(auto input, open_text(file));
  if (options.format == file_format::jsonl)
    return std::make_unique<jsonl_source>(std::move(input), options);
  auto source = std::make_unique<csv_source>(std::move(input), options);
  HEARTH_CHECK(source->read_header());
  return source;
}

value value_from_cell(const std::string& cell) {
  if (cell == "true" || cell == "false")
    return value{cell == "true"};
  // 007 and 1,000 are not numbers: what cannot be written back the same stays text.
  if (cell.find_first_not_of("+-.0123456789eE") != std::string::npos || cell.front() == '+')
    return value{cell};
  const std::size_t first_digit = cell.front() == '-' ? 1 : 0;
  if (cell.size() > first_digit + 1 && cell[first_digit] == '0' && cell[first_digit + 1] != '.')
    return value{cell};
  const char* const end = cell.data() + cell.size();
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(cell.data(), end, whole);
      read.ec == std::errc{} && read.ptr == end)
    return value{whole};
  double number = 0;
  if (const auto read = std::from_chars(cell.data(), end, number);
      read.ec == std::errc{} && read.ptr == end && std::isfinite(number))
    return value{number};
  return value{cell};
}

}  // namespace hearth::tools
