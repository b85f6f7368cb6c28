#include "tools/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "core/limits.hpp"

namespace hearth::tools {
namespace {

static_assert(std::endian::native == std::endian::little, "npy rows are read as little-endian");

constexpr std::string_view magic = "\x93NUMPY";

std::unexpected<error> corrupt(std::string message) {
  return fail(errc::corruption, std::move(message), "save the array again with numpy.save");
}

// The header is one Python dict literal with three known keys; nothing else is accepted.
class header_parser {
 public:
  explicit header_parser(std::string_view text) : text_(text) {}

  result<void> parse() {
    if (!take('{'))
      return corrupt("npy header: expected '{'");
    for (skip_space(); !take('}'); skip_space()) {
      auto key = string();
      if (!key || !take(':'))
        return corrupt("npy header: expected a key and ':'");
      HEARTH_CHECK(entry(*key));
      skip_space();
      if (take('}'))
        break;
      if (!take(','))
        return corrupt("npy header: expected ',' or '}'");
    }
    skip_space();
    if (position_ != text_.size())
      return corrupt("npy header: text after the closing '}'");
    if (!descr || !fortran || !shape)
      return corrupt("npy header: 'descr', 'fortran_order' and 'shape' are all needed");
    return {};
  }

  std::optional<std::string_view> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<std::uint64_t>> shape;

 private:
  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n'))
      ++position_;
  }

  bool take(char wanted) {
    skip_space();
    if (position_ == text_.size() || text_[position_] != wanted)
      return false;
    ++position_;
    return true;
  }

  bool take_word(std::string_view word) {
    skip_space();
    if (!text_.substr(position_).starts_with(word))
      return false;
    position_ += word.size();
    return true;
  }

  std::optional<std::string_view> string() {
    skip_space();
    if (position_ == text_.size() || (text_[position_] != '\'' && text_[position_] != '"'))
      return std::nullopt;
    const char quote = text_[position_++];
    const auto end = text_.find(quote, position_);
    if (end == std::string_view::npos)
      return std::nullopt;
    const auto inside = text_.substr(position_, end - position_);
    position_ = end + 1;
    return inside;
  }

  std::optional<std::uint64_t> number() {
    skip_space();
    std::uint64_t answer = 0;
    const auto begin = position_;
    for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9';
         ++position_) {
      const auto digit = static_cast<std::uint64_t>(text_[position_] - '0');
      if (answer > (std::numeric_limits<std::uint64_t>::max() - digit) / 10)
        return std::nullopt;
      answer = answer * 10 + digit;
    }
    if (begin == position_)
      return std::nullopt;
    return answer;
  }

  result<void> entry(std::string_view key) {
    if (key == "descr" && !descr) {
      skip_space();
      if (position_ < text_.size() && text_[position_] == '[')
        return fail(errc::unsupported, "npy header: 'descr' is a structured type",
                    "save a plain float array of shape (rows, dimension)");
      descr = string();
      return descr ? result<void>() : corrupt("npy header: 'descr' is not a string");
    }
    if (key == "fortran_order" && !fortran) {
      if (take_word("True"))
        fortran = true;
      else if (take_word("False"))
        fortran = false;
      else
        return corrupt("npy header: 'fortran_order' is neither True nor False");
      return {};
    }
    if (key == "shape" && !shape)
      return axes();
    return corrupt("npy header: unexpected or repeated key");
  }

