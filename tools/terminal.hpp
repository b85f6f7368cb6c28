#pragma once
// What people see: aligned tables, snippets, sizes, durations, and a progress bar.
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::tools {

/// Columns that `text` takes on a terminal: code points, wide East Asian ones counted twice,
/// combining marks not at all. Bytes that are not UTF-8 count as one each.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// At most `width` columns of `text` on one line: runs of white space and control characters become
/// one space (escape sequences in stored text must not reach the terminal), and what is cut off is
/// marked with an ellipsis.
[[nodiscard]] std::string snippet(std::string_view text, std::size_t width);

/// "1,234,567".
[[nodiscard]] std::string group_digits(std::uint64_t number);
/// "3 m 05 s", "2.1 s", "850 us".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);
/// Fixed notation with `digits` after the point.
[[nodiscard]] std::string format_fixed(double number, int digits);

/// Rows under headings, columns as wide as their widest cell. Columns of numbers are right-aligned.
class table {
 public:
  enum class align : std::uint8_t { left, right };
  struct column {
    std::string heading;
    align side = align::left;
  };

  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}
  /// Precondition: one cell per column.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print(std::ostream& out) const;

 private:
  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Columns of the terminal on standard output; 100 where there is none.
[[nodiscard]] std::size_t terminal_width() noexcept;

/// One line on standard error that is drawn over itself: share, rate and time left. Draws nothing
/// unless `visible`. One thread.
class progress_bar {
 public:
  progress_bar(std::ostream& out, bool visible) : out_(out), visible_(visible) {}
  ~progress_bar() { clear(); }
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// `share` is 0..1, or negative if the end is not known; redrawn at most ten times a second.
  void update(double share, std::uint64_t rows);
  void clear();

 private:
  using clock = std::chrono::steady_clock;
  std::ostream& out_;
  bool visible_;
  bool drawn_ = false;
  clock::time_point start_ = clock::now();
  clock::time_point last_{};
};

/// The text of a progress line, as update() draws it.
[[nodiscard]] std::string progress_line(double share, std::uint64_t rows,
                                        std::chrono::duration<double> elapsed);

}  // namespace hearth::tools
