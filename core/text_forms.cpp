#include "core/text_forms.hpp"

#include <array>
#include <charconv>

namespace hearth::inline core {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (byte < 0x20 || byte == 0x7f) {
        out += "\\u00";
        out += hex_digits[byte >> 4U];
        out += hex_digits[byte & 0xfU];
      } else {
        out += c;
      }
    }
  }
  out += '"';
}

void append_float(std::string& out, double number, bool point) {
  std::array<char, 32> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), number);
  const std::string_view made(text.data(), static_cast<std::size_t>(written.ptr - text.data()));
  out += made;
  if (point && made.find_first_of(".e") == std::string_view::npos)
    out += ".0";
}

void append_base64(std::string& out, std::string_view bytes) {
  const auto byte = [&](std::size_t at) -> std::uint32_t {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0;
  };
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto group = byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2);
    out += base64_digits[group >> 18U];
    out += base64_digits[group >> 12U & 63U];
    out += at + 1 < bytes.size() ? base64_digits[group >> 6U & 63U] : '=';
    out += at + 2 < bytes.size() ? base64_digits[group & 63U] : '=';
  }
}

std::optional<std::string> read_base64(std::string_view text) {
  if (text.size() % 4 != 0)
    return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const auto group = text.substr(at, 4);
    const auto digits = group.substr(0, group.find('='));
    const bool last = at + 4 == text.size();
    if (digits.size() < 2 || (digits.size() < 4 && !last) ||
        group.find_first_not_of('=', digits.size()) != std::string_view::npos)
      return std::nullopt;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto digit = i < digits.size() ? base64_digits.find(digits[i]) : 0;
      if (digit == std::string_view::npos)
        return std::nullopt;
      bits = bits << 6U | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t i = 0; i + 1 < digits.size(); ++i)
      bytes += static_cast<char>(bits >> (16U - 8U * static_cast<unsigned>(i)) & 0xffU);
    const auto unused = 8U * static_cast<unsigned>(4 - digits.size());
    if (digits.size() < 4 && (bits & ((std::uint32_t{1} << unused) - 1)) != 0)
      return std::nullopt;  // bits beyond the last byte: another text of the same bytes
  }
  return bytes;
}

}  // namespace hearth::inline core