  result<void> axes() {
    if (!take('('))
      return corrupt("npy header: 'shape' is not a tuple");
    shape.emplace();
    while (!take(')')) {
      const auto axis = number();
      if (!axis || shape->size() == 32)
        return corrupt("npy header: 'shape' holds something that is not a count");
      shape->push_back(*axis);
      if (!take(',')) {
        if (!take(')'))
          return corrupt("npy header: 'shape' is not closed");
        break;
      }
    }
    return {};
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

result<npy_type> type_of(std::string_view descr) {
  if (descr == "<f4")
    return npy_type::float32;
  if (descr == "<f8")
    return npy_type::float64;
  if (descr == "<f2")
    return npy_type::float16;
  return fail(errc::unsupported,
              "npy: values of type '" + std::string(descr.substr(0, 32)) + "' are not supported",
              "convert first: array.astype('<f4')");
}

result<void> apply_shape(const std::vector<std::uint64_t>& shape, npy_header& header) {
  if (shape.empty() || shape.size() > 2)
    return fail(errc::unsupported,
                "npy: the array has " + std::to_string(shape.size()) + " axes; 1 or 2 are needed",
                "reshape to (rows, dimension) first");
  const auto columns = shape.back();
  if (columns == 0 || columns > limits::dimension)
    return fail(errc::limit_exceeded,
                "npy: dimension " + std::to_string(columns) + " is outside 1.." +
                    std::to_string(limits::dimension),
                "the shape must be (rows, dimension)");
  header.dimension = static_cast<std::uint32_t>(columns);
  header.rows = shape.size() == 2 ? shape.front() : 1;
  return {};
}

// Where the dict literal lies in the file.
struct extent {
  std::size_t begin = 0;
  std::size_t size = 0;
};

result<extent> header_extent(std::span<const std::byte> start) {
  if (start.size() < magic.size() + 4 || std::memcmp(start.data(), magic.data(), magic.size()) != 0)
    return corrupt("not an npy file: the magic string is missing");
  const auto byte_at = [&](std::size_t at) { return std::to_integer<std::size_t>(start[at]); };
  const auto version = byte_at(6);
  if (version < 1 || version > 3 || byte_at(7) != 0)
    return fail(errc::unsupported, "npy: format version " + std::to_string(version) + "." +
                                       std::to_string(byte_at(7)) + " is not known");
  extent answer;
  if (version == 1) {
    answer = {10, byte_at(8) | byte_at(9) << 8};
  } else {
    if (start.size() < 12)
      return corrupt("npy: the file ends inside its header");
    answer = {12, byte_at(8) | byte_at(9) << 8 | byte_at(10) << 16 | byte_at(11) << 24};
  }
  if (answer.begin + answer.size > npy_max_header)
    return corrupt("npy: the header announces " + std::to_string(answer.size) + " bytes");
  if (answer.begin + answer.size > start.size())
    return corrupt("npy: the file ends inside its header");
  return answer;
}

}  // namespace

std::size_t size_of(npy_type type) noexcept {
  switch (type) {
  case npy_type::float16:
    return 2;
  case npy_type::float32:
    return 4;
  case npy_type::float64:
    return 8;
  }
  return 0;
}

result<npy_header> parse_npy_header(std::span<const std::byte> start, std::uint64_t file_size) {
  HEARTH_TRY(const auto where, header_extent(start));
  header_parser parser{{reinterpret_cast<const char*>(start.data()) + where.begin, where.size}};
  HEARTH_CHECK(parser.parse());
  npy_header header;
  HEARTH_TRY(header.type, type_of(*parser.descr));
  HEARTH_CHECK(apply_shape(*parser.shape, header));
  // One row or one column lie the same in both orders.
  if (*parser.fortran && header.rows > 1 && header.dimension > 1)
    return fail(errc::unsupported, "npy: the array is in Fortran order",
                "save numpy.ascontiguousarray(array)");
  header.data_offset = where.begin + where.size;
  const auto row_bytes = std::uint64_t{header.dimension} * size_of(header.type);
  const auto data_bytes = file_size - std::min(file_size, header.data_offset);
  if (header.rows > data_bytes / row_bytes || header.rows * row_bytes != data_bytes)
    return corrupt("npy: the shape (" + std::to_string(header.rows) + ", " +
                   std::to_string(header.dimension) + ") does not fit the file's " +
                   std::to_string(data_bytes) + " bytes of data");
  return header;
}

std::string make_npy_header(std::uint64_t rows, std::uint32_t dimension) {
  constexpr std::size_t total = 128;
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) +
                     ", " + std::to_string(dimension) + "), }";
  dict.resize(total - 10 - 1, ' ');
  dict += '\n';
  std::string header{magic};
  header += {'\x01', '\x00', static_cast<char>(dict.size()), '\x00'};
  return header + dict;
}

float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = std::uint32_t{half} >> 15 << 31;
  const std::uint32_t exponent = half >> 10 & 0x1fU;
  const std::uint32_t mantissa = half & 0x3ffU;
  if (exponent == 0) {
    // Zero or subnormal: mantissa * 2^-24, which binary32 holds exactly.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1f ? 0xffU : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

result<npy_reader> npy_reader::open(const std::filesystem::path& file) {
  npy_reader reader;
  reader.path_ = file;
  std::error_code failure;
  const auto size = std::filesystem::file_size(file, failure);
  if (failure)
    return fail(failure == std::errc::no_such_file_or_directory ? errc::not_found : errc::io_error,
                file.string() + ": " + failure.message());
  reader.stream_.open(file, std::ios::binary);
  std::vector<std::byte> start(std::min<std::uint64_t>(size, npy_max_header));
  reader.stream_.read(reinterpret_cast<char*>(start.data()),
                      static_cast<std::streamsize>(start.size()));
  if (!reader.stream_)
    return fail(errc::io_error, file.string() + ": cannot be read");
  auto header = parse_npy_header(start, size);
  if (!header) {
    auto failed = std::move(header).error();
    failed.message = file.string() + ": " + failed.message;
    return std::unexpected(std::move(failed));
  }
  reader.header_ = *header;
  reader.seek(0);
  return reader;
}

void npy_reader::seek(std::uint64_t row) {
  next_row_ = row;
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(header_.data_offset +
                                            row * header_.dimension * size_of(header_.type)));
}

result<matrix> npy_reader::read(std::size_t max_rows) {
  const auto rows = std::min<std::uint64_t>(max_rows, header_.rows - next_row_);
  const auto values = static_cast<std::size_t>(rows) * header_.dimension;
  std::vector<char> raw(values * size_of(header_.type));
  if (!stream_.read(raw.data(), static_cast<std::streamsize>(raw.size())))
    return fail(errc::io_error,
                path_.string() + ": cannot be read at row " + std::to_string(next_row_));
  std::vector<float> out(values);
  switch (header_.type) {
  case npy_type::float32:
    if (!raw.empty())
      std::memcpy(out.data(), raw.data(), raw.size());
    break;
  case npy_type::float64:
    for (std::size_t i = 0; i < values; ++i) {
      double wide = 0;
      std::memcpy(&wide, raw.data() + i * sizeof wide, sizeof wide);
      out[i] = static_cast<float>(wide);
    }
    break;
  case npy_type::float16:
    for (std::size_t i = 0; i < values; ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, raw.data() + i * sizeof half, sizeof half);
      out[i] = half_to_float(half);
    }
    break;
  }
  next_row_ += rows;
  return matrix(std::move(out), static_cast<std::size_t>(rows), header_.dimension);
}

}  // namespace hearth::tools
