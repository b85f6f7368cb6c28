#include "tools/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/format.hpp"

namespace hearth::tools {
namespace {

struct code_point {
  std::uint32_t number = 0xfffd;
  std::size_t bytes = 1;
};

// Decodes leniently: anything malformed is one replacement character of one byte.
code_point decode(std::string_view text) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80)
    return {lead, 1};
  const std::size_t length = lead >= 0xf0 && lead < 0xf5   ? 4
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                                                           : 0;
  if (length == 0 || text.size() < length)
    return {};
  std::uint32_t number = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return {};
    number = number << 6 | (byte(i) & 0x3fU);
  }
  return {number, length};
}

struct range {
  std::uint32_t first;
  std::uint32_t last;
};

template <std::size_t N>
bool in_any(std::uint32_t number, const std::array<range, N>& ranges) noexcept {
  return std::ranges::any_of(ranges,
                             [&](const range& r) { return number >= r.first && number <= r.last; });
}

// The blocks that matter for alignment, after Unicode's EastAsianWidth and general categories.
std::size_t width_of(std::uint32_t number) noexcept {
  static constexpr std::array<range, 5> zero{
      {{0x300, 0x36f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2069}, {0xfe00, 0xfe0f}}};
  static constexpr std::array<range, 8> wide{{{0x1100, 0x115f},
                                              {0x2e80, 0x303e},
                                              {0x3041, 0xa4cf},
                                              {0xac00, 0xd7a3},
                                              {0xf900, 0xfaff},
                                              {0xfe30, 0xfe6f},
                                              {0xff00, 0xff60},
                                              {0x1f300, 0x3fffd}}};
  if (in_any(number, zero))
    return 0;
  return in_any(number, wide) ? 2 : 1;
}

bool is_control(std::uint32_t number) noexcept {
  static constexpr std::array<range, 3> bidi_and_separators{
      {{0x2028, 0x202e}, {0x2066, 0x2069}, {0x80, 0x9f}}};
  return number < 0x20 || number == 0x7f || in_any(number, bidi_and_separators);
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto point = decode(text);
    width += width_of(point.number);
    text.remove_prefix(point.bytes);
  }
  return width;
}

std::string snippet(std::string_view text, std::size_t width) {
  std::string line;
  std::size_t used = 0;
  std::size_t keep = 0;  // bytes of `line` that leave a column for the ellipsis
  bool space = false;
  while (!text.empty()) {
    const auto point = decode(text);
    const auto bytes = text.substr(0, point.bytes);
    text.remove_prefix(point.bytes);
    if (point.number == ' ' || is_control(point.number)) {
      space = !line.empty();
      continue;
    }
    const std::size_t needed = width_of(point.number) + (space ? 1 : 0);
    if (used + needed > width) {
      line.resize(keep);
      return width == 0 ? std::string() : line + "…";
    }
    if (space)
      line += ' ';
    space = false;
    if (point.number == 0xfffd)
      line += "\xef\xbf\xbd";
    else
      line += bytes;
    used += needed;
    if (used < width)
      keep = line.size();
  }
  return line;
}

std::string group_digits(std::uint64_t number) {
  const auto digits = std::to_string(number);
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0)
      grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string format_fixed(double number, int digits) {
  return core::format("{:.{}f}", number, digits);
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration<double>(duration).count();
  if (seconds < 1e-3)
    return format_fixed(seconds * 1e6, 0) + " us";
  if (seconds < 1)
    return format_fixed(seconds * 1e3, 1) + " ms";
  if (seconds < 60)
    return format_fixed(seconds, 1) + " s";
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (whole < 3600)
    return core::format("{} m {:02} s", whole / 60, whole % 60);
  return core::format("{} h {:02} m", whole / 3600, whole / 60 % 60);
}

void table::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    widths.push_back(display_width(columns_[c].heading));
    for (const auto& row : rows_)
      widths[c] = std::max(widths[c], display_width(row[c]));
  }
  const auto line = [&](const auto& cell) {
    std::string text;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string& content = cell(c);
      const std::string fill(widths[c] - display_width(content), ' ');
      text += columns_[c].side == align::right ? fill + content : content + fill;
      if (c + 1 < columns_.size())
        text += "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  };
  line([&](std::size_t c) -> const std::string& { return columns_[c].heading; });
  for (const auto& row : rows_)
    line([&](std::size_t c) -> const std::string& { return row[c]; });
}

std::size_t terminal_width() noexcept {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col >= 40)
    return size.ws_col;
  return 100;
}

std::string progress_line(double share, std::uint64_t rows, std::chrono::duration<double> elapsed) {
  const double seconds = std::max(elapsed.count(), 1e-6);
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(rows) / seconds);
  const auto amounts = core::format("{} rows, {} rows/s", group_digits(rows), group_digits(rate));
  if (share < 0)
    return amounts;
  constexpr std::size_t cells = 24;
  const double bounded = std::min(share, 1.0);
  const auto filled = static_cast<std::size_t>(bounded * cells);
  auto line = core::format("[{:#<{}}{:.<{}}] {:.0f}%  {}", "", filled, "", cells - filled,
                           bounded * 100, amounts);
  // Before one percent an estimate is noise.
  if (bounded >= 0.01 && bounded < 1) {
    const double left_s = seconds * (1 - bounded) / bounded;
    line += core::format(", {} left", format_duration(std::chrono::nanoseconds(
                                          static_cast<std::int64_t>(left_s * 1e9))));
  }
  return line;
}

void progress_bar::update(double share, std::uint64_t rows) {
  const auto now = clock::now();
  if (!visible_ || (drawn_ && now - last_ < std::chrono::milliseconds(100)))
    return;
  last_ = now;
  drawn_ = true;
  out_ << "\r\x1b[K" << progress_line(share, rows, now - start_) << std::flush;
}

void progress_bar::clear() {
  if (drawn_)
    out_ << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace hearth::tools
